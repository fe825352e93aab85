"""What a backfill asks of the models below the one that it names."""

from medallion import SQL, Model, day, gold, month, silver
from medallion.adapters.memory import memory_ports
from medallion.backfill import backfill_requests, batches
from medallion.graph import Node, make_graph
from medallion.names import TableName
from medallion.need import Need
from medallion.survey import Survey
from medallion.window import EVER, Grain, Window, Windows, parse_range


@silver(time_column="ts", partition_by=day("ts"))
def days() -> SQL:  # nothing is built
    return "select 1"


@gold(time_column="ts", partition_by=month("ts"))
def months() -> SQL:
    return "select 1"


@gold(time_column="ts", partition_by=day("ts"), lookback=2)
def again() -> SQL:
    return "select 1"


@gold()
def total() -> SQL:
    return "select 1"


@gold(time_column="ts", partition_by=day("ts"))
def below() -> SQL:
    return "select 1"


def node(model: Model, *reads: Model) -> Node:
    return Node(model, tuple(m.name for m in reads))


NODES = [
    node(days),
    node(months, days),
    node(again, months),
    node(total, days),
    node(below, total, days),
]
SURVEY = Survey(memory_ports(), make_graph(NODES), {}, {}, lambda source: source)
DAY = parse_range("2019-01-31", "2019-01-31")


def asked(*, downstream: bool) -> dict[str, Window]:
    requests = backfill_requests(SURVEY, NODES[0], DAY, downstream=downstream)
    assert requests[TableName.parse("silver.days")].again
    return {name.model: r.asked for name, r in requests.items()}


def test_without_downstream_the_model_alone_is_built() -> None:
    assert asked(downstream=False) == {"days": DAY}


def test_what_is_below_is_built_as_far_as_the_change_can_reach() -> None:
    """A month is changed by one of its days; all days that read the month follow, and two more."""
    assert asked(downstream=True) == {
        "days": DAY,
        "months": parse_range("2019-01", "2019-01"),
        "again": parse_range("2019-01-01", "2019-02-02"),
        "total": EVER,
        "below": EVER,
    }


def test_batches_cover_the_range_and_have_so_many_windows_with_rows() -> None:
    filled = Windows.of(Grain.DAY.window(n) for n in (1, 2, 5, 9, 10))
    whole = Window(0, 24 * 30)

    ranges = list(batches(NODES[0], Need(filled=filled), whole, 2))

    assert [w.first for w in ranges] == [0, 5 * 24, 10 * 24]
    assert Windows.of(ranges) == Windows((whole,))
    assert [(filled & Windows((w,))).count(Grain.DAY) for w in ranges] == [2, 2, 1]
    assert list(batches(NODES[0], Need(), whole, 2)) == [whole]
