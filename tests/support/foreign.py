"""What others do to a table of the lake with PyIceberg alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _OverwriteFiles
from pyiceberg.typedef import EMPTY_DICT

from support.projects import plain_catalog


@contextmanager
def opened(root: Path, name: str) -> Iterator[Table]:
    """A table, to be changed."""
    catalog = plain_catalog(root)
    try:
        yield catalog.load_table(name)
    finally:
        catalog.close()


class _Rewrite(_OverwriteFiles):
    """Says that it only rewrote files, as other engines do. PyIceberg itself has no such change."""

    def _summary(self, snapshot_properties: Mapping[str, str] = EMPTY_DICT) -> Summary:
        said = super()._summary(dict(snapshot_properties))
        return Summary(Operation.REPLACE, **said.additional_properties)


def compact(root: Path, name: str) -> None:
    """Write all rows of a table into new files, one for each partition."""
    with opened(root, name) as table, table.transaction() as change:
        rewrite = _Rewrite(Operation.OVERWRITE, transaction=change, io=table.io, branch="main")
        rows = table.scan().to_arrow()
        for task in table.scan().plan_files():
            rewrite.delete_data_file(task.file)
        for file in _dataframe_to_data_files(change.table_metadata, rows, table.io):
            rewrite.append_data_file(file)
        rewrite.commit()


def expire(root: Path, name: str) -> None:
    """Drop all versions of a table but what readers see."""
    with opened(root, name) as table:
        seen = {ref.snapshot_id for ref in table.metadata.refs.values()}
        old = [s.snapshot_id for s in table.snapshots() if s.snapshot_id not in seen]
        table.maintenance.expire_snapshots().by_ids(old).commit()


def roll_back(root: Path, name: str) -> None:
    """Show readers the version before."""
    with opened(root, name) as table:
        snapshot = table.current_snapshot()
        assert snapshot
        assert snapshot.parent_snapshot_id
        table.manage_snapshots().rollback_to_snapshot(snapshot.parent_snapshot_id).commit()
