"""Expectations out of what a person wrote: JSON documents, and Python scripts that give them."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from medallion.adapters.expectations.foreign_keys import Foreign
from medallion.adapters.expectations.library import (
    Expectation,
    get_expectation_impl,
    list_registered_expectation_implementations,
    pydantic,
    quiet,
)
from medallion.adapters.expectations.objections import objection, without_sql
from medallion.adapters.expectations.scripts import defined
from medallion.errors import DefinitionError
from medallion.foreign_key import FOREIGN_KEY, parse_foreign_key
from medallion.suite import Severity, Suite

_KEYS = ("type", "kwargs", "severity", "meta")
# Great Expectations writes these into its own files too; nothing here depends on them.
_IGNORED = ("id", "notes", "description", "rendered_content", "expectation_context")
_EXTRA = "value_error.extra"


@dataclass(frozen=True, slots=True)
class Written:
    """An expectation, and the place it was written at.

    `kwargs` are its arguments as JSON; `vacuous` says that a pass on nothing is a pass, `why` what
    it means that it failed.
    """

    place: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    vacuous: bool
    expectation: Expectation
    why: str = ""


def written(suite: Suite) -> tuple[Written | Foreign, ...]:
    """The expectations of a suite in the order written.

    Raises:
        DefinitionError: one of them is wrong, or there is none. Names the place and the mistake.
    """
    found: list[Written | Foreign] = []
    for place, document in suite.documents:
        found += _from_document(place, document)
    for path, text in suite.scripts:
        found += _from_script(path, text)
    if not found:
        raise DefinitionError(
            f"the suite of {suite.table} has no expectations",
            hint="write at least one, or remove the suite",
        )
    return tuple(found)


def document_of(expectation: Any) -> dict[str, Any]:
    """The JSON document of an expectation: type, kwargs, severity and meta.

    Raises:
        DefinitionError: it is no expectation.
    """
    if not isinstance(expectation, Expectation):
        raise DefinitionError(
            f"{expectation!r} is not an expectation",
            hint="write a Great Expectations object, e.g. gxe.ExpectColumnToExist(column='id')",
        )
    config = expectation.configuration.to_json_dict()
    return {
        "type": config["type"],
        "kwargs": config["kwargs"],
        "severity": expectation.severity.value,
        "meta": dict(expectation.meta or {}),
    }


def _from_document(place: str, document: Any) -> Iterator[Written | Foreign]:
    if not isinstance(document, Mapping):
        raise DefinitionError(f"{place}: an expectation is an object, not {document!r}")
    if "expectations" in document and "type" not in document:
        yield from _from_file(place, document["expectations"])
        return
    _check_keys(place, document)
    type, kwargs = document["type"], document.get("kwargs", {})
    if reason := without_sql(type):
        raise DefinitionError(f"{place}: {type} cannot be checked here", hint=reason)
    if type == FOREIGN_KEY:
        yield _foreign(place, document)
        return
    known = [*list_registered_expectation_implementations(), FOREIGN_KEY]
    if type not in known:
        hint = _nearest(type, known)
        raise DefinitionError(f"{place}: there is no expectation {type!r}", hint=hint)
    _check_query(place, type, kwargs)
    extra = {k: document[k] for k in ("severity", "meta") if document.get(k) is not None}
    yield _checked(place, _made(place, type, {**kwargs, **extra}), kwargs)


def _foreign(place: str, document: Mapping[str, Any]) -> Foreign:
    kwargs = document.get("kwargs", {})
    key = parse_foreign_key(place, kwargs)
    try:
        severity = Severity(document.get("severity") or Severity.CRITICAL)
    except ValueError:
        raise DefinitionError(
            f"{place}: {FOREIGN_KEY}: no such severity", hint=f"one of: {', '.join(Severity)}"
        ) from None
    waived = _waived(document.get("meta") or {})
    return Foreign(place, FOREIGN_KEY, kwargs, severity, waived, key)


def _made(place: str, type: str, arguments: Mapping[str, Any]) -> Expectation:
    kind = get_expectation_impl(type)
    try:
        # The text form of a condition works, and warns that it is deprecated.
        text = "condition_parser" in arguments or isinstance(arguments.get("row_condition"), str)
        with quiet() if text else nullcontext():
            return kind(**arguments)
    except pydantic.ValidationError as error:
        raise _ill_typed(place, kind, error) from error
    except Exception as error:
        told = str(error).partition("\n")[0]
        raise DefinitionError(f"{place}: {type}: {told}") from error


def _from_file(place: str, expectations: Any) -> Iterator[Written | Foreign]:
    if not isinstance(expectations, Sequence) or not expectations:
        raise DefinitionError(f"{place}: the suite has no expectations", hint="write at least one")
    for i, document in enumerate(expectations, start=1):
        yield from _from_document(f"{place}, expectation {i}", document)


def _check_keys(place: str, document: Mapping[str, Any]) -> None:
    for key in document:
        if key not in _KEYS and key not in _IGNORED:
            hint = _nearest(key, _KEYS) or f"it has {', '.join(_KEYS)}"
            raise DefinitionError(f"{place}: an expectation has no {key!r}", hint=hint)
    if not isinstance(document.get("type"), str):
        raise DefinitionError(
            f"{place}: an expectation has no type",
            hint='write "type": "expect_column_values_to_not_be_null", for example',
        )
    if not isinstance(document.get("kwargs", {}), Mapping):
        raise DefinitionError(f"{place}: the kwargs of {document['type']} are not an object")


def _check_query(place: str, type: str, kwargs: Mapping[str, Any]) -> None:
    # Before the object is made: making it prints this.
    for name in ("unexpected_rows_query", "base_query"):
        query = kwargs.get(name, "{batch}")
        if isinstance(query, str) and "{batch}" not in query:
            raise DefinitionError(
                f"{place}: {type}: the query does not read the rows of this table",
                hint="write {batch} where the table's name would be: select * from {batch} ...",
            )


def _ill_typed(
    place: str, kind: type[Expectation], error: pydantic.ValidationError
) -> DefinitionError:
    # A misspelt argument is also one that is missing: what was written comes first.
    errors = sorted(error.errors(), key=lambda e: e["type"] != _EXTRA)
    first = errors[0]
    argument = ".".join(str(part) for part in first["loc"] if part != "__root__")
    name = kind.expectation_type
    if first["type"] == _EXTRA:
        return DefinitionError(
            f"{place}: {name} has no argument {argument!r}",
            hint=_nearest(argument, _arguments(kind)),
        )
    if first["type"] == "value_error.missing":
        return DefinitionError(f"{place}: {name} needs the argument {argument!r}")
    if argument == "severity":
        choices = ", ".join(Severity)
        return DefinitionError(f"{place}: {name}: no such severity", hint=f"one of: {choices}")
    told = f"argument {argument!r}: {first['msg']}" if argument else first["msg"]
    return DefinitionError(f"{place}: {name}: {told}")


def _arguments(kind: type[Expectation]) -> list[str]:
    return [name for name in kind.__fields__ if name not in Expectation.__fields__]


def _nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the word that was probably meant; upper case and `_` do not count."""
    plain = {re.sub(r"[^a-z0-9]", "", w.lower()): w for w in words}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", word.lower()), plain, n=1)
    return f"did you mean {plain[near[0]]}?" if near else ""


def _from_script(path: str, text: str) -> Iterator[Written | Foreign]:
    for i, item in enumerate(defined(path, text), start=1):
        place = f"{path}, expectation {i}"
        if isinstance(item, Mapping):
            _check_plain(place, item)
            if (
                item.get("type") == FOREIGN_KEY
            ):  # what it refers to must be known without running it
                raise DefinitionError(
                    f"{place}: a {FOREIGN_KEY} is not found in a script",
                    hint="write it into the JSON suite, or declare the column's references",
                )
            yield from _from_document(place, item)
            continue
        try:
            document = document_of(item)
        except DefinitionError as error:
            raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None
        _check_query(place, document["type"], document["kwargs"])
        yield _checked(place, item, document["kwargs"])


def _check_plain(place: str, document: Mapping[str, Any]) -> None:
    try:
        json.dumps(document)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"{place}: {error}", hint="write plain JSON, or a Great Expectations object"
        ) from error


def _checked(place: str, expectation: Expectation, kwargs: Mapping[str, Any]) -> Written:
    if reason := objection(expectation):
        raise DefinitionError(
            f"{place}: {expectation.expectation_type}: {reason.message}", hint=reason.hint
        )
    # The condition has been parsed; without its parser it does not warn again and again.
    parsed = {"id", "condition_parser"} & set(expectation.__fields__)
    cleared: dict[str, Any] = dict.fromkeys(parsed)
    return Written(
        place=place,
        type=expectation.expectation_type,
        kwargs=kwargs,
        severity=Severity(expectation.severity.value),
        vacuous=_waived(expectation.meta or {}),
        expectation=expectation.copy(update=cleared, deep=True),
        why=str((expectation.meta or {}).get("why", "")),
    )


def _waived(meta: Mapping[str, Any]) -> bool:
    """Whether a pass on nothing is a pass."""
    ours = meta.get("medallion")
    return bool(
        meta.get("allow_vacuous") or (isinstance(ours, Mapping) and ours.get("allow_vacuous"))
    )
