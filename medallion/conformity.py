"""Conformity: whether the columns of a table are those that its contract declares."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from medallion.contract import ColumnContract
from medallion.errors import DefinitionError, ModelError
from medallion.foreign_key import ForeignKey, parse_reference
from medallion.names import TableName
from medallion.schema import Schema, Type, evolve
from medallion.source import LOADED_AT, SOURCE_FILE
from medallion.typename import parse_type, type_name, widens

Contract = Mapping[str, ColumnContract]

_ADDED = (SOURCE_FILE, LOADED_AT)  # by every source that reads files


@dataclass(frozen=True, slots=True)
class Violation:
    """A column that is not as declared: None stands for one that is not given, or not declared."""

    column: str
    declared: Type | None
    given: Type | None
    near: str = ""

    @property
    def narrower(self) -> bool:
        """Whether the declared type is the narrower one."""
        return bool(self.declared and self.given and widens(self.declared, self.given))

    def __str__(self) -> str:
        if self.declared and self.given:
            names = type_name(self.declared), type_name(self.given)
            return f"{self.column!r} is declared {names[0]} and given as {names[1]}"
        if self.given:
            return f"{self.column!r} ({type_name(self.given)}) is given and not declared"
        typed = f" ({type_name(self.declared)})" if self.declared else ""
        near = f", is it {self.near!r}?" if self.near else ""
        return f"{self.column!r}{typed} is declared and not given{near}"


def check_contract(columns: Contract, *, closed: bool) -> None:
    """Whether a contract can be kept by any table.

    Raises:
        DefinitionError: a type or a reference is wrong, or there is nothing to be closed.
    """
    if closed and not columns:
        raise DefinitionError(
            "closed=True says nothing without columns", hint='declare: columns={"id": "bigint"}'
        )
    for name, column in columns.items():
        try:
            if column.type:
                parse_type(column.type)
            if column.references:
                parse_reference(column.references)
        except DefinitionError as error:
            raise DefinitionError(f"column {name!r}: {error.message}", hint=error.hint) from None


def contract_text(columns: Contract, *, closed: bool) -> str:
    """What a contract says of the columns that a table has; what its audits say is not in it."""
    types = {n: type_name(parse_type(c.type)) if c.type else "" for n, c in columns.items()}
    return f"{sorted(types.items())}{' closed' * closed}" if columns else ""


def violations(columns: Contract, given: Schema, *, closed: bool = False) -> tuple[Violation, ...]:
    """Where the given columns are not as declared, in the order of the contract.

    A type that widens to the declared one without loss is as declared.
    """
    return tuple(_violations(columns, given, closed))


def promised(columns: Contract, schema: Schema) -> Schema:
    """The columns as their contract has them: widened to its types, and required.

    Field ids stay. A column that cannot be widened keeps its type.
    """
    wanted = []
    for column in schema:
        said = columns.get(column.name, ColumnContract())
        declared = parse_type(said.type) if said.type else column.type
        kept = declared if widens(column.type, declared) else column.type
        wanted.append(replace(column, type=kept, required=not said.nullable))
    if tuple(wanted) == schema.columns:
        return schema
    return evolve(Schema(tuple(wanted)), schema, last_id=schema.last_id)


def conforming(owner: TableName, columns: Contract, given: Schema, *, closed: bool) -> Schema:
    """The given columns as their contract has them.

    Raises:
        ModelError: they are not as declared; all that is wrong with them is in it.
    """
    found = violations(columns, given, closed=closed)
    if found:
        raise broken(owner, found)
    return promised(columns, given) if columns else given


def broken(owner: TableName, found: Sequence[Violation]) -> ModelError:
    """The error that tells all violations, and what to do."""
    wrong = [v for v in found if v.declared and v.given]
    casts = " and ".join(f"{v.column!r} to {type_name(v.declared or '')}" for v in wrong)
    return ModelError(
        f"{owner} does not keep its contract: {'; '.join(map(str, found))}",
        hint=f"{f'cast {casts}' if casts else 'change that'} in the model, "
        "or change what it declares as columns",
    )


def check_reference(
    place: str, owner: TableName, key: ForeignKey, tables: Mapping[TableName, Schema]
) -> None:
    """Whether a foreign key and what it refers to can be compared, as far as the tables are known.

    Raises:
        DefinitionError: there is no such column, or it is of another type.
    """
    there = tables[key.table].column(key.target) if key.table in tables else None
    if key.table in tables and there is None:
        near = difflib.get_close_matches(key.target, tables[key.table].names, 1)
        raise DefinitionError(
            f"{place}: {owner} references {key}, a column that {key.table} has not",
            hint=f"did you mean {near[0]}?"
            if near
            else f"it has {', '.join(tables[key.table].names)}",
        )
    own = tables[owner].column(key.column) if owner in tables else None
    if own and there and not (widens(own.type, there.type) or widens(there.type, own.type)):
        raise DefinitionError(
            f"{place}: {owner} column {key.column!r} is {type_name(own.type)}, and {key}, which it "
            f"references, is {type_name(there.type)}",
            hint="cast one of them",
        )


def _violations(columns: Contract, given: Schema, closed: bool) -> Iterator[Violation]:
    for name, said in columns.items():
        declared = parse_type(said.type) if said.type else None
        there = given.column(name)
        if there is None:
            near = difflib.get_close_matches(name.lower(), [n.lower() for n in given.names], 1)
            meant = next((n for n in given.names if near and n.lower() == near[0]), "")
            yield Violation(name, declared, None, "" if meant in columns else meant)
        elif declared and not widens(there.type, declared):
            yield Violation(name, declared, there.type)
    for column in given if closed else ():
        if column.name not in (*columns, *_ADDED):
            yield Violation(column.name, None, column.type)
