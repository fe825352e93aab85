"""Masks: what a column of personal data is replaced with before it is written."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Mask:
    """How values are replaced. NULL stays NULL."""

    kind: Literal["hashed", "redacted"]
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}({self.text!r})" if self.text else f"{self.kind}()"


def hashed(salt: str = "") -> Mask:
    """The SHA-256 of the salt and the value's text, in hexadecimal: equal values stay equal."""
    return Mask("hashed", salt)


def redacted(text: str = "***") -> Mask:
    """The same text for every value."""
    return Mask("redacted", text)
