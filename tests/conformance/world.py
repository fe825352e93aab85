"""The steps of a run, one by one, through the ports alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from medallion import SQL, Form, Frame, Model, bronze, gold, silver
from medallion.names import TableName, branch_of
from medallion.ports import Ports
from medallion.tables import RUN, Draft, Publication, Result, Table, Write

FIRST, SECOND = "20260101t000000-00000a", "20260102t000000-00000b"
TRIPS, ZONES = TableName.parse("silver.trips"), TableName.parse("silver.zones")


def rows(*values: tuple[int | None, float | None, str | None]) -> str:
    """A query of typed rows: `id`, `fare` and `zone`. All engines read it alike."""
    selects = [
        f"select cast({_literal(id)} as bigint) as id, cast({_literal(fare)} as double) as fare, "
        f"cast({_literal(zone)} as varchar) as zone"
        for id, fare, zone in values
    ]
    return " union all ".join(selects or [f"{rows((0, 0, ''))} where 1 = 0"])


def _literal(value: float | str | None) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "null" if value is None else repr(value)


def model(name: TableName, query: str, **declaration: Any) -> Model:
    """A SQL model of that table."""

    def function() -> SQL:
        return query

    function.__name__ = name.model
    function.__doc__ = declaration.pop("doc", f"About {name}.")
    layers = {"bronze": bronze, "silver": silver, "gold": gold}
    return layers[name.layer](**declaration)(function)


@dataclass(frozen=True)
class World:
    """Ports, and what a run does with them."""

    ports: Ports

    def table(self, name: TableName = TRIPS) -> Table:
        """The table as it is now."""
        return self.ports.catalog.tables([name])[name]

    def draft(self, model: Model, run: str = FIRST) -> Draft:
        """Where the model's files go."""
        table = self.ports.catalog.tables([model.name]).get(model.name)
        location = self.ports.catalog.location(model.name)
        if table is None:
            return Draft(model.name, location, run, model.partition_by)
        return Draft(
            model.name,
            location,
            run,
            model.partition_by,
            table.schema_at(table.main) if table.main is not None else None,
            tuple(table.schemas.values()),
            table.last_column_id,
            model.renamed,
        )

    def evaluate(
        self, model: Model, run: str = FIRST, inputs: Mapping[TableName, Frame] | None = None
    ) -> Result:
        """The model's rows as files that no table has yet."""
        return self.ports.engine.evaluate(model, inputs or {}, self.draft(model, run))

    def write(
        self, model: Model, run: str = FIRST, *, base: int | None = None, **more: Any
    ) -> Write:
        """The model's rows, ready to be committed; with `replaces` or `state`, if given."""
        draft, result = self.draft(model, run), self.evaluate(model, run)
        write = Write(draft, branch_of(run), base, result, {RUN: run}, model.description)
        return replace(write, **more)

    def commit(
        self, model: Model, run: str = FIRST, *, base: int | None = None, **more: Any
    ) -> int:
        """The model's rows as a snapshot on the run's branch."""
        return self.ports.store.commit(self.write(model, run, base=base, **more))

    def publication(
        self, name: TableName, snapshot: int, run: str = FIRST, base: int | None = None
    ) -> Publication:
        """`main` of the table may move to the snapshot."""
        return Publication(name, branch_of(run), base, snapshot)

    def publish(
        self, model: Model, run: str = FIRST, *, base: int | None = None, **more: Any
    ) -> int:
        """The model's rows on `main`; the snapshot."""
        snapshot = self.commit(model, run, base=base, **more)
        self.ports.catalog.publish([self.publication(model.name, snapshot, run, base)])
        return snapshot

    def frame(self, query: str, name: TableName = TRIPS) -> Frame:
        """The rows of a query as a frame."""
        result = self.evaluate(model(name, query))
        return Frame(result.schema, result.files)

    def read(self, frame: Frame) -> list[tuple[Any, ...]]:
        """The rows of a frame, sorted."""
        found = self.ports.engine.query("select * from given", {"given": frame}, Form.ARROW)
        return sorted((tuple(row.values()) for row in found.to_pylist()), key=repr)

    def rows_at(self, snapshot: int, name: TableName = TRIPS) -> list[tuple[Any, ...]]:
        """The rows of a table at a snapshot, sorted."""
        return self.read(self.ports.store.frame(self.table(name), snapshot))

    def paths(self, snapshot: int, name: TableName = TRIPS) -> frozenset[str]:
        """The paths of a table's files at a snapshot."""
        frame = self.ports.store.frame(self.table(name), snapshot)
        return frozenset(f.path for f in frame.files)

    def mains(self, names: Iterable[TableName] = (TRIPS, ZONES)) -> list[int | None]:
        """What readers see of the tables, as of one moment."""
        names = list(names)
        tables = self.ports.catalog.tables(names)
        return [tables[n].main if n in tables else None for n in names]
