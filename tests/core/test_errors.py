"""The tree of errors."""

import copy
import pickle

import pytest

from medallion import errors
from medallion.errors import MedallionError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, MedallionError)
]


@pytest.mark.parametrize(
    ("kind", "parent", "code"),
    [
        (errors.DefinitionError, MedallionError, 2),
        (errors.ModelError, MedallionError, 1),
        (errors.RaisedError, errors.ModelError, 1),
        (errors.MistakeError, errors.RaisedError, 1),
        (errors.TimeLimitError, errors.ModelError, 1),
        (errors.ConflictError, MedallionError, 3),
        (errors.InfrastructureError, MedallionError, 4),
        (errors.CatalogError, errors.InfrastructureError, 4),
        (errors.StoreError, errors.InfrastructureError, 4),
        (errors.SourceError, errors.InfrastructureError, 4),
        (errors.LostWorkerError, errors.InfrastructureError, 4),
    ],
)
def test_an_error_tells_whose_turn_it_is(
    kind: type[MedallionError], parent: type[MedallionError], code: int
) -> None:
    assert kind.__bases__ == (parent,)
    assert kind("x").exit_code == code


def test_the_docstring_names_every_error() -> None:
    assert errors.__doc__
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in errors.__doc__] == []
    assert len(KINDS) == 13


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hint", ["", "do that"])
def test_an_error_keeps_its_message_and_hint_between_processes(
    kind: type[MedallionError], hint: str
) -> None:
    for again in (
        pickle.loads(pickle.dumps(kind("it broke", hint=hint))),
        copy.copy(kind("it broke", hint=hint)),
    ):
        assert type(again) is kind
        assert (again.message, again.hint) == ("it broke", hint)


def test_the_text_of_an_error_ends_with_the_next_step() -> None:
    assert str(MedallionError("it broke", hint="do that")) == "it broke\n  do that"
    assert str(MedallionError("it broke")) == "it broke"
