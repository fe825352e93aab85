"""Hiding: the values of secrets that this process knows, and texts without them.

Whatever is printed, logged or kept for people goes through `masked`, or through a stream that does.
"""

import atexit
import base64
import json
import math
import re
import sys
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus

LEAST = 4  # characters: shorter ones stand in too many harmless words
_LEAST_CODED = 6  # of an encoding that is cut out of a longer one


def hide(value: str, shown: str = "***") -> None:
    """Have the value masked from now on, in each of its forms, as `shown`.

    One of fewer than 4 characters stays visible.
    """
    global _hidden  # noqa: PLW0603  # there is one set of secrets in a process
    with _lock:
        new = {form: shown for form in _forms(value) if form not in _hidden.forms}
        if new:
            _hidden = _Hidden({**_hidden.forms, **new})


def masked(text: str) -> str:
    """The text without the value of any secret that this process knows."""
    hidden = _hidden
    return hidden.masked(text) if hidden.forms else text


def mask_streams() -> None:
    """Mask from now on what is written to `sys.stdout` and `sys.stderr`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, MaskedStream):
            made = MaskedStream(stream)
            atexit.register(made.end)
            setattr(sys, name, cast(TextIO, made))


class MaskedStream:
    """Stands for a text stream; a value that is written in pieces is masked as well.

    The end of what was written is held back as long as it may be the beginning of a value.
    """

    def __init__(self, inner: TextIO) -> None:
        self.inner = inner
        self._held = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write the text without secrets."""
        with self._lock:
            whole, self._held = _hidden.divided(self._held + text)
            if whole:
                self.inner.write(whole)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write texts one after another."""
        for text in texts:
            self.write(text)

    def end(self) -> None:
        """Write what was held back."""
        with self._lock:
            held, self._held = self._held, ""
            if held and not self.inner.closed:
                self.inner.write(held)
                self.inner.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(frozen=True)
class _Hidden:
    """What values look like, and what is shown in their place."""

    forms: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, sorted(self.forms, key=len, reverse=True))))

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.forms)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.forms), default=0)

    def masked(self, text: str) -> str:
        return self._pattern.sub(lambda found: self.forms[found[0]], text)

    def divided(self, text: str) -> tuple[str, str]:
        """The text masked, but for its end that may be the beginning of a value; and that end."""
        if not self.forms:
            return text, ""
        found = [match.span() for match in self._pattern.finditer(text)]
        for start in range(max(0, len(text) - self._longest + 1), len(text)):
            cuts = any(first < start < past for first, past in found)
            if not cuts and self._begins(text[start:]):
                return self.masked(text[:start]), text[start:]
        return self.masked(text), ""

    def _begins(self, end: str) -> bool:
        """Whether there is a form that begins so and is longer."""
        place = bisect_right(self._sorted, end)
        return place < len(self._sorted) and self._sorted[place].startswith(end)


def _forms(value: str) -> Iterator[str]:
    """How a value may look in a text: as it is, escaped, encoded.

    Of one with several lines each line is one: so it is found however they are joined.
    """
    for text in dict.fromkeys((*value.splitlines(), *map(str.strip, value.splitlines()))):
        if len(text) < LEAST:
            continue
        raw = text.encode(errors="surrogateescape")
        quoted = [quote(raw, safe=safe) for safe in ("", "/", " +")]
        yield from (text, text.lower(), text.upper())
        yield from (repr(text)[1:-1], repr(raw)[2:-1], ascii(text)[1:-1])
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        # A text in a text, as a log keeps what an error says of a repr.
        yield json.dumps(repr(text)[1:-1])[1:-1]
        yield from (*quoted, *map(_lower_escapes, quoted), quote_plus(raw), raw.hex())
        yield from _base64(raw)


def _lower_escapes(text: str) -> str:
    return re.sub("%..", lambda found: found[0].lower(), text)


def _base64(raw: bytes) -> Iterator[str]:
    """Base64 of the value alone, and what any text that has it inside looks like there."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield from (encode(raw).decode(), encode(raw).decode().rstrip("="))
        for before in range(3):
            # The first and the last character may hold bits of what stands beside the value.
            first, past = math.ceil(before * 8 / 6), (before + len(raw)) * 8 // 6
            inner = encode(bytes(before) + raw).decode()[first:past]
            if len(inner) >= _LEAST_CODED:
                yield inner


_lock = threading.Lock()
_hidden = _Hidden()
