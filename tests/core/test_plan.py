"""What a run would do and why."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from core.examples import graph, named, snapshot, strings, suite, table

from medallion.errors import ConflictError, DefinitionError
from medallion.graph import Node
from medallion.names import TableName
from medallion.need import Need, Request
from medallion.plan import Plan, Scope, foreign, make_plan
from medallion.tables import Table
from medallion.window import ALL as EVERY
from medallion.window import Grain, Windows

GRAPH = graph(
    {
        "bronze.a": [],
        "silver.b": ["bronze.a"],
        "silver.c": ["bronze.a"],
        "gold.d": ["silver.b", "silver.c"],
    }
)
ALL = ("bronze.a", "silver.b", "silver.c", "gold.d")
DOCUMENT: Mapping[str, Any] = {"type": "expect", "kwargs": {}}


NEW, FRESH = Need(EVERY, EVERY, ("new",), filled=EVERY), Need()


def planned(*tables: Table, select: Collection[str] = ALL, **options: Any) -> Plan:
    """The plan for these tables; every model is new, and every model has a suite."""
    suites = options.pop("suites", {n.name: suite(str(n.name), DOCUMENT) for n in GRAPH})
    request, needs = options.pop("request", Request()), options.pop("needs", {})
    seen = options.pop("seen", {})

    def look(node: Node, _: object, __: object, coming: Mapping[TableName, Windows]) -> Need:
        seen[str(node.name)] = coming
        found: Need = needs.get(str(node.name), NEW)
        return found

    return make_plan(
        "r",
        GRAPH,
        dict.fromkeys(map(named, select), request),
        {t.name: t for t in tables},
        suites,
        {n.name: "c0" for n in GRAPH},
        look,
        **options,
    )


def tasks(plan: Plan) -> list[str]:
    return strings(t.name for t in plan.tasks)


def test_everything_is_built_in_the_order_of_the_graph() -> None:
    plan = planned()
    assert tasks(plan) == list(ALL)
    assert {t.reason for t in plan.tasks} == {"new"}
    assert {t.base for t in plan.tasks} == {None}


def test_only_what_is_selected_is_built() -> None:
    plan = planned(table("bronze.a", snapshot(1)), select=["silver.c", "silver.b"])
    assert tasks(plan) == ["silver.b", "silver.c"]
    assert planned(select=[]).tasks == ()


def test_an_input_that_the_run_writes_has_no_snapshot_yet() -> None:
    plan = planned(table("bronze.a", snapshot(1)))
    assert plan.tasks[1].reads == {named("bronze.a"): None}


def test_an_input_that_the_run_leaves_alone_is_pinned_where_readers_see_it() -> None:
    a = table("bronze.a", snapshot(1), snapshot(2, 1), snapshot(3, 2), main=2, branch=3)
    plan = planned(a, select=["silver.b", "silver.c"])
    assert [t.reads for t in plan.tasks] == [{named("bronze.a"): 2}] * 2


@pytest.mark.parametrize("tables", [[], [table("bronze.a")]])
def test_an_input_that_was_never_published_and_is_not_built_is_refused(tables: list[Table]) -> None:
    with pytest.raises(DefinitionError) as error:
        planned(*tables, select=["silver.b"])
    assert error.value.message == "silver.b reads bronze.a, which was never published"
    assert error.value.hint == "medallion build --select +silver.b"


def test_a_task_is_based_on_what_readers_see() -> None:
    a = table("bronze.a", snapshot(1), snapshot(2, 1), main=1, branch=2)
    assert planned(a).tasks[0].base == 1


def test_what_is_up_to_date_is_no_task() -> None:
    published = [table("bronze.a", snapshot(1)), table("silver.c", snapshot(2))]
    needs = dict.fromkeys(["bronze.a", "silver.c", "gold.d"], FRESH)
    plan = planned(*published, needs=needs)
    assert tasks(plan) == ["silver.b", "gold.d"]
    assert strings(plan.fresh) == ["bronze.a", "silver.c"]


def test_what_depends_on_a_change_is_a_task_that_says_so() -> None:
    plan = planned(needs={"silver.b": FRESH}, select=["bronze.a", "silver.b"])
    assert [t.reason for t in plan.tasks] == ["new", "if bronze.a changes it"]


def test_an_input_whose_rows_stay_is_pinned_where_readers_see_it() -> None:
    """Although the input itself is in the plan, to be audited."""
    a = table("bronze.a", snapshot(1))
    plan = planned(a, needs={"bronze.a": Need(audits=True)}, select=["bronze.a", "silver.b"])
    assert [t.reason for t in plan.tasks] == ["suite changed: audit only", "new"]
    assert plan.tasks[1].reads == {named("bronze.a"): 1}


def test_what_will_change_of_an_input_is_told_to_what_looks() -> None:
    window = Windows((Grain.DAY.window(3),))
    seen: dict[str, Mapping[TableName, Windows]] = {}
    planned(
        needs={"bronze.a": Need(window, filled=window, reasons=("new",))},
        select=["bronze.a", "silver.b"],
        seen=seen,
    )
    assert seen["silver.b"] == {named("bronze.a"): window}


OTHERS = snapshot(8, 1, run=None, operation="append", **{"added-records": "12"})


@pytest.mark.parametrize(
    ("snapshots", "newest"),
    [
        ([], None),
        ([snapshot(1)], None),
        ([snapshot(1, run=None)], 1),
        ([snapshot(1), OTHERS], 8),
        ([snapshot(1), OTHERS, snapshot(9, 8, run=None, operation="delete")], 9),
        ([snapshot(1), OTHERS, snapshot(9, 8, run=None, operation="replace")], 8),
        ([snapshot(1), snapshot(2, 1, run=None, operation="replace")], None),
        ([snapshot(1), OTHERS, snapshot(9, 8)], None),
        ([snapshot(9, 8, run=None, operation="replace")], None),
    ],
)
def test_a_change_by_another_writer_is_one_since_the_last_publish(
    snapshots: list[Any], newest: int | None
) -> None:
    found = foreign(table("bronze.a", *snapshots))
    assert (found.id if found else None) == newest


def test_the_rows_of_another_writer_are_not_dropped() -> None:
    with pytest.raises(ConflictError) as error:
        planned(table("bronze.a", snapshot(1), OTHERS))
    assert error.value.message == (
        "another writer changed bronze.a (snapshot 8, append, added rows: 12); "
        "a build would drop their rows"
    )
    assert error.value.hint.endswith("medallion build --select bronze.a --full-refresh")


def test_the_rows_of_another_writer_are_dropped_if_that_is_said() -> None:
    plan = planned(table("bronze.a", snapshot(1), OTHERS), request=Request(full_refresh=True))
    assert plan.tasks[0].base == 8


def test_the_rows_of_another_writer_can_be_read() -> None:
    plan = planned(table("bronze.a", snapshot(1), OTHERS), select=["silver.b"])
    assert plan.tasks[0].reads == {named("bronze.a"): 8}


def test_another_writers_branch_is_left_alone() -> None:
    plan = planned(table("bronze.a", snapshot(1), OTHERS, main=1, theirs=8))
    assert plan.tasks[0].base == 1


@pytest.mark.parametrize(
    ("scope", "groups"),
    [
        (
            Scope.LAYER,
            {"bronze": ["bronze.a"], "silver": ["silver.b", "silver.c"], "gold": ["gold.d"]},
        ),
        (Scope.MODEL, {name: [name] for name in ALL}),
        (Scope.RUN, {"run": list(ALL)}),
    ],
)
def test_a_group_is_what_is_published_together(scope: Scope, groups: dict[str, list[str]]) -> None:
    plan = planned(scope=scope)
    assert {g.name: strings(t.name for t in g.tasks) for g in plan.groups} == groups
    assert tasks(plan) == list(ALL)


def test_a_model_without_a_suite_is_warned_of() -> None:
    suites = {n.name: suite(str(n.name), *[DOCUMENT] * (n.name.model != "c")) for n in GRAPH}
    assert planned(suites=suites).warnings == ("silver.c has no suite: nothing will be audited",)
    assert planned(suites=suites, select=["bronze.a"]).warnings == ()


def test_a_plan_is_plain_values() -> None:
    plan = planned(
        table("bronze.a", snapshot(1)),
        select=["silver.b"],
        publish=False,
        suites={named("silver.b"): suite("silver.b")},
    )
    assert json.loads(json.dumps(plan.to_dict())) == {
        "publish": False,
        "groups": [
            {
                "name": "silver",
                "tasks": [
                    {
                        "table": "silver.b",
                        "reason": "new",
                        "reasons": ["new"],
                        "windows": [],
                        "files": 0,
                        "rows": 0,
                        "bytes": 0,
                        "audit_only": False,
                        "reads": {"bronze.a": 1},
                        "expectations": 0,
                    }
                ],
            }
        ],
        "fresh": [],
        "warnings": ["silver.b has no suite: nothing will be audited"],
    }
