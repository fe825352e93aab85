"""A catalog in a SQLite file, read without PyIceberg: it says what PyIceberg says."""

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.transforms import BucketTransform, MonthTransform
from pyiceberg.types import DecimalType, ListType, LongType, MapType, NestedField, StringType
from pyiceberg.types import StructType as IcebergStruct
from sqlalchemy import make_url
from support.projects import plain_catalog

from medallion.adapters.iceberg.address import sqlite_file
from medallion.adapters.iceberg.catalog import IcebergCatalog
from medallion.adapters.iceberg.document import table_of
from medallion.adapters.iceberg.metadata import table_of as table_of_metadata
from medallion.adapters.iceberg.opening import opened
from medallion.adapters.iceberg.sqlite import SqliteCatalog
from medallion.errors import CatalogError, MedallionError, StoreError
from medallion.names import TableName
from medallion.ports import Catalog
from medallion.schema import Schema
from medallion.tables import Snapshot, Table

NAME = TableName.parse("silver.t")
ROWS = pa.table({"id": pa.array([1, 2], pa.int32()), "day": pa.array([0, 40], pa.date32())})


class Lakes:
    """One lake: as somebody with PyIceberg writes it, and as both of our catalogs read it."""

    def __init__(self, root: Path) -> None:
        (root / "warehouse").mkdir()
        self.root = root
        self.file = root / "warehouse" / "catalog.db"
        self.lake = opened(f"sqlite:///{self.file}", f"file://{root}/warehouse", {})
        self.slow = IcebergCatalog(self.lake)
        self.quick = SqliteCatalog(self.file, self.slow)
        self._plain: SqlCatalog | None = None

    @property
    def plain(self) -> SqlCatalog:
        """The catalog as PyIceberg opens it."""
        if self._plain is None:
            made = plain_catalog(self.root)
            assert isinstance(made, SqlCatalog)
            self._plain = made
            self._plain.create_namespace("silver")
        return self._plain

    def close(self) -> None:
        """Give the connections back."""
        self.lake.close()
        if self._plain:
            self._plain.close()

    def pointer(self) -> Path:
        """The metadata file of the table."""
        return Path(self.plain.load_table(str(NAME)).metadata_location.removeprefix("file://"))

    def point(self, location: str | None) -> None:
        """Let the catalog name another metadata file."""
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute("update iceberg_tables set metadata_location = ?", [location])
            connection.commit()


@pytest.fixture
def lakes(tmp_path: Path) -> Iterator[Lakes]:
    """An empty lake."""
    lakes = Lakes(tmp_path)
    yield lakes
    lakes.close()


def told_by_pyiceberg(name: TableName, metadata: TableMetadata) -> Table:
    """The table, value by value out of PyIceberg's classes."""
    return Table(
        name,
        str(metadata.table_uuid),
        metadata.location,
        {s.schema_id: Schema.from_json(json.loads(s.model_dump_json())) for s in metadata.schemas},
        metadata.current_schema_id,
        metadata.last_column_id,
        {k: r.snapshot_id for k, r in metadata.refs.items() if r.snapshot_ref_type == "branch"},
        {
            s.snapshot_id: Snapshot(
                s.snapshot_id,
                s.parent_snapshot_id,
                s.summary.operation.value if s.summary else "",
                s.timestamp_ms,
                s.schema_id,
                s.summary.additional_properties if s.summary else {},
            )
            for s in metadata.snapshots
        },
        dict(metadata.properties),
    )


def empty(catalog: SqlCatalog) -> None:
    catalog.create_table(str(NAME), ROWS.schema)


def appended(catalog: SqlCatalog) -> None:
    table = catalog.create_table(str(NAME), ROWS.schema, properties={"owner": "me", "comment": ""})
    table.append(ROWS, snapshot_properties={"medallion.run": "x", "by": 'me "and" you'})
    table.append(ROWS)
    table.overwrite(ROWS.slice(1))
    table.delete("id = 2")


def branched_and_tagged(catalog: SqlCatalog) -> None:
    appended(catalog)
    table = catalog.load_table(str(NAME))
    first, last = table.history()[0].snapshot_id, table.history()[-1].snapshot_id
    with table.manage_snapshots() as change:
        change.create_tag(first, "v1", max_ref_age_ms=9)
        change.create_branch(last, "run-20260101t000000-00000a", min_snapshots_to_keep=2)
    table.append(ROWS, branch="run-20260101t000000-00000a")


def on_a_branch_alone(catalog: SqlCatalog) -> None:
    branched_and_tagged(catalog)
    with catalog.load_table(str(NAME)).manage_snapshots() as change:
        change.remove_branch("main")


def evolved(catalog: SqlCatalog) -> None:
    appended(catalog)
    table = catalog.load_table(str(NAME))
    nested = IcebergStruct(
        NestedField(21, "x", DecimalType(9, 2), doc="of x"),
        NestedField(22, "m", MapType(23, StringType(), 24, ListType(25, LongType()))),
    )
    with table.update_schema() as change:
        change.add_column("s", ListType(20, nested), doc="nested")
        change.update_column("id", LongType())
        change.rename_column("day", "at")
    table.append(pa.table({"id": [3]}))
    with table.update_schema() as change:
        change.delete_column("at")


def partitioned_anew(catalog: SqlCatalog) -> None:
    appended(catalog)
    table = catalog.load_table(str(NAME))
    with table.update_spec() as change:
        change.add_field("day", MonthTransform(), "month")
    table.append(ROWS)
    with table.update_spec() as change:
        change.remove_field("month")
        change.add_field("id", BucketTransform(4), "bucket")
    table.append(ROWS)


def of_the_first_version(catalog: SqlCatalog) -> None:
    catalog.create_table(str(NAME), ROWS.schema, properties={"format-version": "1"}).append(ROWS)


WRITERS = [
    empty, appended, branched_and_tagged, on_a_branch_alone, evolved, partitioned_anew,
    of_the_first_version,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records")
def test_a_table_is_what_pyiceberg_says(lakes: Lakes, write: Callable[[SqlCatalog], None]) -> None:
    write(lakes.plain)
    metadata = lakes.plain.load_table(str(NAME)).metadata
    expected = asdict(told_by_pyiceberg(NAME, metadata))

    assert asdict(lakes.quick.tables([NAME])[NAME]) == expected
    assert asdict(lakes.slow.tables([NAME])[NAME]) == expected
    assert asdict(table_of_metadata(NAME, metadata)) == expected


MINIMAL: dict[str, Any] = {
    "format-version": 2,
    "table-uuid": "9C12D441-03FE-4693-9A96-A0705DDF69C1",
    "location": "file:///w/silver/t",
    "last-sequence-number": 1,
    "last-updated-ms": 5,
    "last-column-id": 1,
    "schemas": [{"type": "struct", "schema-id": 0, "fields": [
        {"id": 1, "name": "x", "required": True, "type": "decimal(9,2)"},
    ]}],
    "current-schema-id": 0,
    "partition-specs": [{"spec-id": 0, "fields": []}],
    "default-spec-id": 0,
    "last-partition-id": 999,
    "sort-orders": [{"order-id": 0, "fields": []}],
    "default-sort-order-id": 0,
}  # fmt: skip
SNAPSHOT = {"snapshot-id": 7, "timestamp-ms": 5, "manifest-list": "m", "sequence-number": 1}
NOTED = SNAPSHOT | {"summary": {"operation": "delete", "k": "v"}, "parent-snapshot-id": None}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"format-version": 3, "next-row-id": 0},
        {"current-snapshot-id": -1, "refs": {}, "snapshots": []},
        {"current-snapshot-id": None},
        {"snapshots": [SNAPSHOT], "current-snapshot-id": 7},
        {"snapshots": [NOTED], "current-snapshot-id": 7, "refs": {}},
        {"snapshots": [NOTED], "refs": {"b": {"snapshot-id": 7, "type": "branch"}}},
        {"snapshots": [NOTED], "refs": {"t": {"snapshot-id": 7, "type": "tag"}}},
        {"snapshots": [SNAPSHOT | {"summary": {"k": "v"}}]},
        {"snapshots": [SNAPSHOT | {"summary": {}}]},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Encountered invalid snapshot summary")
def test_what_metadata_leaves_out_has_its_default(more: dict[str, Any]) -> None:
    document = json.loads(json.dumps(MINIMAL | more))
    metadata = TableMetadataUtil.parse_obj(MINIMAL | more)
    expected = asdict(told_by_pyiceberg(NAME, metadata))

    assert asdict(table_of(NAME, document)) == expected
    assert asdict(table_of_metadata(NAME, metadata)) == expected


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        MINIMAL | {"format-version": 4},
        MINIMAL | {"table-uuid": "none"},
        MINIMAL | {"schemas": [{"type": "struct", "fields": [{"id": 1}]}]},
        MINIMAL | {"refs": [1]},
        MINIMAL | {"snapshots": [{}]},
    ],
    ids=str,
)
def test_metadata_of_no_table_is_refused(lakes: Lakes, document: Any) -> None:
    empty(lakes.plain)
    lakes.pointer().write_text(json.dumps(document))
    with pytest.raises((ValueError, ValidationError)):
        TableMetadataUtil.parse_raw(json.dumps(document))

    for catalog in (lakes.quick, lakes.slow):
        with pytest.raises(StoreError, match=r"the metadata of silver\.t cannot be read: .*json"):
            catalog.tables([NAME])


@pytest.mark.parametrize("location", ["", None, "/none.metadata.json", "s3://bucket/x.json", "x"])
def test_a_metadata_file_that_is_not_there_is_told(lakes: Lakes, location: str | None) -> None:
    empty(lakes.plain)
    lakes.point(location)

    for catalog in (lakes.quick, lakes.slow):
        with pytest.raises(StoreError, match=r"silver\.t cannot be read") as told:
            catalog.tables([NAME])
        assert told.value.hint == "was the warehouse moved or deleted without its catalog?"


def test_compressed_metadata_is_read(lakes: Lakes) -> None:
    appended(lakes.plain)
    expected = lakes.quick.tables([NAME])
    path = lakes.pointer()
    content = gzip.compress(path.read_bytes())
    compressed = path.with_name("1.gz.metadata.json")
    compressed.write_bytes(content)
    lakes.point(f"file://{compressed}")
    assert lakes.quick.tables([NAME]) == expected

    broken = path.with_name("2.gz.metadata.json")
    lakes.point(f"file://{broken}")
    for part in (content[:-20], content[:20] + b"xyz" + content[23:], path.read_bytes()):
        broken.write_bytes(part)
        with pytest.raises(StoreError, match=r"silver\.t cannot be read"):
            lakes.quick.tables([NAME])


def test_a_table_that_moved_is_read_again(lakes: Lakes) -> None:
    empty(lakes.plain)
    assert lakes.quick.tables([NAME])[NAME].main is None
    lakes.plain.load_table(str(NAME)).append(ROWS)
    main = lakes.plain.load_table(str(NAME)).metadata.current_snapshot_id
    assert lakes.quick.tables([NAME])[NAME].main == main


def test_a_table_that_did_not_move_is_not_read_again(lakes: Lakes) -> None:
    empty(lakes.plain)
    before = lakes.quick.tables([NAME])
    lakes.pointer().unlink()

    assert lakes.quick.tables([NAME]) == before


def test_tables_of_other_catalogs_and_namespaces_are_not_ours(lakes: Lakes) -> None:
    lakes.plain.create_namespace("other")
    lakes.plain.create_table("other.t", ROWS.schema)
    other = SqlCatalog("other", uri=f"sqlite:///{lakes.file}", warehouse=f"file://{lakes.root}/o")
    other.create_namespace("silver")
    other.create_table(str(NAME), ROWS.schema)
    other.engine.dispose()

    assert lakes.quick.tables([NAME]) == lakes.slow.tables([NAME]) == {}


def test_looking_leaves_the_folder_as_it_was(lakes: Lakes) -> None:
    """Even if nobody else has the catalog open: its log is made and removed."""
    lakes.slow.prepare()
    appended(lakes.plain)
    lakes.close()
    before = {p: p.read_bytes() for p in lakes.root.rglob("*") if p.is_file()}

    assert lakes.quick.tables([NAME])

    assert {p: p.read_bytes() for p in lakes.root.rglob("*") if p.is_file()} == before


def test_what_a_killed_writer_left_in_the_log_is_seen(lakes: Lakes) -> None:
    lakes.slow.prepare()
    empty(lakes.plain)
    other = lakes.root / "copy.db"
    with closing(sqlite3.connect(lakes.file)) as writer:
        writer.execute("pragma wal_autocheckpoint = 0")
        writer.execute("update iceberg_tables set table_name = 'u'")
        writer.commit()
        for ending in ("", "-wal"):
            other.with_name(other.name + ending).write_bytes(
                lakes.file.with_name(lakes.file.name + ending).read_bytes()
            )

    renamed = TableName.parse("silver.u")
    assert list(SqliteCatalog(other, lakes.slow).tables([NAME, renamed])) == [renamed]


def test_a_file_that_is_no_catalog_yet_has_no_tables(lakes: Lakes) -> None:
    lakes.file.touch()

    assert not lakes.quick.tables([NAME])
    assert not lakes.file.read_bytes()


def no_database(lakes: Lakes) -> None:
    lakes.file.write_bytes(b"this is no database, whatever its name says" * 50)


def folder(lakes: Lakes) -> None:
    lakes.file.mkdir()


def message(catalog: Catalog) -> MedallionError:
    """The error of looking."""
    with pytest.raises(CatalogError) as told:
        catalog.tables([NAME])
    return told.value


@pytest.mark.parametrize("spoil", [no_database, folder], ids=lambda f: f.__name__)
def test_a_catalog_that_cannot_be_read_is_told_in_the_same_words(
    lakes: Lakes, spoil: Callable[[Lakes], None]
) -> None:
    spoil(lakes)
    told = message(lakes.quick)

    assert f"the catalog sqlite:///{lakes.file} cannot be used: " in told.message
    assert (told.message, told.hint) == (message(lakes.slow).message, message(lakes.slow).hint)


@pytest.mark.parametrize(
    ("uri", "read"),
    [
        ("sqlite:////w/catalog.db", True),
        ("sqlite:////w/a b/ü/#/@:/catalog.db", True),
        ("sqlite:////w/a%20b/catalog.db", False),
        ("sqlite:////w/catalog.db?timeout=5", False),
        ("sqlite:///file:/w/catalog.db?uri=true", False),
        ("sqlite+pysqlite:////w/catalog.db", False),
        ("sqlite:///:memory:", False),
        ("sqlite:///", False),
        ("sqlite://", False),
        ("postgresql://me:secret@host/lake", False),
    ],
)
def test_an_address_is_read_here_only_if_it_means_the_same_to_sqlalchemy(
    uri: str, read: bool
) -> None:
    file = sqlite_file(uri)

    assert (file is not None) is read
    if file:
        assert str(file) == make_url(uri).database
