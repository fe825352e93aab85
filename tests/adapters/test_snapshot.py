"""Snapshots of parts of a table, as PyIceberg reads them, and the spans of their files."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import DataFile as PlainFile
from pyiceberg.manifest import (
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table as PlainTable
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.snapshots import Snapshot as PlainSnapshot
from pyiceberg.table.update import AddSnapshotUpdate
from pyiceberg.typedef import Record
from support.projects import plain_catalog

from medallion import day, hour, identity, month, year
from medallion.adapters.iceberg.catalog import IcebergCatalog
from medallion.adapters.iceberg.lake import Change
from medallion.adapters.iceberg.moves import ref_at
from medallion.adapters.iceberg.opening import opened
from medallion.adapters.iceberg.store import IcebergStore
from medallion.names import TableName
from medallion.partition import Transform
from medallion.schema import Column, Schema
from medallion.tables import ColumnStats, Draft, Publication, Result, Write, WrittenFile
from medallion.window import Grain, Window

NAME, BRANCH = TableName.parse("silver.trips"), "run-20260101t000000-00000a"
AT, ID = 1, 2
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
NOTHING: frozenset[str] = frozenset()


def hours(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(hours=1)


class Deletes(ManifestWriterV2):
    """Writes a manifest of files of deletes."""

    def content(self) -> ManifestContent:
        """What is in its files."""
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class Trips:
    """A table of moments and numbers whose files are written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake = opened(f"sqlite:///{root}/warehouse/catalog.db", f"file://{root}/warehouse", {})
        self.store, self.catalog = (
            IcebergStore(self.lake, root / "spill"),
            IcebergCatalog(self.lake),
        )
        self.columns = Schema((Column("at", "timestamp", AT), Column("id", "long", ID)))
        self.kinds: dict[str, pa.DataType] = {"timestamp": pa.timestamp("us"), "date": pa.date32()}
        self.catalog.prepare()
        self._plain = plain_catalog(root)

    def close(self) -> None:
        self.lake.close()
        self._plain.close()

    def file(
        self, ids: list[int], times: list[datetime | None], *partition: int | str | None
    ) -> WrittenFile:
        """A file of rows, with the bounds of its times."""
        path = self.root / "warehouse/silver/trips/data" / f"{uuid.uuid4().hex}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        at, id = self.columns
        kind = self.kinds[str(at.type)]
        schema = pa.schema(
            [
                pa.field(at.name, kind, metadata={"PARQUET:field_id": str(at.id)}),
                pa.field(id.name, pa.int64(), metadata={"PARQUET:field_id": str(id.id)}),
            ]
        )
        arrays = [pa.array(times, kind), pa.array(ids)]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
        known = sorted(t.isoformat(" ") for t in times if t is not None)
        bounds = (known[0][:10], known[-1][:10]) if at.type == "date" else (known[0], known[-1])
        stats = {at.id: ColumnStats(8, len(times), len(times) - len(known), *bounds)}
        values = tuple(None if p is None else str(p) for p in partition)
        return WrittenFile(str(path), len(ids), path.stat().st_size, values, stats)

    def publish(
        self,
        *files: WrittenFile,
        replaces: frozenset[str] | None = NOTHING,
        by: tuple[Transform, ...] = (),
    ) -> int:
        """The files on `main`; the snapshot."""
        table = self.catalog.tables([NAME]).get(NAME)
        base = table.main if table else None
        draft = Draft(NAME, self.catalog.location(NAME), "run", by)
        result = Result(self.columns, files)
        write = Write(draft, BRANCH, base, result, {}, replaces=replaces)
        snapshot = self.store.commit(write)
        self.catalog.publish([Publication(NAME, BRANCH, base, snapshot)])
        return snapshot

    def delete_rows(self, *places: tuple[str, int]) -> None:
        """Delete rows as other engines do: beside their files."""
        path = self.root / "warehouse/silver/trips/data/deletes.parquet"
        paths, positions = ([f"file://{p}" for p, _ in places], [n for _, n in places])
        pq.write_table(pa.table({"file_path": paths, "pos": positions}), path)
        loaded = self.lake.load([NAME])[NAME]
        metadata, io = loaded.metadata, self.lake.io
        base = metadata.current_snapshot()
        assert base is not None
        id, number = metadata.new_snapshot_id(), metadata.next_sequence_number()
        file = PlainFile.from_args(
            content=DataFileContent.POSITION_DELETES,
            file_path=f"file://{path}",
            file_format=FileFormat.PARQUET,
            partition=Record(),
            record_count=len(places),
            file_size_in_bytes=path.stat().st_size,
        )
        file.spec_id = 0
        entry = ManifestEntry.from_args(
            status=ManifestEntryStatus.ADDED, snapshot_id=id, data_file=file
        )
        manifest = io.new_output(f"{metadata.location}/metadata/deletes.avro")
        with Deletes(metadata.spec(), metadata.schema(), manifest, id, "deflate") as writer:
            writer.add_entry(entry)
        manifests = [*base.manifests(io), writer.to_manifest_file()]
        target = io.new_output(f"{metadata.location}/metadata/snap-deletes.avro")
        with write_manifest_list(2, target, id, base.snapshot_id, number, "deflate") as written:
            written.add_manifests(manifests)
        assert base.summary
        totals = base.summary.additional_properties | {"total-delete-files": "1"}
        snapshot = PlainSnapshot(
            snapshot_id=id,
            parent_snapshot_id=base.snapshot_id,
            sequence_number=number,
            manifest_list=target.location,
            summary=Summary(operation=Operation.OVERWRITE, **totals),
            schema_id=metadata.current_schema_id,
        )
        updates = (AddSnapshotUpdate(snapshot=snapshot), ref_at("main", id))
        self.lake.commit([Change(NAME, loaded, updates)])

    def totals(self) -> dict[str, int]:
        """What the summary of `main` says is there."""
        snapshot = self.plain.current_snapshot()
        assert snapshot is not None
        assert snapshot.summary is not None
        kinds = ("data-files", "records", "delete-files")
        return {kind: int(snapshot.summary[f"total-{kind}"] or 0) for kind in kinds}

    def spans(self, snapshot: int, column: str = "at") -> list[Window | None]:
        """What is known of the times of each file."""
        table = self.catalog.tables([NAME])[NAME]
        return [f.span for f in self.store.frame(table, snapshot, column).files]

    @property
    def plain(self) -> PlainTable:
        """The table as PyIceberg opens it."""
        return self._plain.load_table(str(NAME))

    def ids(self, where: str = "true") -> list[int]:
        """The rows that PyIceberg reads."""
        scan = self.plain.scan(row_filter=where) if where != "true" else self.plain.scan()
        return sorted(scan.to_arrow()["id"].to_pylist())

    def manifests(self) -> list[ManifestFile]:
        """The manifests of `main`."""
        snapshot = self.plain.current_snapshot()
        assert snapshot is not None
        return snapshot.manifests(self.plain.io)


@pytest.fixture
def trips(tmp_path: Path) -> Iterator[Trips]:
    """A table that does not exist yet."""
    (tmp_path / "warehouse").mkdir()
    trips = Trips(tmp_path)
    yield trips
    trips.close()


def test_many_parts_leave_few_manifests_and_all_rows(trips: Trips) -> None:
    """Every tenth part takes the place of the one before."""
    kept: dict[str, int] = {}
    path, most = "", 0
    for number in range(120):
        moment = datetime(2019, 1, 1) + timedelta(days=number)
        file = trips.file([number], [moment], hours(moment) // 24)
        replaces = frozenset([path]) if number % 10 == 9 else NOTHING
        trips.publish(file, replaces=replaces, by=(day("at"),))
        for gone in replaces:
            del kept[gone]
        path = file.path
        kept[path] = number
        most = max(most, len(trips.manifests()))

    assert trips.ids() == sorted(kept.values())
    assert trips.ids("at < '2019-01-06T00:00:00'") == [0, 1, 2, 3, 4]
    assert 10 < most <= 53
    assert trips.totals() == {"data-files": 108, "records": len(kept), "delete-files": 0}


def test_entries_of_merged_manifests_keep_where_they_came_from(trips: Trips) -> None:
    snapshots = [trips.publish(trips.file([n], [datetime(2019, 1, 1)])) for n in range(60)]
    merged = [m for m in trips.manifests() if m.existing_files_count]
    entries = [e for m in merged for e in m.fetch_manifest_entry(trips.plain.io)]

    assert len(merged) == 1
    assert {e.status for e in entries} == {ManifestEntryStatus.EXISTING}
    came = sorted((e.sequence_number or 0, e.snapshot_id or 0) for e in entries)
    assert came == list(enumerate(snapshots[: len(entries)], 1))
    assert merged[0].min_sequence_number == 1
    assert trips.ids() == list(range(60))


def test_a_manifest_that_loses_a_file_says_so_once(trips: Trips) -> None:
    one, two = (trips.file([n], [datetime(2019, 1, 1)]) for n in (1, 2))
    first = trips.publish(one, two)
    second = trips.publish(trips.file([3], [FIRST]), replaces=frozenset([one.path]))
    rewritten = next(m for m in trips.manifests() if m.deleted_files_count)
    entries = rewritten.fetch_manifest_entry(trips.plain.io, discard_deleted=False)

    assert {(e.data_file.file_path[7:], e.status, e.snapshot_id) for e in entries} == {
        (one.path, ManifestEntryStatus.DELETED, second),
        (two.path, ManifestEntryStatus.EXISTING, first),
    }
    assert {e.sequence_number for e in entries} == {1}

    trips.publish(replaces=frozenset([two.path]))
    trips.publish(trips.file([4], [FIRST]))

    assert trips.ids() == [3, 4]
    assert not [m for m in trips.manifests() if m.deleted_files_count]


def test_no_manifest_grows_large(trips: Trips) -> None:
    """A file that leaves costs a rewrite of the others in its manifest."""
    rows = trips.file([1], [FIRST])
    many = [replace(rows, path=f"{rows.path}-{number}") for number in range(1200)]
    for file in many:
        Path(file.path).hardlink_to(rows.path)
    first = trips.publish(rows, *many)
    sizes = [m.added_files_count for m in trips.manifests()]
    trips.publish(replaces=frozenset(f.path for f in many))

    assert sizes == [1000, 201]
    assert trips.ids() == [1]
    assert len(trips.spans(first)) == 1201


def test_deletes_of_others_hold_for_the_files_that_stay(trips: Trips) -> None:
    """And are gone, in the totals too, with the last of the files."""
    one, two = (trips.file(ids, [FIRST] * 3) for ids in ([1, 2, 3], [4, 5, 6]))
    trips.publish(one, two)
    trips.delete_rows((one.path, 0), (two.path, 1))
    part = trips.publish(trips.file([7], [FIRST]), replaces=frozenset([one.path]))
    seen = trips.ids(), trips.totals()

    assert seen == ([4, 6, 7], {"data-files": 2, "records": 4, "delete-files": 1})
    assert trips.spans(part) == [None]

    trips.publish(trips.file([8], [FIRST]), replaces=None)

    assert (trips.ids(), trips.totals()) == (
        [8],
        {"data-files": 1, "records": 1, "delete-files": 0},
    )


def test_a_new_partition_spec_leaves_older_files_as_they_are(trips: Trips) -> None:
    january, february = datetime(2019, 1, 5), datetime(2019, 2, 7)
    old = [trips.file([1], [january], 588), trips.file([2], [february], 589)]
    trips.publish(*old, by=(month("at"),))
    (before,) = trips.manifests()
    trips.publish(trips.file([3], [february], 17934), by=(day("at"),))
    after = {m.manifest_path: m.partition_spec_id for m in trips.manifests()}

    assert after.pop(before.manifest_path) == before.partition_spec_id == 0
    assert list(after.values()) == [1]
    assert trips.plain.spec().spec_id == 1
    assert trips.ids() == [1, 2, 3]
    assert trips.ids("at >= '2019-02-01T00:00:00'") == [2, 3]

    snapshot = trips.publish(
        trips.file([4], [january], 17901), replaces=frozenset([old[0].path]), by=(day("at"),)
    )

    assert trips.ids() == [2, 3, 4]
    assert trips.ids("at < '2019-02-01T00:00:00'") == [4]
    assert sorted(map(str, trips.spans(snapshot))) == ["2019-01-05", "2019-02", "2019-02-07"]


def test_files_stay_whose_partition_column_is_gone(trips: Trips) -> None:
    one, two = (trips.file([n], [datetime(2019, 1, 1)], 588) for n in (1, 2))
    trips.publish(one, two, by=(month("at"),))
    trips.columns = Schema((Column("began", "timestamp", 3), Column("id", "long", ID)))
    snapshot = trips.publish(trips.file([3], [LAST]), replaces=frozenset([one.path]))

    assert trips.ids() == [2, 3]
    assert trips.spans(snapshot, "began") == [Window(hours(LAST), hours(LAST) + 1), None]


def test_times_without_rows_of_a_column_have_no_span(trips: Trips) -> None:
    snapshot = trips.publish(trips.file([1], [FIRST]))

    assert trips.spans(snapshot, "") == trips.spans(snapshot, "nothing") == [None]
    assert trips.spans(snapshot, "id") == [None]


def test_a_column_that_was_renamed_has_its_spans(trips: Trips) -> None:
    """By the name that it had at the snapshot, and by the one that it has now."""
    first = trips.publish(trips.file([1], [FIRST], -1969), by=(year("at"),))
    trips.columns = Schema((Column("began", "timestamp", AT), Column("id", "long", ID)))
    second = trips.publish(trips.file([2], [LAST], 8029), by=(year("began"),))
    ends = [Grain.YEAR.window(8029), Grain.YEAR.window(-1969)]

    assert trips.spans(second, "began") == ends
    assert trips.spans(first, "began") == trips.spans(first, "at") == [ends[1]]


@pytest.mark.parametrize("transform", [year, month, day, hour])
def test_the_span_of_a_file_is_its_partition(
    trips: Trips, transform: Callable[[str], Transform]
) -> None:
    """Rows without a time are in a partition of their own, whatever is said of its bounds."""
    by = transform("at")
    grain = Grain(by.kind)
    moments = [FIRST, datetime(1969, 12, 31, 23), datetime(1970, 1, 1), datetime(2020, 2, 29), LAST]
    ordinals = [grain.ordinal(hours(m)) for m in moments]
    files = [
        trips.file([n], [m], o) for n, (m, o) in enumerate(zip(moments, ordinals, strict=True))
    ]
    snapshot = trips.publish(*files, trips.file([9], [LAST], None), by=(by,))

    assert trips.spans(snapshot) == [*(grain.window(o) for o in ordinals), None]
    assert trips.spans(snapshot)[0] == Window(hours(FIRST), hours(FIRST) + 1).cover(grain)


def test_the_finest_partition_says_most(trips: Trips) -> None:
    moment = datetime(2019, 3, 4, 5)
    values = (49, hours(moment), 17959)
    by = (year("at"), hour("at"), day("at"))
    snapshot = trips.publish(trips.file([1], [moment], *values), by=by)

    assert list(map(str, trips.spans(snapshot))) == ["2019-03-04T05"]


def test_the_span_of_a_file_without_such_a_partition_is_that_of_its_bounds(trips: Trips) -> None:
    """Rows without a time are in no bounds, so nothing is known of a file that has any."""
    moment = datetime(2019, 3, 4, 5, 59, 59)
    files = [
        trips.file([1, 2], [FIRST, moment]),
        trips.file([3], [LAST]),
        trips.file([4, 5], [moment, None]),
    ]

    assert trips.spans(trips.publish(*files)) == [
        Window(hours(FIRST), hours(moment) + 1),
        Window(hours(LAST), hours(LAST) + 1),
        None,
    ]


@pytest.mark.parametrize("by", [(), (identity("at"),)])
def test_the_span_of_a_date_is_its_day(trips: Trips, by: tuple[Transform, ...]) -> None:
    trips.columns = Schema((Column("at", "date", AT), Column("id", "long", ID)))
    days = [FIRST, datetime(2019, 3, 4), LAST]
    files = [trips.file([1], [day], *(day.date().isoformat() for _ in by)) for day in days]

    assert trips.spans(trips.publish(*files, by=by)) == [
        Grain.DAY.window((day.date() - date(1970, 1, 1)).days) for day in days
    ]


def test_the_span_of_an_identity_partition_is_an_hour(trips: Trips) -> None:
    by, moment = (identity("at"),), datetime(1969, 12, 31, 23, 30)
    files = [trips.file([1], [moment], str(moment)), trips.file([2], [LAST], None)]

    assert trips.spans(trips.publish(*files, by=by)) == [Window(-1, 0), None]
