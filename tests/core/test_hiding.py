"""A value that is hidden shows in no text, however it is written."""

import base64
import io
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion import hiding
from medallion.errors import CatalogError
from medallion.hiding import MaskedStream, hide, masked

ODD = "p@ss:w/rd%?#\"é'\\ end"


@pytest.fixture(autouse=True)
def nothing_else_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "_hidden", type(hiding._hidden)())


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        ODD,
        repr(ODD),
        ascii(ODD),
        repr(ODD.encode()),
        json.dumps(ODD),
        json.dumps(ODD, ensure_ascii=False),
        json.dumps({"why": repr(ODD)}),
        quote(ODD, safe=""),
        quote(ODD, safe="").lower(),
        quote(ODD),
        quote_plus(ODD),
        base64.b64encode(ODD.encode()).decode(),
        base64.urlsafe_b64encode(ODD.encode()).decode(),
        ODD.encode().hex(),
    ],
)
def test_each_form_of_a_value_is_masked_by_its_name(form: str) -> None:
    hide(ODD, "${SHOP}")

    told = masked(f"before {form} after")

    assert "${SHOP}" in told
    assert told.startswith("before ")
    assert told.endswith(" after")
    assert not any(part in told for part in ("p@ss", "p%40ss", "p%40ss", "rd%"))


@pytest.mark.parametrize("user", ["a", "ab", "abc", "reader"])
def test_a_value_within_what_was_encoded_is_masked(user: str) -> None:
    hide("correct-horse-battery", "${P}")

    told = masked(f"Authorization: Basic {basic(user, 'correct-horse-battery')}")

    assert "${P}" in told
    left = told.rpartition(" ")[2].replace("${P}", "")
    assert len(left) <= len(basic(user, "")) + 4


def test_each_line_of_a_value_with_several_is_masked() -> None:
    hide("-----BEGIN-----\nabcdefgh\nijklmnop\n", "${KEY}")

    assert masked("got abcdefgh") == "got ${KEY}"
    assert masked(json.dumps("x\nabcdefgh\nijklmnop")) == '"x\\n${KEY}\\n${KEY}"'


def test_the_longer_of_two_values_goes_first() -> None:
    hide("hunter", "${A}")
    hide("hunter2000", "${B}")

    assert masked("hunter2000 hunter") == "${B} ${A}"


def test_a_value_of_three_characters_stays() -> None:
    hide("abc", "${A}")

    assert masked("abc") == "abc"


def test_an_error_masks_its_message_and_its_hint() -> None:
    hide("hunter2000", "${P}")

    error = CatalogError("hunter2000 is wrong", hint="not hunter2000")

    assert str(error) == "${P} is wrong\n  not ${P}"
    assert "hunter" not in repr(error)


@given(st.lists(st.integers(1, 40)), st.sampled_from(["x hunter2000 y", "hunter2000hunter2", "hu"]))
def test_a_value_written_in_pieces_is_masked(cuts: list[int], text: str) -> None:
    hide("hunter2000", "${P}")
    hide("2000 years", "${Q}")
    out = io.StringIO()
    stream = MaskedStream(out)
    for cut in cuts:
        piece, text = text[:cut], text[cut:]
        assert stream.write(piece) == len(piece)
    stream.write(text)
    stream.end()

    assert "hunter2000" not in out.getvalue()
    assert out.getvalue().startswith(("x ${P} y", "${P}hunter2", "hu"))


def test_what_cannot_begin_a_value_is_written_at_once() -> None:
    hide("hunter2000", "${P}")
    out = io.StringIO()
    stream = MaskedStream(out)

    stream.writelines(["Continue? ", "\rbusy h"])

    assert out.getvalue() == "Continue? \rbusy "
