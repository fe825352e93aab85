"""Secrets have a name in texts, and a value at the last moment."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from medallion.errors import DefinitionError
from medallion.hiding import masked
from medallion.secrets import Environment, Secrets, names_in, reveal, secret


@dataclass
class Kept:
    """A place in memory that counts how often it is asked."""

    values: Mapping[str, str]
    shown: str = "memory"
    near: bool = True
    asked: int = 0

    def find(self, name: str) -> str | None:
        self.asked += 1
        return self.values.get(name)


def test_a_secret_is_a_text_that_fits_into_another() -> None:
    address = f"mysql://reader:{secret('SHOP_PASSWORD')}@host/shop"

    assert address == "mysql://reader:${SHOP_PASSWORD}@host/shop"
    assert names_in(f"{address} {secret('a/b-c.key')} {secret('SHOP_PASSWORD')}") == (
        "SHOP_PASSWORD",
        "a/b-c.key",
    )


@pytest.mark.parametrize("name", ["", "1A", "A B", "A}", "A.", ".a", "a.b.c"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="names no secret"):
        secret(name)


@pytest.mark.parametrize("text", ["sqlite:///${LAKE", "${}", "x${A B}", "${${A}}"])
def test_a_text_with_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match="names no secret"):
        names_in(text)


def test_values_take_the_places_of_names_and_are_not_read_again() -> None:
    secrets = Secrets([Kept({"A": "one ${B} $", "B": "two"})])

    assert secrets.resolve("${A}-${B} $C {D}") == "one ${B} $-two $C {D}"


def test_a_password_in_an_address_may_hold_any_character() -> None:
    from sqlalchemy import make_url

    password = "p@ss:w/rd%?#é& +"
    secrets = Secrets([Kept({"P": password, "WHOLE": f"mysql://u:{password[:4]}@h/d"})])

    url = make_url(secrets.resolve_address("postgresql+psycopg2://lake:${P}@db:5432/lake"))
    assert (url.password, url.host, url.port, url.database) == (password, "db", 5432, "lake")
    assert secrets.resolve_address("${WHOLE}?x=1") == "mysql://u:p@ss@h/d?x=1"


def test_the_first_place_that_knows_a_name_counts_and_is_asked_once() -> None:
    first, second = Kept({"A": "first-value"}), Kept({"A": "second-value", "B": "other-value"})
    secrets = Secrets([first, second])

    assert secrets.resolve("${A} ${B}") == "first-value other-value"
    assert secrets.resolve("${A} ${A}") == "first-value first-value"
    assert (first.asked, second.asked) == (2, 1)


def test_a_name_that_nobody_knows_is_told_with_where_was_looked() -> None:
    secrets = Secrets([Kept({}, "the environment"), Kept({}, "/lake/.env")])

    with pytest.raises(DefinitionError) as caught:
        secrets.resolve("x${SHOP}", "the source of bronze.orders")

    assert (
        caught.value.message == "there is no secret SHOP, which the source of bronze.orders needs"
    )
    assert "looked in: the environment, /lake/.env" in caught.value.hint


def test_one_key_of_a_secret_that_is_json() -> None:
    secrets = Secrets([Kept({"db": '{"password": "hunter-json", "port": 5432, "none": null}'})])

    assert secrets.resolve("${db.password}:${db.port}") == "hunter-json:5432"
    assert masked("hunter-json") == "${db.password}"
    for name in ("db.user", "db.none"):
        with pytest.raises(DefinitionError, match="no JSON object with a text or a number") as told:
            secrets.resolve(f"${{{name}}}")
        assert "hunter" not in str(told.value)


def test_a_secret_that_is_no_json_has_no_keys() -> None:
    secrets = Secrets([Kept({"db": "hunter-plain"})])

    with pytest.raises(DefinitionError, match="no JSON object") as told:
        secrets.resolve("${db.password}")
    assert told.value.__cause__ is None


def test_what_was_resolved_is_hidden_and_what_was_not_is_not() -> None:
    secrets = Secrets([Kept({"R": "resolved-value", "N": "never-looked-at"})])
    secrets.resolve("${R}")

    assert masked("resolved-value never-looked-at") == "${R} never-looked-at"
    assert "resolved-value" not in repr(secrets.find("R"))


def test_only_near_places_are_asked_to_hide_names() -> None:
    far = Kept({"A": "far-away-value"}, near=False)
    secrets = Secrets([Kept({}), far])

    secrets.hide(["A"])
    assert far.asked == 0
    assert secrets.resolve("${A}") == "far-away-value"


def test_naming_a_secret_of_the_environment_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMED_SECRET", "value-of-named")

    secret("NAMED_SECRET")

    assert masked("value-of-named") == "${NAMED_SECRET}"


def test_a_model_called_by_itself_gets_values_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", "value-of-token")
    monkeypatch.setenv("EMPTY_OF_TEST", "")

    assert reveal(f"Bearer {secret('TOKEN_OF_TEST')}") == "Bearer value-of-token"
    assert Environment().find("EMPTY_OF_TEST") is None
    with Secrets([Kept({"TOKEN_OF_TEST": "of the project"})]).opened():
        assert reveal("${TOKEN_OF_TEST}") == "of the project"
