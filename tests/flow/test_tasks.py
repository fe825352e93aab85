"""Helper tasks: steps outside of the tables, whose results models read."""

from pathlib import Path
from typing import Any

import pytest
from support.flows import build, states
from support.projects import rows, write

from medallion import Form, Project
from medallion.errors import DefinitionError
from medallion.listing import listing
from medallion.report import Event, State, Step

HEADER = """
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from pathlib import Path
    from medallion import Frame, SQL, bronze, gold, ref, silver, task

    HERE = Path({root!r})

    def note(what):
        with (HERE / "calls").open("a") as file:
            file.write(f"{{what}}\\n")
"""


def project(root: Path, code: str) -> Path:
    """A project of one file."""
    lines = HEADER.format(root=str(root)) + code
    return write(root, {"models/all.py": lines})


def calls(root: Path) -> list[str]:
    """What the functions have noted so far."""
    file = root / "calls"
    return file.read_text().split() if file.exists() else []


RATES = """
    @task
    def rates() -> pd.DataFrame:
        note("rates")
        return pd.DataFrame({"currency": ["EUR", "USD"], "rate": [1.0, 1.1]})

    @gold
    def prices(rates: pd.DataFrame = ref("task.rates")) -> pd.DataFrame:
        note("prices")
        return rates.assign(price=rates["rate"] * 10)
"""


def test_a_model_reads_the_result_of_a_task(tmp_path: Path) -> None:
    report = build(project(tmp_path, RATES))

    assert states(report) == {"task.rates": State.DONE, "gold.prices": State.PUBLISHED}
    assert [r["price"] for r in rows(tmp_path, "gold.prices")] == [10.0, 11.0]


def test_a_task_is_done_once_until_its_code_changes(tmp_path: Path) -> None:
    build(project(tmp_path, RATES))
    assert set(states(build(tmp_path)).values()) == {State.FRESH}
    assert calls(tmp_path) == ["rates", "prices"]

    report = build(project(tmp_path, RATES.replace("1.1]", "1.2]")))

    assert states(report)["task.rates"] is State.DONE
    assert [r["price"] for r in rows(tmp_path, "gold.prices")] == [10.0, 12.0]


def test_sql_reads_the_result_of_a_task_by_its_name(tmp_path: Path) -> None:
    code = (
        RATES
        + """
    @gold
    def dear() -> SQL:
        return "select currency from task.rates where rate > 1"
    """
    )
    build(project(tmp_path, code))

    assert rows(tmp_path, "gold.dear") == [{"currency": "USD"}]
    with Project.load(tmp_path) as loaded:
        assert loaded.query("select count(*) as n from task.rates").to_pylist() == [{"n": 2}]
        assert len(loaded.table("task.rates", form=Form.FRAME)) == 2


def test_a_task_below_a_table_is_done_again_when_the_table_changes(tmp_path: Path) -> None:
    code = """
    @silver
    def items() -> SQL:
        return "select 1 as id"

    @task
    def counted(items: pa.Table = ref("silver.items")) -> pa.Table:
        note("counted")
        return pa.table({"n": [items.num_rows]})

    @gold
    def sizes(counted: Frame = ref("task.counted")) -> Frame:
        return counted
    """
    build(project(tmp_path, code))
    assert rows(tmp_path, "gold.sizes") == [{"n": 1}]
    build(tmp_path)

    build(project(tmp_path, code.replace("select 1 as id", "from range(3) t(id)")))

    assert rows(tmp_path, "gold.sizes") == [{"n": 3}]
    assert calls(tmp_path) == ["counted", "counted"]


def test_a_result_that_is_too_old_is_computed_again(tmp_path: Path) -> None:
    build(project(tmp_path, RATES.replace("@task", '@task(max_age="1d")')))
    build(tmp_path)
    assert calls(tmp_path).count("rates") == 1

    build(project(tmp_path, RATES.replace("@task", "@task(max_age=0)")))
    build(tmp_path)

    assert calls(tmp_path).count("rates") == 3


def test_under_another_key_there_is_another_result(tmp_path: Path) -> None:
    code = RATES.replace("@task", '@task(key=lambda: (HERE / "key").read_text())')
    for key, count in (("one", 1), ("one", 1), ("two", 2), ("one", 2)):
        (tmp_path / "key").write_text(key)
        build(project(tmp_path, code))
        assert calls(tmp_path).count("rates") == count


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
def test_a_result_that_was_damaged_on_disk_is_computed_again(tmp_path: Path) -> None:
    build(project(tmp_path, RATES))
    (data,) = (tmp_path / "warehouse/task/rates/data").glob("*.parquet")
    content = data.read_bytes()

    for damaged in (content[:-1], content[:40] + b"!" + content[41:], b""):
        data.write_bytes(damaged)
        before = calls(tmp_path).count("rates")
        assert states(build(tmp_path))["task.rates"] is State.DONE
        assert calls(tmp_path).count("rates") == before + 1
        data.unlink()
        (data,) = (tmp_path / "warehouse/task/rates/data").glob("*.parquet")
        content = data.read_bytes()


MAPPED = """
    def countries():
        note("countries")
        return (HERE / "list").read_text().split()

    @{what}
    def shares(country: str) -> pd.DataFrame:
        note(country)
        if (HERE / f"no-{{country}}").exists():
            raise OSError(f"no {{country}} today")
        return pd.DataFrame({{"country": [country], "letters": [len(country)]}})
"""


def mapped(root: Path, what: str, *countries: str) -> Path:
    (root / "list").write_text(" ".join(countries))
    return project(root, MAPPED.format(what=what))


@pytest.mark.parametrize("layer", ["gold", "task"])
def test_a_function_is_called_for_each_item_of_a_list_that_is_found_at_run_time(
    tmp_path: Path, layer: str
) -> None:
    names = [f"country{n}" for n in range(40)]
    report = build(mapped(tmp_path, f"{layer}(for_each=countries)", *names))

    assert report[f"{layer}.shares"].parts == 40
    assert calls(tmp_path)[0] == "countries"
    assert sorted(calls(tmp_path)[1:]) == sorted(names)
    with Project.load(tmp_path) as loaded:
        found = loaded.table(f"{layer}.shares", form=Form.ARROW).to_pylist()
    assert sorted(r["country"] for r in found) == sorted(names)


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_items_work_at_the_same_time_but_of_a_tag_no_more_than_the_limit_says(
    tmp_path: Path, executor: str
) -> None:
    code = """
    import time

    def working(here):
        with (HERE / f"begun-{here}").open("w"):
            for _ in range(100):  # until another one works too, or for a while
                count = len(list(HERE.glob("begun-*")))
                if count > 2:
                    break
                time.sleep(0.01)
        (HERE / f"begun-{here}").unlink()
        return pd.DataFrame({"here": [here], "together": [count]})

    @task(for_each=list("abcdef"), tags="api")
    def first(item: str) -> pd.DataFrame:
        return working("1" + item)

    @gold(for_each=list("abcdef"), tags="api")
    def second(item: str) -> pd.DataFrame:
        return working("2" + item)
    """
    limits = {"tool.medallion.limits": {"api": 2}}
    text = "".join(
        f"[{t}]\n" + "".join(f"{k} = {v}\n" for k, v in r.items()) for t, r in limits.items()
    )
    write(tmp_path, {"pyproject.toml": f"[tool.medallion]\n{text}"})
    with Project.load(project(tmp_path, code), workers=4, executor=executor) as loaded:
        assert loaded.build().ok
        found = [
            n for name in ("task.first", "gold.second") for n in loaded.table(name)["together"]
        ]

    assert len(found) == 12
    assert max(found) == 2


def test_the_items_of_a_model_are_one_table_and_one_snapshot(tmp_path: Path) -> None:
    build(mapped(tmp_path, "gold(for_each=countries, unique_key='country')", "nl", "gb", "us"))
    with Project.load(tmp_path) as loaded:
        assert len(loaded.history("gold.shares")) == 1

    assert [r["country"] for r in rows(tmp_path, "gold.shares")] == ["gb", "nl", "us"]


def test_items_and_windows_go_together(tmp_path: Path) -> None:
    """Each window is built for each item, and a late row builds its window alone."""
    code = """
    from datetime import datetime
    from medallion import day

    @silver(time_column="at", partition_by=day("at"))
    def events() -> SQL:
        return "select * from bronze.landed"

    @gold(for_each=["nl", "gb"], time_column="at", partition_by=day("at"))
    def counted(country: str, events: pd.DataFrame = ref("silver.events")) -> pd.DataFrame:
        note(country)
        found = events[events["country"] == country]
        return pd.DataFrame({"at": found["at"], "country": found["country"], "of": len(events)})
    """
    landed = """
    from medallion import *

    @bronze(time_column="at", partition_by=day("at"))
    def landed() -> Source:
        return files("landing/*.csv", columns={"at": "timestamp", "country": "varchar"})
    """
    lines = "at,country\n2019-01-01 01:00:00,nl\n2019-01-01 02:00:00,gb\n2019-01-02 01:00:00,nl\n"
    write(tmp_path, {"models/landed.py": landed, "landing/a.csv": lines})
    report = build(project(tmp_path, code))
    assert report["gold.counted"].parts == 4
    assert len(rows(tmp_path, "gold.counted")) == 3

    write(tmp_path, {"landing/b.csv": "at,country\n2019-01-02 05:00:00,gb\n"})
    assert build(tmp_path)["gold.counted"].parts == 2

    found = [(str(r["at"])[:13], r["country"], r["of"]) for r in rows(tmp_path, "gold.counted")]
    assert found == [
        ("2019-01-01 01", "nl", 2),
        ("2019-01-01 02", "gb", 2),
        ("2019-01-02 01", "nl", 2),
        ("2019-01-02 05", "gb", 2),
    ]
    assert calls(tmp_path).count("nl") == 3


def test_an_item_that_fails_does_not_keep_the_others_from_being_done_and_resumes_alone(
    tmp_path: Path,
) -> None:
    mapped(tmp_path, "gold(for_each=countries)", "nl", "gb", "us", "fr")
    (tmp_path / "no-gb").touch()
    with Project.load(tmp_path) as loaded:
        report = loaded.build()
    failure = report["gold.shares"].failure
    assert failure
    assert failure.message.startswith('1 of 4 items failed, "gb": gold.shares raised OSError')
    assert sorted(calls(tmp_path)[1:]) == ["fr", "gb", "nl", "us"]

    (tmp_path / "no-gb").unlink()
    report = build(tmp_path)

    assert calls(tmp_path)[5:] == ["countries", "gb"]
    assert (report["gold.shares"].parts, report["gold.shares"].reused) == (4, 3)


def test_the_first_items_may_fail_but_not_all(tmp_path: Path) -> None:
    mapped(tmp_path, "gold(for_each=countries)", "a", "b", "c", "d", "e")
    (tmp_path / "no-a").touch()
    with Project.load(tmp_path) as loaded:
        failure = loaded.build()["gold.shares"].failure
    assert failure
    assert "1 of 5 items failed" in failure.message

    for name in "abcde":
        (tmp_path / f"no-{name}").touch()
    mapped(tmp_path, "gold(for_each=countries, retries=0)", "a2", "b2", "c2", "d2", "e2")
    for name in "abcde":
        (tmp_path / f"no-{name}2").touch()
    with Project.load(tmp_path) as loaded:
        failure = loaded.build()["gold.shares"].failure
    assert failure
    assert "3 of 5 items failed" in failure.message  # it did not try the others


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("'nl'", "gives no list but 'nl'"),
        ("['nl', 'nl']", "gives 'nl' twice"),
        ("[object]", "which is no plain value"),
        ("[]", "gave no items"),
        ("1 / 0", "raised ZeroDivisionError"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, given: str, told: str) -> None:
    code = MAPPED.format(what="gold(for_each=countries)")
    project(tmp_path, code.replace('(HERE / "list").read_text().split()', given))
    with Project.load(tmp_path) as loaded:
        failure = loaded.build()["gold.shares"].failure

    assert failure
    assert told in failure.message


def test_items_may_come_from_the_rows_of_a_table(tmp_path: Path) -> None:
    code = """
    @silver
    def orders() -> SQL:
        return "select * from (values ('nl', 1), ('gb', 2), ('nl', 3)) t(country, amount)"

    def countries(orders: pl.LazyFrame = ref("silver.orders")) -> list[str]:
        return sorted(orders.collect()["country"].unique())

    @gold(for_each=countries)
    def spent(country: str, orders: pa.Table = ref("silver.orders")) -> pd.DataFrame:
        amounts = [r["amount"] for r in orders.to_pylist() if r["country"] == country]
        return pd.DataFrame({"country": [country], "amount": [sum(amounts)]})
    """
    build(project(tmp_path, code))

    found = {r["country"]: r["amount"] for r in rows(tmp_path, "gold.spent")}
    assert found == {"nl": 4, "gb": 2}


def test_a_list_may_be_written_down(tmp_path: Path) -> None:
    code = MAPPED.format(what='gold(for_each=["nl", "gb"])')
    report = build(project(tmp_path, code))

    assert report["gold.shares"].parts == 2
    assert build(project(tmp_path, code.replace('"gb"]', '"us"]')))["gold.shares"].parts == 2
    assert [r["country"] for r in rows(tmp_path, "gold.shares")] == ["nl", "us"]


def test_an_async_function_is_run_until_it_gives_its_rows(tmp_path: Path) -> None:
    code = """
    import asyncio

    @gold
    async def late() -> pd.DataFrame:
        await asyncio.sleep(0)
        return pd.DataFrame({"n": [1]})
    """
    build(project(tmp_path, code))

    assert rows(tmp_path, "gold.late") == [{"n": 1}]


def test_what_a_function_prints_is_told_with_its_name(tmp_path: Path) -> None:
    code = """
    @gold
    def loud() -> pd.DataFrame:
        print("one")
        print("two", end="")
        return pd.DataFrame({"n": [1]})
    """
    events: list[Event] = []
    with Project.load(project(tmp_path, code)) as loaded:
        report = loaded.build(listener=events.append)

    printed = [(e.subject, e.details["line"]) for e in events if e.step is Step.PRINTED]
    assert printed == [("gold.loud", "one"), ("gold.loud", "two")]
    log = (tmp_path / f"warehouse/.runs/{report.run}.jsonl").read_text()
    assert '"step": "printed", "subject": "gold.loud", "line": "one"' in log


def test_a_task_that_hangs_is_stopped_and_the_rest_is_built(tmp_path: Path) -> None:
    code = """
    import time

    @gold(timeout=8)
    def hangs() -> pd.DataFrame:
        print("before it hung")
        time.sleep(600)

    @gold
    def works() -> SQL:
        return "select 1 as n"
    """
    events: list[Event] = []
    with Project.load(project(tmp_path, code)) as loaded:
        report = loaded.build(listener=events.append)

    failure = report["gold.hangs"].failure
    assert failure
    assert failure.message == "gold.hangs: it was stopped after 8 s, its time limit"
    assert report["gold.works"].state is State.WRITTEN
    assert [e.details["line"] for e in events if e.step is Step.PRINTED] == ["before it hung"]


def test_a_function_with_a_time_limit_gives_the_same_rows(tmp_path: Path) -> None:
    build(project(tmp_path, RATES.replace("@gold", "@gold(timeout='1m')")))

    assert [r["price"] for r in rows(tmp_path, "gold.prices")] == [10.0, 11.0]


def test_one_that_fails_twice_then_works_comes_through(tmp_path: Path) -> None:
    code = """
    @task(retries=2)
    def flaky() -> pd.DataFrame:
        note("flaky")
        if len((HERE / "calls").read_text().split()) < 3:
            raise ConnectionError("not yet")
        return pd.DataFrame({"n": [1]})
    """
    report = build(project(tmp_path, code))

    assert states(report) == {"task.flaky": State.DONE}
    assert calls(tmp_path) == ["flaky"] * 3


def test_a_generator_that_fails_between_batches_is_tried_again(tmp_path: Path) -> None:
    code = """
    from collections.abc import Iterator

    @gold(retries=1)
    def batches() -> Iterator[pa.RecordBatch]:
        note("batches")
        yield pa.RecordBatch.from_pydict({"n": [1]})
        if (HERE / "calls").read_text().split() == ["batches"]:
            raise ConnectionError("cut off")
        yield pa.RecordBatch.from_pydict({"n": [2]})
    """
    events: list[Event] = []
    with Project.load(project(tmp_path, code)) as loaded:
        assert loaded.build(listener=events.append).ok

    assert rows(tmp_path, "gold.batches") == [{"n": 1}, {"n": 2}]
    (retried,) = [e for e in events if e.step is Step.RETRYING]
    assert "gold.batches raised ConnectionError: cut off" in retried.details["why"]


OUTCOMES: dict[str, tuple[str, Any]] = {
    "fails for ever": ("raise ConnectionError('never')", "raised ConnectionError: never"),
    "no table": ("return 5", "returned builtins.int, which is no form of rows"),
    "nothing": ("return None", "returned builtins.NoneType, which is no form of rows"),
    "no rows": ("return pd.DataFrame({'n': pd.Series([], dtype='int64')})", None),
}


@pytest.mark.parametrize("layer", ["gold", "task"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_of_a_function_is_told(tmp_path: Path, outcome: str, layer: str) -> None:
    body, told = OUTCOMES[outcome]
    code = f"""
    @{layer}(retries=1)
    def odd() -> pd.DataFrame:
        note("odd")
        {body}
    """
    with Project.load(project(tmp_path, code)) as loaded:
        result = loaded.build()[f"{layer}.odd"]
        if told is None:
            assert result.ok
            assert loaded.table(f"{layer}.odd").dtypes.to_dict() == {"n": "Int64"}
        else:
            assert result.failure
            assert told in result.failure.message
            assert len(calls(tmp_path)) == (2 if "raise" in body else 1)


def test_a_task_is_not_audited_and_lands_nothing(tmp_path: Path) -> None:
    for code, told in (
        ("@task\n    def t() -> Source:\n        return files('x')", "a source belongs to a table"),
        ("@task(unique_key='a')\n    def t() -> SQL:\n        return 'select 1'", "'unique_key'"),
    ):
        project(tmp_path, f"\n    from medallion import Source, files\n    {code}\n")
        with pytest.raises(DefinitionError, match=told):
            Project.load(tmp_path)


def test_a_task_cannot_feed_an_earlier_layer_than_it_reads(tmp_path: Path) -> None:
    code = """
    @gold
    def last() -> SQL:
        return "select 1 as n"

    @task
    def back(last: pa.Table = ref("gold.last")) -> pa.Table:
        return last

    @silver
    def loops(back: pa.Table = ref("task.back")) -> pa.Table:
        return back
    """
    with pytest.raises(DefinitionError, match=r"silver\.loops reads task\.back, which is of a la"):
        Project.load(project(tmp_path, code))


def test_ls_tells_of_a_model_whose_task_is_to_be_done_again(tmp_path: Path) -> None:
    build(project(tmp_path, RATES.replace("@task", "@task(max_age=0)")))
    with Project.load(tmp_path) as loaded:
        states = {row["model"]: row["state"] for row in listing(loaded)}

    assert states == {
        "task.rates": "its result is too old",
        "gold.prices": "if task.rates changes it",
    }


def test_a_selected_model_comes_with_the_tasks_that_it_needs(tmp_path: Path) -> None:
    report = build(project(tmp_path, RATES), selection="gold.prices")

    assert states(report) == {"task.rates": State.DONE, "gold.prices": State.PUBLISHED}


def test_a_task_done_again_with_the_same_files_changes_nothing_below(tmp_path: Path) -> None:
    build(project(tmp_path, RATES.replace("@task", "@task(max_age=0)")))
    report = build(tmp_path)

    assert states(report)["task.rates"] is State.DONE
    assert calls(tmp_path) == ["rates", "prices", "rates"]


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
def test_results_that_nobody_used_for_long_are_swept(tmp_path: Path) -> None:
    build(project(tmp_path, RATES))
    with Project.load(tmp_path) as loaded:
        assert loaded.sweep_results().results == 0
        counted = loaded.sweep_results(0, dry=True)
        assert (counted.results, counted.files) == (1, 1)
        assert loaded.sweep_results(0) == counted
        assert loaded.sweep_results(0).results == 0
    assert not list((tmp_path / "warehouse/task/rates/data").iterdir())
    assert [r["price"] for r in rows(tmp_path, "gold.prices")] == [10.0, 11.0]

    build(tmp_path)

    assert calls(tmp_path).count("rates") == 2


def test_a_sweep_leaves_the_files_of_tables(tmp_path: Path) -> None:
    """A result that is kept beside a table names files that a snapshot may need."""
    mapped(tmp_path, "gold(for_each=countries)", "nl", "gb", "us")
    with Project.load(tmp_path) as loaded:
        assert loaded.build(publish=False).ok
        assert loaded.sweep_results(0).results == 3
        (branch,) = loaded.branches()
        loaded.publish(branch.run)

    assert len(rows(tmp_path, "gold.shares")) == 3


@pytest.mark.only_on("local", because="it looks at the files of the warehouse")
def test_a_sweep_removes_the_files_of_what_never_became_a_snapshot(tmp_path: Path) -> None:
    mapped(tmp_path, "gold(for_each=countries)", "nl", "gb", "us")
    (tmp_path / "no-gb").touch()
    with Project.load(tmp_path) as loaded:
        assert not loaded.build().ok
        assert loaded.sweep_results(0).files == 2
    assert not list((tmp_path / "warehouse/gold/shares").rglob("*.parquet"))
