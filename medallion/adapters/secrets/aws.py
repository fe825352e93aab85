"""Secrets in AWS Secrets Manager."""

from functools import cached_property
from typing import Any

from medallion.errors import InfrastructureError

_UNKNOWN = "ResourceNotFoundException"
_HINT = "check the region and the credentials of AWS: aws sts get-caller-identity"
_WAIT_S = 5


class SecretsManager:
    """Secrets by name, each asked for once; `prefix` stands before the names.

    Region and credentials are found as AWS's own programs find them.
    """

    near = False

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._known: dict[str, str] = {}
        self.shown = f"AWS Secrets Manager ({prefix}...)" if prefix else "AWS Secrets Manager"

    def find(self, name: str) -> str | None:
        """The text of the secret; None where there is none.

        Raises:
            InfrastructureError: AWS cannot be asked, or does not allow it.
        """
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        asked = f"{self._prefix}{name}"
        if asked in self._known:
            return self._known[asked]
        try:
            answer = self._client.get_secret_value(SecretId=asked)
        except ParamValidationError:
            return None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == _UNKNOWN:
                return None
            raise InfrastructureError(
                f"the secret {asked} cannot be read from AWS Secrets Manager: {code}",
                hint=_HINT if "Access" not in code else f"allow GetSecretValue for {asked}",
            ) from error
        except BotoCoreError as error:
            raise InfrastructureError(
                f"AWS Secrets Manager cannot be asked for {asked}: {error}", hint=_HINT
            ) from error
        if "SecretString" not in answer:
            raise InfrastructureError(
                f"the secret {asked} in AWS Secrets Manager is no text", hint="keep it as text"
            )
        self._known[asked] = str(answer["SecretString"])
        return self._known[asked]

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(
            connect_timeout=_WAIT_S, read_timeout=_WAIT_S, retries={"total_max_attempts": 3}
        )
        return boto3.client("secretsmanager", config=limits)
