"""Frames opened: what is read of the files, when, and what the mistakes are."""

import gc
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance.world import World
from support.readers import Shelf, ports

from medallion import Form, Frame
from medallion.adapters.duckdb.scanning import scanned
from medallion.errors import DefinitionError, StoreError
from medallion.frame import DataFile
from medallion.schema import Column, Schema
from medallion.window import Grain

TRIPS = """
    select range as id, range * 0.5::double as fare, 'zone ' || range % 3 as zone,
        timestamp '2019-01-01' + to_hours(range * 24) as at
    from range(60)
"""
OPENED: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda rows: rows.to_dict("records"),
    "arrow": lambda rows: rows.to_pylist(),
    "batches": lambda rows: rows.read_all().to_pylist(),
    "polars": lambda rows: rows.collect().to_dicts(),
    "duckdb": lambda rows: rows.to_arrow_table().to_pylist(),
    "dask": lambda rows: rows.compute().to_dict("records"),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(ports(tmp_path))
    ports(tmp_path).close()


@pytest.fixture
def trips(world: World, tmp_path: Path) -> Frame:
    return replace(world.frame(TRIPS), reader=Shelf(tmp_path))


@pytest.fixture
def several(world: World, tmp_path: Path) -> Frame:
    """Rows in three files."""
    frames = [world.frame(f"select * from ({TRIPS}) where id % 3 = {i}") for i in range(3)]
    files = tuple(file for frame in frames for file in frame.files)
    return Frame(frames[0].schema, files, reader=Shelf(tmp_path))


@pytest.mark.parametrize("name", OPENED)
class TestEveryForm:
    """What all forms have in common."""

    def test_has_the_rows(self, several: Frame, name: str) -> None:
        rows = OPENED[name](getattr(several, name)())

        assert sorted(r["id"] for r in rows) == [*range(60)]
        assert list(rows[0]) == ["id", "fare", "zone", "at"]

    def test_has_the_columns_asked_for_in_that_order(self, several: Frame, name: str) -> None:
        rows = OPENED[name](getattr(several, name)(columns=["zone", "id"]))

        assert len(rows) == 60
        assert list(rows[0]) == ["zone", "id"]

    def test_has_the_rows_for_which_the_condition_is_true(self, several: Frame, name: str) -> None:
        where = "fare > 10 and zone = 'zone 1' or id = 7 -- said so"
        rows = OPENED[name](getattr(several, name)(columns=["id"], where=where))

        assert sorted(r["id"] for r in rows) == [7, *range(22, 60, 3)]

    def test_has_the_rows_of_its_range_of_time_only(self, several: Frame, name: str) -> None:
        frame = several.between("at", Grain.MONTH.window(589))
        rows = OPENED[name](getattr(frame, name)(columns=["id"], where="id < 32 or id > 57"))

        assert [*sorted(r["id"] for r in rows), len(frame)] == [31, 58, 28]

    def test_can_have_no_row(self, trips: Frame, name: str) -> None:
        for frame in (replace(trips, files=()), trips):
            assert OPENED[name](getattr(frame, name)(where="id < 0")) == []

    @pytest.mark.parametrize(
        "where",
        [
            "nobody = 1", "fare >", "id > 1; select 1", "id > 1;", "id > 1, id < 3", "true limit 1",
            "true) union all (select * from nobody", "id > 1) from range(3) t(id) where (true",
            "(select id from nobody)", "id in (select id from silver.trips)", "'abc'::date = at",
        ],
    )  # fmt: skip
    def test_says_that_something_is_no_condition(self, trips: Frame, name: str, where: str) -> None:
        with pytest.raises(DefinitionError, match="where="):
            OPENED[name](getattr(trips, name)(where=where))

    def test_says_which_columns_there_are(self, trips: Frame, name: str) -> None:
        with pytest.raises(DefinitionError, match="its columns: id, fare, zone, at"):
            getattr(trips, name)(columns=["id", "nobody"])

    def test_says_that_a_file_is_gone(self, trips: Frame, name: str) -> None:
        Path(trips.files[0].path).unlink()

        with pytest.raises(StoreError, match="cannot be read"):
            OPENED[name](getattr(trips, name)())


@pytest.mark.parametrize("form", [Form.SQL, Form.SOURCE, Form.ITERATOR])
def test_a_frame_is_not_opened_as_what_only_a_model_gives(trips: Frame, form: Form) -> None:
    with pytest.raises(DefinitionError, match=f"cannot be opened as {form}".replace("[", r"\[")):
        trips.open(form)


def test_a_frame_is_opened_as_itself_whole(trips: Frame) -> None:
    assert trips.open(Form.FRAME) is trips
    restrictions: list[dict[str, Any]] = [{"where": "id = 1"}, {"limit": 1}, {"columns": ["id"]}]
    for restricted in restrictions:
        with pytest.raises(DefinitionError):
            trips.open(Form.FRAME, **restricted)


@pytest.mark.parametrize("form", [Form.PANDAS, Form.ARROW, Form.POLARS])
def test_a_limit_is_of_rows(trips: Frame, form: Form) -> None:
    assert len(trips.open(form, limit=7, where="id > 20")) == 7


def test_a_limit_is_of_rows_before_a_lazy_query(trips: Frame) -> None:
    lazy = trips.open(Form.LAZY, limit=7)

    assert lazy.collect().height == lazy.head(9).collect().height == 7
    assert lazy.head(3).collect().height == 3


def test_a_limit_is_not_of_parts(trips: Frame) -> None:
    with pytest.raises(DefinitionError, match=r"head\(n\)"):
        trips.open(Form.DASK, limit=7)


@pytest.fixture
def broken(world: World, tmp_path: Path) -> Callable[..., Frame]:
    """A file of three row groups, of which parts cannot be read, by row group and column."""
    path = tmp_path / "warehouse" / "broken.parquet"
    path.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select range as id, hash(range)::varchar as note, range as fare,
                    timestamp '2019-01-31' + to_seconds(range * 5) as at
                from range(30000)
            ) to '{path}' (row_group_size 10000, field_ids {{id: 1, note: 2, fare: 3, 'at': 4}})
            """
        )
    types = {"id": "long", "note": "string", "fare": "long", "at": "timestamp"}
    schema = Schema(tuple(Column(n, t, i) for i, (n, t) in enumerate(types.items(), 1)))

    def made(*places: tuple[int, int]) -> Frame:
        metadata, content = pq.read_metadata(path), bytearray(path.read_bytes())
        assert metadata.num_row_groups == 3
        for group, column in places:
            chunk = metadata.row_group(group).column(column)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            size = chunk.total_compressed_size
            content[start : start + size] = b"\xff" * size
        path.write_bytes(content)
        file = DataFile(str(path), 30_000, len(content))
        return Frame(schema, (file,), reader=Shelf(tmp_path))

    return made


LAST, NOTE = [(2, i) for i in range(4)], [(i, 1) for i in range(3)]


@pytest.mark.parametrize("name", OPENED)
def test_row_groups_that_the_condition_rules_out_are_not_read(
    broken: Callable[..., Frame], name: str
) -> None:
    frame = broken(*LAST)

    assert len(OPENED[name](getattr(frame, name)(where="fare < 12345"))) == 12345
    with pytest.raises((StoreError, duckdb.Error), match=r"cannot be read|know what type"):
        OPENED[name](getattr(frame, name)(where="note <> ''"))


@pytest.mark.parametrize("name", OPENED)
def test_columns_that_are_not_asked_for_are_not_read(
    broken: Callable[..., Frame], name: str
) -> None:
    frame = broken(*NOTE)

    assert len(OPENED[name](getattr(frame, name)(columns=["fare", "id"]))) == 30_000
    with pytest.raises((StoreError, duckdb.Error), match=r"cannot be read|know what type"):
        OPENED[name](getattr(frame, name)(columns=["note"]))


def test_a_lazy_query_reads_the_columns_that_it_needs(broken: Callable[..., Frame]) -> None:
    lazy = broken(*NOTE).polars()

    assert (
        lazy.filter(pl.col("fare") > 29_997).select(pl.col("id").sum()).collect().item() == 59_997
    )
    with pytest.raises(StoreError, match="cannot be read"):
        lazy.collect()


def test_only_the_time_column_is_read_to_count_the_rows_of_a_range(
    broken: Callable[..., Frame],
) -> None:
    frame = broken(*[(group, column) for group in range(3) for column in range(3)])

    assert len(frame) == 30_000
    assert len(frame.between("at", Grain.MONTH.window(588))) == 24 * 3600 / 5


def test_a_failure_among_later_batches_is_told_as_one_of_the_files(
    broken: Callable[..., Frame],
) -> None:
    reader = broken(*LAST).batches()

    with pytest.raises(StoreError, match="cannot be read"):
        reader.read_all()


class TestBatches:
    """A reader that outlives the call."""

    def test_come_some_rows_at_a_time(self, world: World, tmp_path: Path) -> None:
        big = replace(world.frame("select range as id from range(350000)"), reader=Shelf(tmp_path))
        sizes = [batch.num_rows for batch in big.batches()]

        assert sum(sizes) == 350_000
        assert max(sizes) <= 110_000

    def test_several_can_be_read_in_turns(self, trips: Frame) -> None:
        readers = [trips.batches(columns=["id"], where=f"id % 2 = {i}") for i in range(2)]
        gc.collect()
        pairs = [(a.num_rows, b.num_rows) for a, b in zip(*readers, strict=True)]

        assert pairs == [(30, 30)]

    def test_the_connection_is_given_back_after_the_last(self, trips: Frame) -> None:
        with duckdb.connect() as root:
            connections: list[duckdb.DuckDBPyConnection] = []

            def connect() -> duckdb.DuckDBPyConnection:
                connections.append(root.cursor())
                return connections[-1]

            scanned(connect, trips, Form.BATCHES).read_all()

            with pytest.raises(duckdb.ConnectionException):
                connections[0].execute("select 1")


class TestRelation:
    """A relation that outlives the call."""

    def test_stays_usable(self, trips: Frame) -> None:
        relation = trips.duckdb()
        gc.collect()
        for _ in range(2):
            assert relation.filter("fare > 10").count("*").fetchall() == [(39,)]

    def test_many_can_be_used_at_once(self, trips: Frame) -> None:
        relations = [trips.duckdb(where=f"id >= {i}") for i in range(20)]
        with ThreadPoolExecutor(4) as pool:
            counts = pool.map(lambda r: r.count("*").fetchall()[0][0], relations)

        assert [*counts] == [*range(60, 40, -1)]


class TestPolars:
    """A lazy query that reads when it is run."""

    def test_reads_when_it_is_run(self, trips: Frame) -> None:
        lazy = trips.polars().filter(pl.col("id") > 3)
        Path(trips.files[0].path).unlink()

        with pytest.raises(StoreError):
            lazy.collect()

    @pytest.mark.parametrize("engine", ["in-memory", "streaming"])
    def test_gives_what_the_same_query_of_all_rows_gives(self, several: Frame, engine: Any) -> None:
        eager = several.open(Form.POLARS).sort("id")
        lazy = several.polars()
        queries: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
            lambda q: q.sort("id"),
            lambda q: q.select(pl.len()),
            lambda q: q.filter(pl.col("fare") > 10).select("zone", "id").sort("id"),
            lambda q: q.filter(pl.col("zone") == "none"),
            lambda q: q.filter(pl.col("id") > 30).select(pl.len()),
            lambda q: q.select(pl.col("id").filter(pl.col("fare") < 3).sum()),
            lambda q: q.group_by("zone").agg(pl.col("fare").sum()).sort("zone"),
            lambda q: q.join(q, on="id").select(pl.len()),
            lambda q: q.filter(pl.col("id") > 30).head(5).select(pl.len()),
            lambda q: q.head(5).select(pl.len()),
        ]
        for query in queries:
            assert query(lazy).collect(engine=engine).equals(query(eager.lazy()).collect())

    def test_is_written_without_being_collected(self, several: Frame, tmp_path: Path) -> None:
        path = tmp_path / "sunk.parquet"
        several.polars().filter(pl.col("id") > 3).sink_parquet(path)

        assert pq.read_table(path, columns=["id"]).num_rows == 56

    def test_without_a_row_has_the_columns(self, trips: Frame) -> None:
        found = replace(trips, files=()).polars().collect()

        assert found.schema == trips.polars().collect_schema()
        assert found.height == 0

    def test_many_can_be_run_at_once(self, trips: Frame) -> None:
        lazy = trips.polars()
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(lazy.collect) for _ in range(8)]

        assert [run.result().height for run in runs] == [60] * 8


class TestDask:
    """A Dask DataFrame that any process reads."""

    def test_has_the_types_of_pandas(self, several: Frame) -> None:
        for frame in (several, replace(several, files=())):
            assert frame.dask().dtypes.equals(frame.pandas().dtypes)
            assert frame.dask().compute().dtypes.equals(frame.pandas().dtypes)

    def test_small_files_are_one_part_and_others_are_their_own(self, several: Frame) -> None:
        large = tuple(DataFile(f.path, f.rows, 20_000_000) for f in several.files)
        frame = replace(several, files=large)

        assert several.dask().npartitions == 1
        assert frame.dask().npartitions == 3
        assert sorted(frame.dask()["id"].compute()) == [*range(60)]

    def test_is_read_by_other_processes(self, several: Frame) -> None:
        parts = [replace(f, bytes=20_000_000) for f in several.files]
        frame = replace(several, files=tuple(parts))

        assert frame.dask()["id"].sum().compute(scheduler="processes") == 1770

    def test_keeps_nothing_beside_the_lake(self, several: Frame, tmp_path: Path) -> None:
        pickle.dumps(replace(several, files=several.files * 2).dask().dask)

        assert not list(tmp_path.glob("*.frame"))

    def test_is_the_same_when_it_reads_the_same(self, several: Frame) -> None:
        names = {several.dask(where=w)._name for w in ("", "", "id > 1")}

        assert len(names) == 2

    def test_needs_a_reader(self, world: World) -> None:
        with pytest.raises(DefinitionError, match=r"Form\.FRAME"):
            world.ports.engine.open(world.frame(TRIPS), Form.DASK)


@pytest.mark.parametrize(("name", "module"), [("dask", "dask"), ("polars", "polars")])
def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(
    trips: Frame, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(DefinitionError, match=rf"pip install 'medallion\[{name}\]'"):
        getattr(trips, name)()


def test_it_is_shown_with_its_first_rows(trips: Frame) -> None:
    lines = str(trips).splitlines()

    assert lines[0].split() == ["id", "fare", "zone", "at"]
    assert lines[1].split() == ["long", "double", "string", "timestamp"]
    assert len(lines) == 14
    assert lines[-1].startswith("… 60 rows in 1 file, ")
    assert trips._repr_html_().count("<tr>") == 12


def test_it_is_restored_with_its_reader(several: Frame) -> None:
    again = pickle.loads(pickle.dumps(several))

    assert len(pickle.dumps(several)) < 1000
    assert again == several
    assert again.arrow().num_rows == 60


def test_times_stay_what_they_are(trips: Frame) -> None:
    assert trips.arrow(where="id = 1")["at"].to_pylist() == [datetime(2019, 1, 2)]
    assert isinstance(trips.batches(), pa.RecordBatchReader)
    assert isinstance(trips.polars(), pl.LazyFrame)
    assert isinstance(trips.dask(), dd.DataFrame)
