"""Where values of secrets are kept: `.env` and AWS Secrets Manager."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from medallion.adapters.secrets.aws import SecretsManager
from medallion.adapters.secrets.local import EnvFile
from medallion.config import Settings, read_settings
from medallion.errors import DefinitionError, InfrastructureError
from medallion.wiring import secrets_of


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """AWS Secrets Manager with nothing in it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield boto3.client("secretsmanager")


def test_an_env_file_is_read_and_the_environment_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# of the shop\nSHOP='p$ss ${HOME} #1'\nexport OTHER=x y\nEMPTY=\nBARE\n")
    before = dict(os.environ)

    kept = EnvFile(file)

    assert kept.find("SHOP") == "p$ss ${HOME} #1"
    assert kept.find("OTHER") == "x y"
    assert kept.find("EMPTY") is None
    assert kept.find("BARE") is None
    assert dict(os.environ) == before


def test_no_env_file_is_none_that_knows_anything(tmp_path: Path) -> None:
    assert EnvFile(tmp_path / ".env").find("SHOP") is None


def test_an_env_file_that_is_no_text_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SHOP=hunter\xff\n")

    with pytest.raises(DefinitionError, match=r"\.env cannot be read: UnicodeDecodeError") as told:
        EnvFile(tmp_path / ".env").find("SHOP")
    assert "hunter" not in str(told.value)
    assert told.value.__cause__ is None


def test_the_environment_goes_before_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FIRST_PLACE=file-value\nSECOND_PLACE=file-second\n")
    monkeypatch.setenv("FIRST_PLACE", "environment-value")

    secrets = secrets_of(Settings(tmp_path))

    assert secrets.resolve("${FIRST_PLACE} ${SECOND_PLACE}") == "environment-value file-second"
    with pytest.raises(DefinitionError, match="no secret THIRD_PLACE") as told:
        secrets.resolve("${THIRD_PLACE}")
    assert str(tmp_path / ".env") in told.value.hint


def test_aws_is_asked_when_the_setting_says_so(tmp_path: Path, manager: Any) -> None:
    manager.create_secret(Name="lake/db", SecretString=json.dumps({"password": "aws-value-1"}))
    manager.create_secret(Name="plain", SecretString="aws-value-2")

    secrets = secrets_of(read_settings(tmp_path, {"MEDALLION_SECRETS": "aws:lake/"}))
    assert secrets.resolve("${db.password}") == "aws-value-1"
    with pytest.raises(DefinitionError, match="no secret plain") as told:
        secrets.resolve("${plain}")
    assert "AWS Secrets Manager (lake/...)" in told.value.hint
    assert secrets_of(read_settings(tmp_path, {"MEDALLION_SECRETS": "aws"})).resolve(
        "${plain} ${lake/db.password}"
    ) == ("aws-value-2 aws-value-1")


def test_a_secret_is_fetched_once(manager: Any) -> None:
    manager.create_secret(Name="rotated", SecretString="before")
    place = SecretsManager()
    assert place.find("rotated") == "before"

    manager.put_secret_value(SecretId="rotated", SecretString="after")

    assert place.find("rotated") == "before"
    assert SecretsManager().find("rotated") == "after"


def test_a_secret_that_is_going_or_no_text_is_told(manager: Any) -> None:
    manager.create_secret(Name="going", SecretString="hunter-going")
    manager.delete_secret(SecretId="going")
    manager.create_secret(Name="binary", SecretBinary=b"hunter-binary")

    with pytest.raises(InfrastructureError, match=r"going cannot be read.*InvalidRequest"):
        SecretsManager().find("going")
    with pytest.raises(InfrastructureError, match="binary in AWS Secrets Manager is no text"):
        SecretsManager().find("binary")


def test_aws_without_a_region_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(
        InfrastructureError, match="cannot be asked for x: You must specify a region"
    ):
        SecretsManager().find("x")


def test_another_place_than_aws_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="secrets = 'vault' does not fit") as told:
        read_settings(tmp_path, {"MEDALLION_SECRETS": "vault"})
    assert "aws:PREFIX" in told.value.hint
