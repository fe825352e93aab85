"""What can happen to a lake: a class that does it, and strategies of what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from medallion import Project
from medallion.errors import DefinitionError
from support.processes import Runner
from support.projects import address, plain_catalog
from support.windowed import FULL, MODELS, Row, land, put

BY_WINDOW = [name for name in MODELS if name not in (FULL, "bronze.events")]
MOMENTS = (
    "2019-01-01 00:00:00",
    "2019-01-01 13:30:00",
    "2019-01-02 00:00:00",
    "2019-01-03 23:59:59.999999",
    "2019-01-31 20:15:00",
    "2019-02-01 00:00:00",
    "2019-02-28 08:00:00",
    "2008-12-31 23:00:00",
    "2088-02-29 12:00:00",
    "1969-12-31 23:59:59",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59",
)
RANGES = (
    (None, None),
    ("2019-01-02", "2019-01-02"),
    ("2019-01-01", "2019-01-31"),
    ("2019-02", None),
    (None, "2018"),
    ("2019-01-01T13:00", "2019-01-03T05:00"),
    ("2088-02-29", "2088-02-29"),
)


@dataclass
class Lake:
    """A project on disk, and what can happen to it."""

    root: Path
    runner: Runner

    def land(self, file: int, rows: list[Row]) -> None:
        """Land a file, or land it again with other rows."""
        land(self.root, f"file{file}", rows)

    def touch(self, file: int) -> None:
        """Land a file again as it was."""
        path = self.root / f"landing/file{file}.csv"
        if path.exists():
            path.write_bytes(path.read_bytes())

    def change(self, model: str, variant: int) -> None:
        """Change the code of a model that there is."""
        if model in self.models:
            put(self.root, model, variant)

    @property
    def models(self) -> list[str]:
        """The models that there are."""
        return [n for n in MODELS if (self.root / f"models/{n.replace('.', '/')}.py").exists()]

    def expire(self, model: str) -> None:
        """Drop all versions of a table but those that readers and branches see."""
        if address(self.root).startswith("sqlite") and not (self.root / "warehouse").exists():
            return
        catalog = plain_catalog(self.root)
        if catalog.table_exists(model):
            table = catalog.load_table(model)
            seen = {r.snapshot_id for r in table.metadata.refs.values()}
            old = [s.snapshot_id for s in table.snapshots() if s.snapshot_id not in seen]
            table.maintenance.expire_snapshots().by_ids(old).commit()
        catalog.close()

    def build(self, **options: Any) -> None:
        """Build; a model whose inputs were never built cannot be."""
        if options.get("selection", "").lstrip("+") in ("", *self.models):
            self._tried(lambda project: [project.build(**options)])

    def backfill(self, model: str, **options: Any) -> None:
        """Build windows again."""
        if model in self.models:
            self._tried(lambda project: list(project.backfill(model, **options)))

    def kill(self, event: int, backfilled: str, **options: Any) -> None:
        """Build or backfill in a process that kills itself."""
        if backfilled in self.models:
            self.runner.backfill(self.root, backfilled, event, **options)
        else:
            self.runner.build(self.root, event)

    def _tried(self, act: Callable[[Project], Any]) -> None:
        with Project.load(self.root) as project:
            try:
                reports = act(project)
            except DefinitionError as error:
                if "never published" not in error.message:
                    raise
            else:
                assert all(r.ok for r in reports), [r.to_dict() for r in reports]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 9),
        # The first ones are drawn more often.
        st.one_of(st.sampled_from(MOMENTS[:7]), st.sampled_from(MOMENTS)),
        st.integers(-3, 9),
        st.sampled_from("ab"),
    ),
    max_size=6,
)
OF_WINDOW = st.sampled_from(BY_WINDOW)
RANGE = st.sampled_from(RANGES).map(lambda r: {"start": r[0], "end": r[1]})
LANDED: Any = st.tuples(st.just("land"), st.tuples(st.integers(0, 2), ROWS), st.just({}))
ACTIONS: Any = st.one_of(
    LANDED,
    LANDED,
    st.tuples(st.just("touch"), st.tuples(st.integers(0, 2)), st.just({})),
    st.tuples(
        st.just("change"), st.tuples(st.sampled_from(list(MODELS)), st.integers(0, 5)), st.just({})
    ),
    st.tuples(st.just("expire"), st.tuples(st.sampled_from(list(MODELS))), st.just({})),
    st.tuples(st.just("build"), st.just(()), RANGE),
    st.tuples(
        st.just("build"),
        st.just(()),
        st.builds(
            lambda name, up, r: {"selection": up + name, **r},
            st.sampled_from(list(MODELS)),
            st.sampled_from(["", "+"]),
            RANGE,
        ),
    ),
    st.tuples(
        st.just("build"),
        st.just(()),
        OF_WINDOW.map(lambda name: {"selection": name, "full_refresh": True}),
    ),
    st.tuples(
        st.just("backfill"),
        st.tuples(OF_WINDOW),
        st.builds(
            lambda r, down, batch, windows: {
                **r, "downstream": down, "batch": batch, "windows": windows
            },
            RANGE,
            st.booleans(),
            st.sampled_from([None, 1, 2]),
            st.integers(1, 2),
        ),
    ),
    st.tuples(
        st.just("kill"),
        st.tuples(st.integers(1, 250), st.one_of(st.just(""), OF_WINDOW)),
        st.just({}),
    ),
)  # fmt: skip
