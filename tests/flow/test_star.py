"""A star schema through its life: late rows, versions, and one publish for all of it."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.flows import build, parts, states
from support.projects import rows, sql_model, write

from medallion import Project, surrogate_key
from medallion.errors import DefinitionError
from medallion.names import TableName
from medallion.render import audit_text
from medallion.report import State

BRONZE = """
from medallion import *

@bronze()
def customers() -> Source:
    columns = {"id": "bigint", "name": "varchar", "since": "timestamp"}
    return files("landing/customers*.csv", columns=columns)

@bronze(partition_by=day("ordered_at"), time_column="ordered_at")
def orders() -> Source:
    columns = {"order_id": "bigint", "customer": "integer", "shop": "varchar",
               "ordered_at": "timestamp", "shipped_on": "date"}
    return files("landing/orders*.csv", columns=columns)
"""
GOLD = """
from collections.abc import Iterator
import pyarrow as pa
from medallion import *

@gold(dimension=dimension("customer_id", version="valid_from",
                          inferred={"bronze.orders": ["customer", "ordered_at"]}))
def dim_customer() -> SQL:
    return '''
        select id as customer_id, name, since as valid_from, valid_to,
               valid_to is null as is_current
        from (select *, lead(since) over (partition by id order by since) as valid_to
              from bronze.customers)
    '''

@gold(dimension=dimension("shop", unknown={"owner": "unknown"}, inferred={"bronze.orders": "shop"}))
def dim_shop(customers: pa.Table = ref("bronze.customers")) -> Iterator[pa.RecordBatch]:
    shops = {name[0]: name for name in sorted(customers["name"].to_pylist())}
    yield pa.record_batch({"shop": pa.array(list(shops), pa.string()),
                           "owner": pa.array(list(shops.values()), pa.string())})

@gold(dimension=dimension("date", kind="date"))
def dim_date() -> SQL:
    return calendar("2026-01-01", "2026-01-31")

@gold(partition_by=day("ordered_at"), time_column="ordered_at", unique_key="order_id",
      lookups={"customer_key": lookup("gold.dim_customer", "customer", at="ordered_at"),
               "shop_key": lookup("gold.dim_shop", "shop"),
               "order_date_key": lookup("gold.dim_date", "ordered_at"),
               "ship_date_key": lookup("gold.dim_date", "shipped_on", missing="unknown")})
def fct_orders() -> SQL:
    return "select * exclude (_loaded_at, _source_file) from bronze.orders"
"""
TABLES = ("gold.dim_customer", "gold.dim_shop", "gold.dim_date", "gold.fct_orders")


def land(root: Path, name: str, header: str, lines: Sequence[tuple[Any, ...]]) -> None:
    """Land rows in a file of that name; none where there are none."""
    if lines:
        text = [header, *(",".join("" if v is None else str(v) for v in row) for row in lines)]
        write(root, {f"landing/{name}.csv": "\n".join(text) + "\n"})


def arrive(root: Path, number: int, orders: list[Any], customers: list[Any]) -> None:
    """What lands before a build."""
    land(root, f"orders{number}", "order_id,customer,shop,ordered_at,shipped_on", orders)
    land(root, f"customers{number}", "id,name,since", customers)


def test_rows_that_arrive_in_any_order_make_the_same_star(tmp_path: Path) -> None:
    """Facts before their customers, versions before earlier ones; without a fact of no member."""
    chance = random.Random(20261121)
    days = [f"2026-01-{d:02}" for d in range(1, 5)]
    orders = [
        (n, chance.choice([None, 1, 2, 3]), chance.choice([None, "A", "B", "Z"]),
         f"{chance.choice(days)} 12:00:00", chance.choice([None, "2026-02-01", *days]))
        for n in range(16)
    ]  # fmt: skip
    customers = [
        (i, chance.choice("AB") + str(i), f"{d} 09:00:00") for i in (1, 2) for d in days[::2]
    ]
    chance.shuffle(customers)
    parted, whole = (
        write(tmp_path / n, {"models/b.py": BRONZE, "models/g.py": GOLD}) for n in "pw"
    )
    for number in range(3):
        arrive(parted, number, orders[number::3], customers[number::3])
        report = build(parted)
    assert 1 < parts(report)["gold.fct_orders"] <= len(days)
    arrive(whole, 0, orders, customers)
    build(whole)

    found = {name: rows(parted, name) for name in TABLES}
    assert found == {name: rows(whole, name) for name in TABLES}
    assert set(states(build(parted)).values()) == {State.FRESH}
    facts = found["gold.fct_orders"]
    assert len(facts) == len(orders)
    for column, name in [
        ("customer_key", "gold.dim_customer"), ("shop_key", "gold.dim_shop"),
        ("order_date_key", "gold.dim_date"), ("ship_date_key", "gold.dim_date"),
    ]:  # fmt: skip
        key = column if column in found[name][0] else "date_key"
        assert {f[column] for f in facts} <= {d[key] for d in found[name]}
    inferred = [d for d in found["gold.dim_customer"] if d["is_inferred"]]
    assert {d["customer_id"] for d in inferred} >= {3}
    assert {f["ship_date_key"] for f in facts if str(f["shipped_on"]) == "2026-02-01"} == {0}


def simple(root: Path, customers: str, orders: str, looks: str) -> Path:
    """A project of a dimension and a fact, both of what a query gives."""
    kept = "dimension=dimension('id', inferred={'silver.orders': 'customer'})"
    if "at=" in looks:
        kept = "dimension=dimension('id', version='valid_from')"
    return write(root, {
        "models/customers.py": sql_model("silver", "customers", customers),
        "models/orders.py": sql_model("silver", "orders", orders),
        "models/dim.py": sql_model("gold", "dim_customer", "select * from silver.customers", kept),
        "models/fct.py": sql_model("gold", "fct_orders", "select * from silver.orders",
                                   f"unique_key='id', lookups={{'customer_key': {looks}}}"),
    })  # fmt: skip


PLAIN = "lookup('gold.dim_customer', 'customer')"
TIMED = "lookup('gold.dim_customer', 'customer', at='ordered_at')"
VERSION = "select {} as id, timestamp '{}' as valid_from, null::timestamp as valid_to"
ORDERS = "select 7 as id, 1 as customer, timestamp '2026-01-02' as ordered_at"


def test_a_late_row_takes_the_place_of_its_inferred_member(tmp_path: Path) -> None:
    """No fact is built again, neither then nor while the dimension's rows stay."""
    before = "select 1 as id, 'Ann' as name"
    leaves = f"{before} union all select 3, 'Cy'"
    root = simple(tmp_path, leaves, f"{ORDERS} union all select 8, 2, null", PLAIN)
    build(root)
    facts = rows(root, "gold.fct_orders")
    assert [f["customer_key"] for f in facts] == [surrogate_key(1), surrogate_key(2)]
    write(root, {"models/customers.py": sql_model(
        "silver", "customers", f"{before} union all select 2, 'Bob'")})  # fmt: skip
    report = build(root)
    assert states(report)["gold.dim_customer"] is State.PUBLISHED
    assert states(report)["gold.fct_orders"] is State.AUDITED
    dim = {d["id"]: d for d in rows(root, "gold.dim_customer")}
    assert {f["customer_key"] for f in facts} < {d["customer_key"] for d in dim.values()}
    assert dim.keys() == {None, 1, 2}
    assert dim[2] == {
        "customer_key": surrogate_key(2), "id": 2, "name": "Bob", "is_inferred": False
    }  # fmt: skip
    # A column goes: it is what a first build gives.
    changed = "select 1 as id union all select 2"
    write(root, {"models/customers.py": sql_model("silver", "customers", changed)})
    report = build(root)
    assert states(report)["gold.fct_orders"] is State.AUDITED
    fresh = simple(tmp_path / "fresh", changed, f"{ORDERS} union all select 8, 2, null", PLAIN)
    build(fresh)
    assert rows(root, "gold.dim_customer") == rows(fresh, "gold.dim_customer")


def test_a_fact_that_is_rejected_keeps_its_dimension_from_being_published(tmp_path: Path) -> None:
    root = simple(tmp_path, VERSION.format(1, "2026-01-01"), ORDERS, TIMED)
    build(root)
    before = rows(root, "gold.dim_customer"), rows(root, "gold.fct_orders")
    two = " union all ".join(VERSION.format(i, f"2026-01-0{i}") for i in (1, 2))
    late = f"{ORDERS} union all select 8, 2, timestamp '2026-01-01' union all select 9, null, null"
    simple(root, two, late, TIMED)
    with Project.load(root) as project:
        report = project.build()
    assert states(report)["gold.dim_customer"] is State.WRITTEN
    assert states(report)["gold.fct_orders"] is State.REJECTED
    audit = report["gold.fct_orders"].audit
    assert audit
    told = audit_text(audit)
    assert (
        "1 of 3 rows fails (33.3 %): gold.dim_customer has no member for customer as of ordered_at"
        in told
    )
    assert (rows(root, "gold.dim_customer"), rows(root, "gold.fct_orders")) == before

    simple(root, f"{two} union all {VERSION.format(2, '2025-01-01')}", late, TIMED)
    report = build(root)
    assert {states(report)[f"gold.{n}"] for n in ("dim_customer", "fct_orders")} == {
        State.PUBLISHED
    }
    facts = {f["id"]: f["customer_key"] for f in rows(root, "gold.fct_orders")}
    assert facts == {
        7: surrogate_key(1, "2026-01-01 00:00:00"),
        8: surrogate_key(2, "2025-01-01 00:00:00"),
        9: 0,
    }


def test_two_rows_of_one_natural_key_are_not_published(tmp_path: Path) -> None:
    root = simple(tmp_path, "select unnest([1, 1, 2]) as id", ORDERS, PLAIN)
    with Project.load(root) as project:
        report = project.build()
        assert states(report)["gold.dim_customer"] is State.REJECTED
        assert project.tables()[TableName.parse("gold.dim_customer")].main is None


@pytest.mark.parametrize(
    ("customers", "orders", "said"),
    [
        ("select 'a' as id", ORDERS, "by 'customer', which is int, and gold.dim_customer has 'id'"),
        ("select 1 as no", ORDERS, "gold.dim_customer is a dimension by 'id'"),
        ("select 1 as id", "select 7 as id", "by 'customer', and there is no such column"),
        (
            VERSION.format(1, "2026-01-01"),
            "select 1 as customer, 'x' as ordered_at",
            "looks customer_key up by the time 'ordered_at', which is string",
        ),
    ],
)
def test_keys_that_cannot_be_found_are_told_before_a_row_is_read(
    tmp_path: Path, customers: str, orders: str, said: str
) -> None:
    root = simple(tmp_path, customers, orders, TIMED if "valid" in customers else PLAIN)
    if "inferred" not in said:
        text = (root / "models/dim.py").read_text()
        write(root, {"models/dim.py": text.replace(", inferred={'silver.orders': 'customer'}", "")})
    with Project.load(root) as project, pytest.raises(DefinitionError) as error:
        project.check(project.plan())
    assert said in error.value.message
    assert error.value.message.startswith("models/")
