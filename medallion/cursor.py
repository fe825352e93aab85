"""Cursor: where a model stopped reading a source outside, kept with its table's rows."""

import json
from typing import Any

from medallion.errors import ModelError


class Cursor:
    """What a model that reads an outside source gets, to go on where it stopped.

    `value` is what the last published build left there, None at first. The model sets it to a
    plain value, such as the last page or time that it read. It is published with the rows, or
    neither is.
    """

    def __init__(self, value: Any = None) -> None:
        self.value = value

    @classmethod
    def from_text(cls, text: str) -> "Cursor":
        """The inverse of `to_text`."""
        return cls(json.loads(text) if text else None)

    def to_text(self) -> str:
        """The value as JSON; nothing where there is none.

        Raises:
            ModelError: it is no plain value.
        """
        if self.value is None:
            return ""
        try:
            return json.dumps(self.value, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"the cursor was set to {self.value!r:.60}, which is no plain value",
                hint="set it to a text, a number, a list or a dictionary; a time as isoformat()",
            ) from error
