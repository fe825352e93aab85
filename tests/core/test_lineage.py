"""Which columns flow into those of a query; and personal data, which must not reach silver."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest
from core.examples import named

from medallion import column, dropped, hashed, secret
from medallion.errors import DefinitionError, ModelError
from medallion.flow import Origin, Relation, Value
from medallion.forms import Form
from medallion.graph import Graph, Node, make_graph
from medallion.history import scd2
from medallion.lineage import lineage
from medallion.model import Model
from medallion.names import TableName
from medallion.personal import check_given, check_personal
from medallion.schema import Column, Schema
from medallion.sql import reads
from medallion.star import Dimension, Lookup

CUSTOMERS, ORDERS = named("bronze.customers"), named("bronze.orders")
TABLES = """
create schema bronze;
create table bronze.customers (customer_id bigint, email varchar, phone varchar, segment varchar,
    city varchar, joined_at timestamp, address struct(street varchar, city varchar),
    tags varchar[]);
create table bronze.orders (order_id bigint, customer_id bigint, amount decimal(10, 2),
    placed_at timestamp, items struct(sku varchar, n int)[]);
create table bronze.visits (visit_id bigint, customer_id bigint, seen_at timestamp, page varchar);
"""
WAIVER = column(pii=False)
ROWS = """
insert into bronze.customers select i, 'tell-mail' || i, 'tell-phone' || i, 'seg', 'c' || i,
    timestamp '2026-11-01', {'street': 'tell-street', 'city': 'tell-city'}, ['t']
    from range(3) t(i);
insert into bronze.orders select i, i, 2.5, timestamp '2026-11-02', [{'sku': 's', 'n': 2}]
    from range(3) t(i);
insert into bronze.visits select i, i, timestamp '2026-11-03', 'p' from range(3) t(i);
"""
PII = {"email": column(pii=True), "phone": column(pii=True), "address": column(pii=True)}


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        connection.execute(ROWS)
        yield connection


LEAKS = {
    "plain": "select email from bronze.customers",
    "alias": "select email as contact from bronze.customers",
    "alias of an alias": "select email as a, a || '!' as b from bronze.customers",
    "alias before": "select contact: email from bronze.customers",
    "quoted and mixed case": 'select C."EMAIL" as "Contact" from BRONZE.Customers c',
    "named by its table": "select bronze.customers.phone from bronze.customers",
    "star": "select * from bronze.customers",
    "star of a table": "select c.* from bronze.orders o join bronze.customers c "
    "on o.customer_id = c.customer_id",
    "star without others": "select * exclude (email, address) from bronze.customers",
    "star renamed": "select * exclude (phone, address) rename (email as e) from bronze.customers",
    "star replaced": "select * exclude (phone, address) replace (lower(email) as city), "
    "'x' as email2 from bronze.customers",
    "star like": "select * like 'em%' from bronze.customers",
    "columns": "select columns('^(em|ph)') from bronze.customers",
    "columns in a function": "select max(columns(* exclude (phone, address))) "
    "from bronze.customers",
    "columns unpacked": "select coalesce(*columns(['email', 'city'])) as c from bronze.customers",
    "from first": "from bronze.customers",
    "subquery": "select x from (select email as x from bronze.customers)",
    "scalar subquery": "select order_id, (select max(email) from bronze.customers c "
    "where c.customer_id = o.customer_id) as contact from bronze.orders o",
    "correlated value": "select (select c.email || o.order_id from bronze.orders o limit 1) as x "
    "from bronze.customers c",
    "cte": "with c as (select email as x from bronze.customers) select x from c",
    "cte with names": "with c(a, b) as (select customer_id, email from bronze.customers) "
    "select b from c",
    "materialized cte": "with c as materialized (from bronze.customers) select phone from c",
    "recursive cte": "with recursive r(n, x) as (select 1, 'none' union all "
    "select n + 1, c.email from r, bronze.customers c where n < 3) select x from r",
    "shadowed cte": "with c as (select city as x from bronze.customers), d as "
    "(with c as (select email as x from bronze.customers) from c) select x from d",
    "union": "select city from bronze.customers union all select email from bronze.customers",
    "union by name": "select city from bronze.customers union by name "
    "select 1 as n, email as city from bronze.customers",
    "intersect": "select city from bronze.customers intersect select email from bronze.customers",
    "lateral join": "select l.x from bronze.orders o, lateral (select c.email as x "
    "from bronze.customers c where c.customer_id = o.customer_id) l",
    "implicit lateral": "select l.x from bronze.customers c, (select c.email as x) l",
    "self join": "select a.city, b.email from bronze.customers a "
    "join bronze.customers b on a.customer_id = b.customer_id",
    "using": "select x from (select city as x from bronze.customers) "
    "full join (select email as x from bronze.customers) using (x)",
    "natural join": "select * exclude (items) from bronze.orders natural join bronze.customers",
    "asof join": "select v.page, c.phone from bronze.visits v asof join bronze.customers c "
    "on v.customer_id = c.customer_id and v.seen_at >= c.joined_at",
    "positional join": "select phone from bronze.orders positional join bronze.customers",
    "join in parentheses": "select phone from (bronze.orders join bronze.customers "
    "using (customer_id))",
    "struct packing": "select struct_pack(a := email, b := city) as s from bronze.customers",
    "struct literal": "select {'a': city, 'b': {'c': email}} as s from bronze.customers",
    "row": "select row(city, email) as r from bronze.customers",
    "whole row": "select c from bronze.customers c",
    "whole row as json": "select to_json(c) as j from bronze.customers c",
    "field of a struct": "select s.a.b as x from (select {'a': {'b': email}} as s "
    "from bronze.customers)",
    "field of a pii struct": "select c.address.street from bronze.customers c",
    "field by key": "select address['city'] as x from bronze.customers",
    "struct star": "select s.* from (select {'a': email} as s from bronze.customers)",
    "list": "select [city, email] as l from bronze.customers",
    "item of a list": "select [email][1] as x from bronze.customers",
    "list comprehension": "select [x || email for x in tags] as l from bronze.customers",
    "lambda": "select list_transform(list(c), lambda x: x.email) as l from bronze.customers c",
    "unnest": "select unnest([email, city]) as x from bronze.customers",
    "unnest of a struct": "select unnest({'a': city, 'b': email}) from bronze.customers",
    "unnest in from": "select u.x from bronze.customers c, unnest([c.email]) u(x)",
    "key of a map": "select map {c.email: city} as m from bronze.customers c",
    "name as the key of a map": "select map {email: city} as m from bronze.customers",
    "computed key of a map": "select map {upper(email): 1} as m from bronze.customers",
    "map": "select map {'k': email} as m from bronze.customers",
    "pivot": "select * from (pivot bronze.customers on city in ('a', 'b') using max(email) "
    "group by segment)",
    "pivot named by values": "select * from (pivot (select email, segment from bronze.customers) "
    "on email in ('a') using first(email))",
    "unpivot": "select v from (unpivot bronze.customers on email, phone into name k value v)",
    "summarize": "select max from (summarize bronze.customers)",
    "case": "select case when city = 'x' then email else 'none' end as x from bronze.customers",
    "if": "select if(city = 'x', email, 'none') as x from bronze.customers",
    "coalesce": "select coalesce(nullif(city, ''), email) as x from bronze.customers",
    "nullif": "select nullif(email, 'none') as x from bronze.customers",
    "concatenation": "select city || ' ' || email as x from bronze.customers",
    "format": "select format('{} {}', city, email) as x from bronze.customers",
    "cast": "select try_cast(phone as bigint) as n from bronze.customers",
    "collation": "select email collate nocase as x from bronze.customers",
    "slice": "select email[1:3] as x from bronze.customers",
    "method": "select c.email.lower().trim() as x from bronze.customers c",
    "hash without a secret": "select sha256(email) as h from bronze.customers",
    "aggregate": "select city, max(email) as x from bronze.customers group by city",
    "string_agg": "select string_agg(email, ',' order by city) as x from bronze.customers",
    "arg_max": "select arg_max(email, joined_at) as x from bronze.customers",
    "filtered aggregate": "select any_value(email) filter (city = 'x') as x from bronze.customers",
    "within group": "select mode() within group (order by email) as x from bronze.customers",
    "window": "select lag(email) over (partition by city order by joined_at) as x "
    "from bronze.customers",
    "named window": "select first_value(email) over w as x from bronze.customers "
    "window w as (order by joined_at)",
    "distinct on": "select distinct on (city) city, email from bronze.customers order by joined_at",
    "values": "select x from bronze.customers c, (values (c.email)) v(x)",
    "unknown function": "select list_aggregate([email], 'max') as x from bronze.customers",
    "not aliased": 'select "upper(email)" as x from (select upper(email) from bronze.customers)',
    "same name twice": "select customer_id_1 as x from (select o.customer_id, "
    "c.email as customer_id from bronze.orders o, bronze.customers c)",
    "boolean that is one": "select not x as y from (select email::boolean as x "
    "from bronze.customers)",
}
CLEAN = {
    "other columns": "select customer_id, city from bronze.customers",
    "star without them": "select * exclude (email, phone, address) from bronze.customers",
    "star replaced": "select * replace ('x' as email, null as phone, 1 as address) "
    "from bronze.customers",
    "star of another table": "select o.* from bronze.orders o join bronze.customers c "
    "on o.customer_id = c.customer_id",
    "columns": "select columns('^(c|se)') from bronze.customers",
    "star like": "select * like 'cust%' from bronze.customers",
    "columns without them": "select columns(* exclude (email, phone, address))::varchar "
    "from bronze.customers",
    "count": "select city, count(email) as n, count(distinct phone) as m from bronze.customers "
    "group by city",
    "approximate count": "select approx_count_distinct(email) as n from bronze.customers",
    "count in a star": "select count(*) as n, count(c) as m from bronze.customers c",
    "comparison": "select email = 'x' as a, email like '%@%' as b, email in ('x', 'y') as c, "
    "email between 'a' and 'b' as d, email is not null as e from bronze.customers",
    "booleans": "select email is null and not (phone = '1' or phone ~ '2') as x "
    "from bronze.customers",
    "boolean functions": "select starts_with(email, 'a') as a, email.contains('@') as b, "
    "regexp_matches(email, 'x') as c from bronze.customers",
    "case condition": "select case when email is null then 'no' else city end as x, "
    "case phone when '1' then 1 else 2 end as y from bronze.customers",
    "if condition": "select if(email like '%.org', 'org', 'other') as kind from bronze.customers",
    "compared in nullif": "select nullif(city, email) as x from bronze.customers",
    "where": "select city from bronze.customers where email like '%@x' and phone is not null",
    "join condition": "select o.order_id from bronze.orders o join bronze.customers c "
    "on c.email = o.order_id::varchar",
    "semi join": "select * from bronze.orders semi join bronze.customers using (customer_id)",
    "anti join": "select * from bronze.orders o anti join bronze.customers c on c.email = 'x'",
    "in subquery": "select order_id from bronze.orders where customer_id in "
    "(select customer_id from bronze.customers where email = 'x')",
    "exists": "select order_id, exists (select email from bronze.customers) as x "
    "from bronze.orders",
    "any": "select city = any (select email from bronze.customers) as x from bronze.customers",
    "except": "select city from bronze.customers except select email from bronze.customers",
    "rank": "select row_number() over (order by email) as a, rank() over (order by phone) as b, "
    "ntile(4) over (order by email) as c from bronze.customers",
    "window around": "select lag(city) over (partition by email order by phone) as x "
    "from bronze.customers",
    "qualify": "select city from bronze.customers "
    "qualify row_number() over (partition by email order by joined_at) = 1",
    "order": "select city from bronze.customers order by email, phone limit 3",
    "group and having": "select any_value(city) as x from bronze.customers group by email "
    "having max(phone) > '1'",
    "distinct on": "select distinct on (email) city from bronze.customers",
    "order of an aggregate": "select list(city order by email) as x, "
    "string_agg(city, ',' order by phone) as y from bronze.customers",
    "arg_max": "select arg_max(city, email) as x from bronze.customers",
    "filter": "select count(*) filter (email is null) as n, "
    "sum(customer_id) filter (where phone = '1') as s from bronze.customers",
    "other branch of a cte": "with c as (select email, city from bronze.customers) "
    "select city from c",
    "recursive cte": "with recursive r(n, x) as (select 1, city from bronze.customers union all "
    "select n + 1, x from r where n < 3) select * from r",
    "cte that hides a table": "with customers as (select city as email from bronze.customers) "
    "select email from customers",
    "shadowed cte": "with c as (select email as x from bronze.customers), d as "
    "(with c as (select city as x from bronze.customers) from c) select x from d",
    "union of clean columns": "select city, 1 as n from bronze.customers union all "
    "select segment, 2 from bronze.customers",
    "union by name": "select city as x from bronze.customers union all by name "
    "select segment as x from bronze.customers",
    "lateral": "select o.order_id, l.x from bronze.orders o, lateral (select c.city as x "
    "from bronze.customers c where c.email = o.order_id::varchar) l",
    "clean field of a struct": "select s.b from (select {'a': email, 'b': city} as s "
    "from bronze.customers)",
    "clean field by key": "select struct_pack(a := email, b := city)['b'] as x "
    "from bronze.customers",
    "clean field of a row": "select r.city from (select c as r from bronze.customers c)",
    "lambda": "select list_transform(list(c), lambda x: x.city) as l from bronze.customers c",
    "list filter": "select list_filter(tags, lambda x: x = email) as l from bronze.customers",
    "comprehension": "select [x.sku for x in items if x.n > 1] as l from bronze.orders",
    "unnest": "select unnest(tags) as t, city from bronze.customers",
    "unpivoted names": "select customer_id, k from "
    "(unpivot bronze.customers on email, phone into name k value v)",
    "pivot": "select * from (pivot bronze.customers on city in ('a', 'b') "
    "using count(email) group by segment)",
    "self join": "select a.city, b.segment from bronze.customers a join bronze.customers b "
    "on a.email = b.email",
    "left side of using": "select x from (select city as x from bronze.customers) "
    "left join (select email as x from bronze.customers) using (x)",
    "column of another table": "select email from (select city as email from bronze.customers)",
    "type": "select typeof(email) as t from bronze.customers limit 1",
    "what the session knows": "select user, current_date as d, now() as n from bronze.customers",
    "positional names": "with c(a, b) as (select customer_id, email from bronze.customers) "
    "select a from c",
    "table function": "select i, city from bronze.customers, range(3) t(i)",
    "same name twice": "select customer_id_1 as x from (select c.email as customer_id, "
    "o.customer_id from bronze.orders o, bronze.customers c)",
}


def sql(name: str, text: str, **declared: Any) -> Model:
    return Model(named(name), lambda: text, Form.SQL, f"models/{name}.py:3", **declared)


def python(name: str, **declared: Any) -> Model:
    return Model(named(name), lambda: None, Form.PANDAS, f"models/{name}.py:3", **declared)


def graph(*models: Model, reads_of: Mapping[str, tuple[str, ...]] | None = None) -> Graph:
    """The graph of the models beside the bronze tables."""
    sources = [
        Model(CUSTOMERS, lambda: None, Form.SOURCE, "models/customers.py:3", columns=PII),
        Model(ORDERS, lambda: None, Form.SOURCE, "models/orders.py:3"),
        Model(named("bronze.visits"), lambda: None, Form.SOURCE, "models/visits.py:3"),
    ]
    said = {k: tuple(map(named, v)) for k, v in (reads_of or {}).items()}
    return make_graph(
        [
            *(Node(model, ()) for model in sources),
            *(
                Node(m, said.get(str(m.name)) or reads(m.text(), m.place))  # the text or the test
                for m in models
            ),
        ]
    )


def columns(duck: duckdb.DuckDBPyConnection, query: str) -> Schema:
    return Schema(tuple(Column(name, "string") for name in duck.sql(query).columns))


def known(duck: duckdb.DuckDBPyConnection) -> dict[TableName, Schema]:
    names = [CUSTOMERS, ORDERS, named("bronze.visits")]
    return {name: columns(duck, f"from {name}") for name in names}


def leak(found: Graph, schemas: Mapping[TableName, Schema]) -> str:
    with pytest.raises(DefinitionError, match="unmasked") as error:
        check_personal(found, schemas, {node.name for node in found})
    return str(error.value)


@pytest.mark.parametrize("query", LEAKS.values(), ids=LEAKS)
def test_personal_data_that_would_reach_silver_is_found(
    duck: duckdb.DuckDBPyConnection, query: str
) -> None:
    schema = columns(duck, query)
    found = graph(sql("silver.x", query))

    told = leak(found, known(duck) | {named("silver.x"): schema})
    assert "models/silver.x.py:3: silver.x gives" in told
    assert "bronze.customers." in told
    # Nor is it missed where the model's own columns are not known.
    assert "bronze.customers." in leak(found, known(duck))


@pytest.mark.parametrize("query", CLEAN.values(), ids=CLEAN)
def test_what_tells_nothing_of_a_person_is_no_false_alarm(
    duck: duckdb.DuckDBPyConnection, query: str
) -> None:
    schema = columns(duck, query)
    found = graph(sql("silver.x", query))

    assert "tell-" not in str(duck.sql(f"select t::varchar from ({query}) t").fetchall())
    assert check_personal(found, known(duck) | {named("silver.x"): schema}, found.nodes) == {}
    assert check_personal(found, known(duck), found.nodes) == {}


@pytest.mark.parametrize(
    ("query", "column", "expected"),
    [
        ("select city || email as x from bronze.customers", "x", {"city", "email"}),
        ("select *, 1 as n from bronze.customers", "n", set()),
        ("select *, 1 as n from bronze.customers", "phone", {"phone"}),
        ("select * replace (city as email) from bronze.customers", "email", {"city"}),
        ("select * rename (email as e) from bronze.customers", "E", {"email"}),
        ("select case when phone = '1' then city else email end as x from bronze.customers",
         "x", {"city", "email"}),
        ("select sum(customer_id) over (partition by city) as x from bronze.customers",
         "x", {"customer_id"}),
        ("select c.city as x from bronze.orders o join bronze.customers c using (customer_id)",
         "x", {"city"}),
        ("select max(columns('c.*')) from bronze.customers", "city", {"city"}),
        ("select a.x.y as z from (select {'x': {'y': city, 'z': email}} as a "
         "from bronze.customers)", "z", {"city"}),
        ("select city as email, email as x from bronze.customers", "x", {"city", "email"}),
        ("with recursive r as (select city as x, email as y from bronze.customers union all "
         "select y, x from r) from r", "x", {"city", "email"}),
    ],
)  # fmt: skip
def test_the_columns_that_flow_into_one_are_known_by_name(
    duck: duckdb.DuckDBPyConnection, query: str, column: str, expected: set[str]
) -> None:
    schemas = known(duck)

    def table(name: TableName) -> Relation:
        names = schemas[name].names
        return Relation(tuple((n, Value(frozenset((Origin(name, n),)))) for n in names))

    duck.sql(query)
    found = lineage(query, "the query", table).column(column)
    assert found is not None
    assert {origin.column for origin in found.origins} == expected


def test_a_leak_is_told_with_its_whole_path_and_what_to_do(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    found = graph(
        sql("silver.orders", "select customer_id, email as contact from bronze.customers"),
        sql("gold.x", "select upper(contact) as y from silver.orders"),
    )

    assert leak(found, known(duck)) == (
        "personal data would reach silver or gold unmasked\n"
        "  models/silver.orders.py:3: silver.orders gives contact: "
        "bronze.customers.email -> silver.orders.contact -> gold.x.y\n"
        '  mask it: mask={"contact": hashed(secret("PII_KEY"))}; or, if it tells nothing of a '
        'person: columns={"contact": column(pii=False)}'
    )


def test_all_leaks_are_told_at_once_the_first_of_them_by_name(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    names = ", ".join(f"email as e{n}" for n in range(7))

    told = leak(graph(sql("silver.x", f"select {names} from bronze.customers")), known(duck))
    assert told.count("silver.x gives") == 5
    assert "and 2 more columns" in told


def test_a_mask_or_a_waiver_ends_it_for_all_that_follows(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    masked = {"email": hashed(secret("PII_KEY")), "phone": dropped()}
    waived = {"domain": column(pii=False)}
    found = graph(
        sql("silver.a", "select email, phone from bronze.customers", mask=masked),
        sql("silver.b", "select split_part(email, '@', 2) as domain from bronze.customers",
            columns=waived),
        sql("gold.c", "select a.email, b.domain from silver.a a, silver.b b"),
    )  # fmt: skip

    assert check_personal(found, known(duck), found.nodes) == {}


def test_what_is_tagged_in_silver_itself_is_masked_there() -> None:
    tagged = {"name": column(pii=True)}

    assert "silver.x.name" in leak(
        graph(sql("silver.x", "select 'Ann' as name", columns=tagged)), {}
    )
    found = graph(sql("silver.x", "select 'Ann' as name", columns=tagged, mask={"name": hashed()}))
    assert check_personal(found, {}, found.nodes) == {}


def test_bronze_may_hold_it_and_passes_it_on(duck: duckdb.DuckDBPyConnection) -> None:
    copied = sql("bronze.copy", "select email as e from bronze.customers")
    assert check_personal(graph(copied), known(duck), ()) == {}

    told = leak(graph(copied, sql("silver.x", "select e from bronze.copy")), known(duck))
    assert "bronze.customers.email -> bronze.copy.e -> silver.x.e" in told


def test_a_star_over_a_table_whose_columns_nobody_knows_passes_what_is_tagged() -> None:
    for query in ("select * from bronze.customers", "select c from bronze.customers c"):
        assert "bronze.customers.address" in leak(graph(sql("silver.x", query)), {})
    clean = graph(
        sql("silver.x", "select city, count(email) as n from bronze.customers group by 1")
    )
    assert check_personal(clean, {}, clean.nodes) == {}


def test_a_column_that_nobody_can_explain_may_hold_all_that_is_read(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    found = graph(sql("silver.x", "select city from bronze.customers"))
    schemas = known(duck) | {named("silver.x"): Schema((Column("odd", "string"),))}

    assert "silver.x.odd" in leak(found, schemas)


def test_a_project_without_tags_is_not_looked_at() -> None:
    broken = Model(named("silver.x"), lambda: "no SQL", Form.SQL, "models/x.py:1")
    untagged = make_graph([Node(broken, ())])

    assert check_personal(untagged, {}, ()) == {}


READS = {"silver.x": ("bronze.customers",)}


def test_a_python_model_that_reads_it_says_what_it_makes_of_it() -> None:
    with pytest.raises(DefinitionError, match="does not say what it makes of it") as error:
        check_personal(graph(python("silver.x"), reads_of=READS), {}, ())
    assert 'derives={"column": ["bronze.customers.address"]}' in error.value.hint

    derives = {"contact": ("bronze.customers.email",), "n": ()}
    told = leak(graph(python("silver.x", derives=derives), reads_of=READS), {})
    assert "bronze.customers.email -> silver.x.contact" in told
    masked = python("silver.x", derives=derives, mask={"contact": hashed()})
    unsaid = check_personal(graph(masked, reads_of=READS), {}, ())
    assert "contact" not in unsaid[named("silver.x")]


def test_a_column_of_an_input_that_a_python_model_does_not_list_counts_as_that_column() -> None:
    found = graph(python("silver.x", derives={}), reads_of=READS)
    given = Schema((Column("Email", "string"), Column("n", "int")))

    assert "bronze.customers.email -> silver.x.Email" in leak(found, {named("silver.x"): given})
    unsaid = check_personal(found, {}, found.nodes)[named("silver.x")]
    assert set(unsaid) == set(PII)
    model = found[named("silver.x")].model
    with pytest.raises(
        ModelError, match=r"'Email', which is personal data of bronze\.customers\.e"
    ):
        check_given(model, given, unsaid)
    check_given(model, Schema((Column("n", "int"),)), unsaid)


@pytest.mark.parametrize(
    ("derives", "told"),
    [
        ("bronze.customer.email", "no table that it reads"),
        ("email", "no table that it reads"),
        ("bronze.orders.amount", "no table that it reads"),
        ("bronze.customers.emial", "has no such column\n  did you mean email?"),
    ],
)
def test_derives_names_columns_that_there_are(
    duck: duckdb.DuckDBPyConnection, derives: str, told: str
) -> None:
    found = graph(python("silver.x", derives={"a": (derives,)}), reads_of=READS)

    with pytest.raises(DefinitionError, match="derives a column from") as error:
        check_personal(found, known(duck), ())
    assert told in str(error.value)


def test_derives_is_not_for_queries() -> None:
    found = graph(sql("silver.x", "select 1 as a", derives={"a": ()}))

    with pytest.raises(DefinitionError, match="which is for Python models"):
        check_personal(found, {}, ())


def test_a_task_that_reads_it_may_give_it_in_any_column() -> None:
    found = graph(
        python("task.t"),
        sql("silver.x", "select score from task.t"),
        reads_of={"task.t": ("bronze.customers",)},
    )

    assert "silver.x.score" in leak(found, {})


def test_columns_that_declarations_add_are_made_from_those_they_name(
    duck: duckdb.DuckDBPyConnection,
) -> None:
    query = "select email, city, joined_at from bronze.customers"
    masks = {"email": hashed()}
    lookups = {"customer_key": Lookup(named("gold.dim"), ("email",))}
    for declared, made in (
        ({"lookups": lookups}, "customer_key"),
        ({"dimension": Dimension(("email",), "x_key")}, "x_key"),
        ({"history": scd2("city", changed_at="email")}, "valid_from"),
    ):
        found = graph(sql("silver.x", query, mask=masks, **declared))
        assert f"silver.x.{made}" in leak(found, known(duck))
        waived = dict.fromkeys((made, "valid_to"), WAIVER)
        found = graph(sql("silver.x", query, mask=masks, columns=waived, **declared))
        assert check_personal(found, known(duck), found.nodes) == {}
