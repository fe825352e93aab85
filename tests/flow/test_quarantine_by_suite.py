"""Rows that fail the suite go to a table beside the model's; both together are what it gave."""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, snapshots, states
from support.processes import Runner
from support.projects import rows, sql_model, suite, write
from typer.testing import CliRunner

from medallion import Project
from medallion.cli.app import app
from medallion.errors import DefinitionError
from medallion.render import report_text
from medallion.report import Report, State

NAME, ASIDE = "silver.orders", "silver.orders__quarantine"
COLUMNS = {
    "id": "bigint",
    "happened": "timestamp",
    "amount": "integer",
    "zone": "varchar",
    "code": "varchar",
    "low": "integer",
    "high": "integer",
}
ADDED = {"_rules", "_run", "_inputs", "_quarantined_at", "_source_file", "_loaded_at"}
Row = dict[str, Any]
"""A row as the test gives it; the file that it is in is its `part`."""

BY_DAY = "partition_by=day('happened'), time_column='happened'"
QUARANTINE = "on_failure='quarantine'"
DECLARED = {
    "full": QUARANTINE,
    "window": f"{QUARANTINE}, {BY_DAY}",
    "merge": f"{QUARANTINE}, strategy='merge', unique_key='id'",
    "append": QUARANTINE,
}


def rules(most: int = 50) -> dict[str, str]:
    """Rules of every kind; one is a warning, which puts nothing aside."""
    return {
        "expectations/silver/orders.json": suite(
            ("expect_column_values_to_not_be_null", {"column": "amount"}),
            (
                "expect_column_values_to_be_between",
                {"column": "amount", "min_value": 0, "max_value": most},
            ),
            ("expect_column_values_to_be_in_set", {"column": "zone", "value_set": ["a", "b'"]}),
            ("expect_column_values_to_match_regex", {"column": "code", "regex": r"^c\d+$"}),
            ("expect_column_values_to_be_unique", {"column": "code"}),
            (
                "expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": "high", "column_B": "low", "or_equal": True},
            ),
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "low", "value_set": [1]},
                "severity": "warning",
            },
        )
    }


CHECKS: Mapping[str, Callable[[Row, int], bool]] = {
    "expect_column_values_to_not_be_null": lambda r, _: r["amount"] is not None,
    "expect_column_values_to_be_between": lambda r, most: (
        r["amount"] is None or 0 <= r["amount"] <= most
    ),
    "expect_column_values_to_be_in_set": lambda r, _: r["zone"] in ("a", "b'", None),
    "expect_column_values_to_match_regex": lambda r, _: re.search(r"^c\d+$", r["code"]) is not None,
    "expect_column_pair_values_a_to_be_greater_than_b": lambda r, _: r["high"] >= r["low"],
}


def failed(row: Row, codes: Counter[str], most: int) -> frozenset[str]:
    """The rules that the row fails, found without any of our code."""
    found = {name for name, holds in CHECKS.items() if not holds(row, most)}
    if codes[row["code"]] > 1:
        found.add("expect_column_values_to_be_unique")
    return frozenset(found)


def some_rows(chance: random.Random, part: int) -> list[Row]:
    """Rows of a day, most of them good; a code may be that of another day."""

    def one_of(good: Any, *bad: Any) -> Any:
        return chance.choice(bad) if chance.random() < 0.1 else good

    high = {"id": part * 100 + 99, "happened": f"2019-01-0{part + 1} 11:00:00", "amount": 60}
    return [
        {**high, "zone": None, "code": f"c9{part}", "low": 0, "high": 0},
    ] + [
        {
            "id": part * 100 + number,
            "happened": f"2019-01-0{part + 1} 10:00:00",
            "amount": one_of(chance.randrange(50), None, -3, 60, 70),
            "zone": one_of("a", "x", "b'"),
            "code": one_of(f"c{part}{number}", "wrong", "c7", f"c{chance.randrange(3)}1"),
            "low": 1,
            "high": one_of(2, 0),
        }
        for number in range(chance.randrange(4, 12))
    ]


def land(root: Path, part: int, found: list[Row]) -> None:
    """Land the rows of a day, in place of those that were there."""
    cells = (["" if v is None else str(v) for v in row.values()] for row in found)
    lines = [",".join(COLUMNS), *map(",".join, cells)]
    write(root, {f"landing/{part}.csv": "\n".join(lines) + "\n"})


def plain(row: Row) -> tuple[Any, ...]:
    """What a model gave of a row, comparable."""
    return tuple(str(row[name]) for name in COLUMNS)


def check(root: Path, given: list[Row], most: int = 50, name: str = NAME) -> int:
    """Published and quarantined are the rows that are given; how many are quarantined."""
    codes = Counter(row["code"] for row in given)
    wanted = {plain(r): failed(r, codes, most) for r in given}
    aside = rows(root, f"{name}__quarantine")
    home = Counter(plain(r) for r in rows(root, name))
    assert home == Counter(plain(r) for r in given if not failed(r, codes, most))
    assert Counter(map(plain, aside)) + home == Counter(map(plain, given))
    told = [(plain(r), {rule.partition("(")[0] for rule in r["_rules"]}) for r in aside]
    assert all(found == wanted[row] for row, found in told), told
    return len(aside)


def source(name: str, declared: str) -> dict[str, str]:
    """The file of a bronze model of what landed."""
    text = (
        f"from medallion import *\n\n@bronze({declared})\ndef {name}() -> Source:\n"
        f"    return files('landing/*.csv', columns={COLUMNS!r})\n"
    )
    return {f"models/{name}.py": text}


def project(root: Path, kind: str, most: int = 50) -> Path:
    """Orders as they land, by a strategy."""
    if kind == "append":
        found = {k.replace("silver", "bronze"): v for k, v in rules(most).items()}
        return write(root, source("orders", DECLARED[kind]) | found)
    query = f"select {', '.join(COLUMNS)} from bronze.events"
    model = sql_model("silver", "orders", query, DECLARED[kind])
    events = source("events", BY_DAY)
    return write(root, {**events, "models/orders.py": model, **rules(most)})


@pytest.mark.parametrize("kind", list(DECLARED))
def test_published_and_quarantined_rows_together_are_what_was_given(
    tmp_path: Path, kind: str
) -> None:
    """While days land and land again, a rule is loosened, and rows are judged again."""
    chance, given = random.Random(kind), dict[int, list[Row]]()
    name = "bronze.orders" if kind == "append" else NAME
    project(tmp_path, kind)
    aside = []
    for parts in ((0, 1), (1, 2), (0,)):
        for part in parts:
            landed = some_rows(chance, part)
            land(tmp_path, part, landed)
            # A key that is gone stays where rows are merged.
            there = given.get(part, []) if kind == "merge" else []
            given[part] = list({row["id"]: row for row in (*there, *landed)}.values())
        report = build(tmp_path)
        every = [row for found in given.values() for row in found]
        aside.append(check(tmp_path, every, name=name))
        before = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        assert set(states(build(tmp_path)).values()) == {State.FRESH}
        assert (snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")) == before
    assert min(aside) > 0
    assert report.exit_code == 0

    project(tmp_path, kind, most=60)
    for again in (False, True):
        before = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        with Project.load(tmp_path) as lake:
            assert lake.replay(name).ok
        assert check(tmp_path, every, 60, name) < aside[-1]
        after = snapshots(tmp_path, name), snapshots(tmp_path, f"{name}__quarantine")
        assert (before == after) is again
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def attempt(root: Path, **options: Any) -> Report:
    """A build that may not come through."""
    with Project.load(root) as lake:
        return lake.build(**options)


def simple(root: Path, declared: str = QUARANTINE, *more: Any, most: int = 9) -> Path:
    """Orders of which one has an amount above the limit."""
    query = "select * from (values (1, 5), (2, 60), (3, 7)) t(id, amount)"
    between = (
        "expect_column_values_to_be_between",
        {"column": "amount", "max_value": most},
    )
    return write(
        root,
        {
            "models/orders.py": sql_model("silver", "orders", query, declared),
            "expectations/silver/orders.json": suite(between, *more),
        },
    )


def seen(root: Path) -> tuple[list[int], list[int]]:
    """The ids that are published, and those that are aside."""
    both = (rows(root, NAME), rows(root, ASIDE))
    return tuple(sorted(r["id"] for r in found) for found in both)  # type: ignore[return-value]


def command(*arguments: str) -> tuple[int, str]:
    """What a command ends with, and what it says."""
    done = CliRunner().invoke(app, ["quarantine", *arguments])
    error = done.exception
    return (2, str(error)) if isinstance(error, DefinitionError) else (done.exit_code, done.output)


def test_quarantined_rows_are_listed_shown_and_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(simple(tmp_path))
    assert command("ls") == (0, "no row is quarantined\n")
    assert command("show", NAME) == (0, "no row is quarantined\n")
    code, told = command("replay", NAME)
    assert (code, "medallion build --select silver.orders" in told) == (2, True)
    report = build(tmp_path)
    rule = "expect_column_values_to_be_between(column=amount, max_value=9)"
    result = report.to_dict()["results"][0]
    assert (result["rows"], result["quarantined"], result["rules"]) == (2, 1, {rule: 1})
    assert f"silver.orders: 1 row quarantined\n         1  {rule}\n" in report_text(report)

    [row] = rows(tmp_path, ASIDE)
    assert (row["id"], row["_rules"], row["_run"]) == (2, [rule], report.run)
    build(tmp_path, full_refresh=True)
    assert rows(tmp_path, ASIDE) == [row]  # it is there since the first run
    code, told = command("ls")
    assert told.startswith(f"{NAME}: 1 row since 20")
    assert told.endswith(f"\n         1  {rule}\n")
    code, told = command("show", NAME)
    assert (code, rule in told, told.endswith("1 row\n")) == (0, True, True)
    code, told = command("replay", NAME)
    assert (code, f"{NAME}: 1 row since" in told) == (0, True)

    simple(tmp_path, most=60)
    code, told = command("replay", NAME)
    assert (code, f"{NAME}: 1 row out of quarantine" in told) == (0, True)
    assert seen(tmp_path) == ([1, 2, 3], [])
    assert command("ls")[1] == "no row is quarantined\n"
    simple(tmp_path, f"{QUARANTINE}, unique_key='id', renamed={{'amount': 'sum'}}", most=60)
    code, told = command("replay", NAME)
    assert (code, "has other code since it was built" in told) == (2, True)
    simple(tmp_path, "")
    code, told = command("replay", NAME)
    assert (code, 'on_failure="quarantine"' in told) == (2, True)
    assert command("show", NAME)[0] == 2


def test_columns_of_any_type_and_name_are_divided(tmp_path: Path) -> None:
    """Twice: what is told of a row that comes again is kept, whatever is in it."""
    query = """
        select i as id, i * 30 as amount, 'f' || i as filename, i as batch, null::date as day,
            {'a': null::int, 'b': [i]} as nested, map {'k': i} as pairs, [null, 'x'] as list,
            'nan'::double as number, i::decimal(9, 2) as "a "" price", 'x'::blob as bytes
        from range(4) t(i)
    """
    simple(tmp_path)
    write(tmp_path, {"models/orders.py": sql_model("silver", "orders", query, QUARANTINE)})
    build(tmp_path)
    assert seen(tmp_path) == ([0], [1, 2, 3])
    before = rows(tmp_path, ASIDE)
    assert [(r["filename"], r["nested"], r["list"]) for r in before] == [
        (f"f{i}", {"a": None, "b": [i]}, [None, "x"]) for i in (1, 2, 3)
    ]
    build(tmp_path, full_refresh=True)
    assert str(rows(tmp_path, ASIDE)) == str(before)


@pytest.mark.parametrize(("most", "passes"), [("0.34", True), ("0.33", False), ("0", False)])
def test_more_rows_than_may_be_keep_the_build_from_being_published(
    tmp_path: Path, most: str, passes: bool
) -> None:
    simple(tmp_path, f"{QUARANTINE}, max_quarantine={most}")
    report = attempt(tmp_path)
    assert report.ok is passes
    if passes:
        assert seen(tmp_path) == ([1, 3], [2])
        return
    failure = report[NAME].failure
    assert (report[NAME].state, report.exit_code) == (State.REJECTED, 1)
    assert failure
    assert failure.message.startswith(
        f"{NAME}: 1 of 3 rows fails (33.3 %), and max_quarantine={float(most):g} lets "
    )
    assert "1 fail expect_column_values_to_be_between(column=amount, max_value=9), such as 60" in (
        failure.message
    )
    with Project.load(tmp_path) as lake:
        assert all(t.main is None for t in lake.tables().values())
        assert [b.state for b in lake.branches()] == ["rejected"]


def test_a_stricter_suite_puts_rows_aside_that_are_published(tmp_path: Path) -> None:
    """And a limit holds for them; a replay takes no new rows."""
    simple(tmp_path, f"{QUARANTINE}, max_quarantine=0.4", most=99)
    build(tmp_path)
    with Project.load(tmp_path) as lake:
        assert set(map(str, lake.tables())) == {NAME}
    simple(tmp_path, f"{QUARANTINE}, max_quarantine=0.4", most=6)
    assert attempt(tmp_path)[NAME].state is State.REJECTED
    simple(tmp_path, f"{QUARANTINE}, max_quarantine=0.4", most=9)
    report = build(tmp_path)
    assert (report[NAME].state, report[NAME].quarantined) == (State.PUBLISHED, 1)
    assert seen(tmp_path) == ([1, 3], [2])
    assert states(build(tmp_path)) == {NAME: State.FRESH}


def test_what_is_not_about_rows_blocks_as_ever(tmp_path: Path) -> None:
    """Of what is left when rows are aside: a rule that fails for their sake alone passes."""
    count = ("expect_table_row_count_to_be_between", {"min_value": 3})
    greatest = ("expect_column_max_to_be_between", {"column": "amount", "max_value": 9})
    simple(tmp_path, QUARANTINE, greatest)
    assert build(tmp_path)[NAME].quarantined == 1
    simple(tmp_path, QUARANTINE, count)
    before = snapshots(tmp_path, NAME)
    report = attempt(tmp_path)
    assert (report[NAME].state, report.exit_code) == (State.REJECTED, 1)
    assert snapshots(tmp_path, NAME) == before
    assert seen(tmp_path) == ([1, 3], [2])


def test_an_unpublished_run_publishes_both_tables_together(tmp_path: Path) -> None:
    simple(tmp_path)
    report = attempt(tmp_path, publish=False)
    with Project.load(tmp_path) as lake:
        assert all(t.main is None for t in lake.tables().values())
        assert {str(b.table): b.state for b in lake.branches()} == {
            NAME: "passed",
            ASIDE: "passed",
        }
        lake.publish(report.run)
    assert seen(tmp_path) == ([1, 3], [2])
    assert states(build(tmp_path)) == {NAME: State.FRESH}


def test_runs_of_other_windows_at_the_same_time_are_divided_together(tmp_path: Path) -> None:
    """What one of them put aside is judged anew on top of the other's."""
    project(tmp_path, "window")
    days = [some_rows(random.Random(day), day) for day in range(3)]
    days[2][0]["code"] = days[1][0]["code"] = "c9"  # good in either run, and not in both
    for row in (days[1][0], days[2][0]):
        row["amount"] = 1
    for day, found in enumerate(days):
        land(tmp_path, day, found)
    build(tmp_path, selection="bronze.events")
    build(tmp_path, end="2019-01-01")
    with Project.load(tmp_path) as lake:
        plan = lake.plan(end="2019-01-02")
        assert build(tmp_path, start="2019-01-03").ok
        report = lake.run(plan)
    assert report.ok, report.to_dict()
    assert check(tmp_path, [row for found in days for row in found]) > 2
    assert set(states(build(tmp_path)).values()) == {State.FRESH}


def test_a_build_killed_at_any_step_is_divided_by_the_next(tmp_path: Path, runner: Runner) -> None:
    """Readers see both tables as they were, or both as they are to be."""
    project(tmp_path, "full")
    first, second = (some_rows(random.Random(seed), 0) for seed in (1, 2))
    land(tmp_path, 0, first)
    events = runner.build(tmp_path)["events"]
    for number, kill in enumerate(range(events // 2, events, events // 5)):
        old, new = (first, second) if number % 2 == 0 else (second, first)
        land(tmp_path, 0, new)
        assert runner.build(tmp_path, kill=kill)["status"] in (-9, 0)
        ids = {r["id"] for name in (NAME, ASIDE) for r in rows(tmp_path, name)}
        check(tmp_path, new if ids == {r["id"] for r in new} else old)
        assert runner.build(tmp_path)["status"] == 0
        check(tmp_path, new)


@pytest.mark.parametrize(
    ("declared", "query", "told"),
    [
        ("", "select 1 as _rules, 2 as amount", "_rules"),
        ("", "select 1 as id, 2 as amount", "too long"),
    ],
)
def test_a_table_that_cannot_be_is_told(
    tmp_path: Path, declared: str, query: str, told: str
) -> None:
    name = "orders" if told == "_rules" else "o" * 52
    model = sql_model("silver", name, query, QUARANTINE + declared)
    write(tmp_path, {f"models/{name}.py": model})
    if told == "_rules":
        failure = attempt(tmp_path)[NAME].failure
        assert failure
        assert "'_rules', which its quarantine has" in failure.message
        return
    with pytest.raises(DefinitionError, match=told):
        Project.load(tmp_path)


def test_lines_and_rows_are_not_put_aside_by_one_model(tmp_path: Path) -> None:
    text = source("events", QUARANTINE)["models/events.py"]
    write(
        tmp_path,
        {"models/events.py": text.replace("columns=", "unparsable='quarantine', columns=")},
    )
    with pytest.raises(DefinitionError, match="puts lines aside that cannot be parsed"):
        Project.load(tmp_path)


@pytest.mark.only_on("local", because="it stands in the way of a folder")
def test_a_quarantine_that_cannot_be_written_is_told_as_trouble_with_the_store(
    tmp_path: Path,
) -> None:
    rule = suite(("expect_column_values_to_be_between", {"column": "id", "min_value": 0}))
    query = "select unnest([-1, 1]) as id"
    model = sql_model("silver", "orders", query, QUARANTINE)
    write(tmp_path, {"models/a.py": model, "expectations/silver/orders.json": rule})
    beside = tmp_path / "warehouse/silver/orders__quarantine"
    write(tmp_path, {str(beside.relative_to(tmp_path)): ""})
    with Project.load(tmp_path) as loaded:
        report = loaded.build()
        beside.unlink()
        again = loaded.build()

    failure = report[NAME].failure
    assert failure
    assert (report.exit_code, failure.kind) == (4, "StoreError")
    assert f"rows of {ASIDE} cannot be written" in failure.message
    assert (again[NAME].rows, again[NAME].quarantined) == (1, 1)
