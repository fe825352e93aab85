"""Personal data in a project: masked in its tables, or refused before anything is written."""

import hashlib
import hmac
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from support.flows import build
from support.processes import Command
from support.projects import plain_table, rows, sql_model, write

from medallion import Project
from medallion.errors import DefinitionError
from medallion.report import State
from medallion.suite import Outcome
from medallion.trace import traced

BRONZE = (
    "select * from (values (1, 'ann@x.org', '4111222233334444', date '1990-05-17', "
    "timestamp '2026-11-02 13:14:15', 'Ann'), (2, 'bo@x.org', '123', date '2001-12-31', "
    "timestamp '2026-11-03 00:00:00', 'Bo'), (3, null, null, null, null, null)) "
    "t(id, email, card, born, seen, name)"
)
MASKS = (
    "mask={'email': hashed(secret('PII_KEY')), 'card': kept_last(4), 'born': truncated('year'), "
    "'seen': truncated('hour'), 'name': dropped(), 'note': nullified(), 'place': redacted('x')}"
)
TAGGED = "columns={'email': column(pii=True), 'name': column(pii=True)}"
KEYS = ["short key", "k" * 64, "longer than a block of SHA-256: " + "é$'\"\\" * 20]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PII_KEY", KEYS[0])
    return KEYS[0]


def digest(key: str, value: object) -> str:
    return hmac.new(key.encode(), str(value).encode(), "sha256").hexdigest()


def customers(root: Path, silver: str = "", declared: str = MASKS) -> Path:
    query = silver or "select *, 'note' as note, 'place' as place from bronze.customers"
    return write(
        root,
        {
            "models/bronze.py": sql_model("bronze", "customers", BRONZE, TAGGED),
            "models/silver.py": sql_model("silver", "customers", query, declared),
        },
    )


def test_masks_as_they_are_read_back(tmp_path: Path, key: str) -> None:
    build(customers(tmp_path))

    ann, bo, nobody = sorted(rows(tmp_path, "silver.customers"), key=lambda row: row["id"])
    assert ann == {
        "id": 1,
        "email": digest(key, "ann@x.org"),
        "card": "*" * 12 + "4444",
        "born": date(1990, 1, 1),
        "seen": datetime(2026, 11, 2, 13),
        "note": None,
        "place": "x",
    }
    assert (bo["card"], bo["born"]) == ("***", date(2001, 1, 1))
    assert nobody == dict.fromkeys(ann, None) | {"id": 3, "place": "x"}
    assert "name" not in plain_table(tmp_path, "silver.customers").schema().column_names


@pytest.mark.parametrize("secret", KEYS, ids=["short", "a block", "longer"])
def test_a_keyed_hash_is_the_one_that_python_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("PII_KEY", secret)
    values = (
        "1::int as a, 1::bigint as b, '1' as c, 1::utinyint as d, 'é' as e, '' as f, "
        "null::date as g"
    )
    masks = ", ".join(f"'{name}': hashed(secret('PII_KEY'))" for name in "abcdefg")
    build(write(tmp_path, {"models/x.py": sql_model("silver", "x", f"select {values}",
                                                    f"mask={{{masks}}}")}))  # fmt: skip

    (row,) = rows(tmp_path, "silver.x")
    one = digest(secret, 1)
    assert row == dict.fromkeys("abcd", one) | {
        "e": digest(secret, "é"), "f": digest(secret, ""), "g": None,
    }  # fmt: skip


def test_a_hash_joins_tables_and_a_merge_finds_its_rows_by_it(tmp_path: Path, key: str) -> None:
    declared = (
        "unique_key='email', strategy='merge', mask={'email': hashed(secret('PII_KEY')), "
        "'name': dropped()}"
    )
    query = "select email, name, id from bronze.customers where email is not null"
    joined = (
        "select c.id, count(*) as n from silver.customers c "
        "join silver.other o using (email) group by 1"
    )
    other = "select lower(email) as email from bronze.customers"
    customers(tmp_path, query, declared)
    write(
        tmp_path,
        {
            "models/other.py": sql_model(
                "silver", "other", other, "mask={'email': hashed(secret('PII_KEY'))}"
            ),
            "models/joined.py": sql_model("gold", "joined", joined),
        },
    )
    build(tmp_path)
    assert rows(tmp_path, "gold.joined") == [{"id": 1, "n": 1}, {"id": 2, "n": 1}]

    write(tmp_path, {"models/bronze.py": sql_model("bronze", "customers", BRONZE.replace(
        "(1, 'ann", "(7, 'ann"), TAGGED)})  # fmt: skip
    build(tmp_path)
    found = {row["email"]: row["id"] for row in rows(tmp_path, "silver.customers")}
    assert found == {digest(key, "ann@x.org"): 7, digest(key, "bo@x.org"): 2}


@pytest.mark.parametrize(("kind", "change"), [("parquet", "fail"), ("csv", "ignore")])
def test_masked_columns_of_files_that_land_later_are_taken(
    tmp_path: Path, kind: str, change: str
) -> None:
    source = f"files('landing/*.{kind}', on_schema_change='{change}')"
    write(
        tmp_path,
        {
            "models/landed.py": "from medallion import *\n"
            "@bronze(mask={'email': dropped(), 'phone': hashed('s')})\n"
            f"def landed() -> Source:\n    return {source}\n"
        },
    )
    (tmp_path / "landing").mkdir()
    for number in (1, 2):
        landed = pa.table({"id": [number], "email": ["a@x"], "phone": [12]})
        file = tmp_path / "landing" / f"{number}.{kind}"
        (pq.write_table if kind == "parquet" else csv.write_csv)(landed, file)
        build(tmp_path)

    hashed = hashlib.sha256(b"s12").hexdigest()
    found = rows(tmp_path, "bronze.landed")
    assert [(row["id"], row["phone"]) for row in found] == [(1, hashed), (2, hashed)]
    assert all("email" not in row for row in found)


def test_a_mask_without_a_secret_stays_what_it_was(tmp_path: Path) -> None:
    masks = "mask={'email': hashed('salt'), 'name': hashed()}"
    build(customers(tmp_path, "select email, name from bronze.customers where id = 1", masks))

    assert rows(tmp_path, "silver.customers") == [
        {
            "email": hashlib.sha256(b"saltann@x.org").hexdigest(),
            "name": hashlib.sha256(b"Ann").hexdigest(),
        }
    ]


def test_a_secret_that_nobody_knows_is_told_before_anything_is_written(tmp_path: Path) -> None:
    root = customers(tmp_path)
    with Project.load(root) as project:
        for look in (project.check, project.run):
            with pytest.raises(DefinitionError, match="no secret PII_KEY, which the mask of 'em"):
                look(project.plan())
        assert project.tables() == {}


def test_a_new_value_of_a_secret_makes_no_table_stale_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PII_KEY", "c4n4ry-of-the-mask")
    build(customers(tmp_path))
    with Project.load(tmp_path) as project:
        shown = [str(project.plan(full_refresh=True)), str(project.definition.codes)]
    monkeypatch.setenv("PII_KEY", "4n0ther-key")
    with Project.load(tmp_path) as project:
        assert not project.plan().tasks

    below = (p for p in tmp_path.rglob("*") if p.is_file())
    written = b"".join([*(p.read_bytes() for p in below), *(text.encode() for text in shown)])
    inner = bytes(byte ^ 0x36 for byte in b"c4n4ry-of-the-mask")
    for form in (b"c4n4ry", inner, inner.hex().encode()):
        assert form not in written


@pytest.mark.only_on("local", because="processes see the same folder")
def test_processes_look_the_secret_up_themselves(tmp_path: Path, key: str) -> None:
    root = customers(tmp_path)
    with Project.load(root, executor="processes", workers=1) as project:
        assert project.build().ok
    assert digest(key, "ann@x.org") in {r["email"] for r in rows(root, "silver.customers")}


def test_a_type_that_cannot_be_truncated_is_told_by_plan(tmp_path: Path) -> None:
    root = customers(tmp_path, "select id from bronze.customers", "mask={'id': truncated('day')}")
    with (
        Project.load(root) as project,
        pytest.raises(DefinitionError, match=r"models/silver\.py.* is not for values of type int"),
    ):
        project.check(project.plan())


def test_a_plan_that_would_leak_names_the_path_and_a_build_touches_nothing(
    tmp_path: Path,
) -> None:
    root = customers(tmp_path, "select id, email as contact from bronze.customers", "")
    write(root, {"models/gold.py": sql_model("gold", "x", "select contact as y "
                                             "from silver.customers")})  # fmt: skip
    path = "bronze.customers.email -> silver.customers.contact -> gold.x.y"
    with Project.load(root) as project:
        for look in (project.check, project.run):
            with pytest.raises(DefinitionError, match=path):
                look(project.plan())
        assert project.tables() == {}
    build(customers(tmp_path, "select id, email as contact from bronze.customers",
                    "columns={'contact': column(pii=False)}"))  # fmt: skip


def test_a_tag_that_comes_later_is_seen_although_all_is_up_to_date(tmp_path: Path) -> None:
    root = customers(tmp_path, "select name from bronze.customers", "")
    write(root, {"models/bronze.py": sql_model("bronze", "customers", BRONZE)})
    build(root)
    write(root, {"models/bronze.py": sql_model("bronze", "customers", BRONZE, TAGGED)})
    with (
        Project.load(root) as project,
        pytest.raises(DefinitionError, match=r"bronze\.customers\.name -> silver\.customers\.name"),
    ):
        project.build()


PYTHON = """
import pandas as pd
from medallion import *

@silver({declared})
def people(customers: pd.DataFrame = ref("bronze.customers")) -> pd.DataFrame:
    frame = customers[["id", "name"]].rename(columns={renamed})
    frame["letters"] = frame.iloc[:, 1].str.len()
    return frame
"""


def test_a_python_model_declares_what_it_makes_of_it(tmp_path: Path) -> None:
    root = customers(tmp_path, "select id from bronze.customers", "")

    def with_python(declared: str, renamed: dict[str, str]) -> Project:
        text = PYTHON.replace("{declared}", declared).replace("{renamed}", repr(renamed))
        write(root, {"models/people.py": text})
        return Project.load(root)

    with with_python("", {}) as project, pytest.raises(DefinitionError, match="declare its col"):
        project.check(project.plan())
    # That it gives the column itself shows when it ran.
    with with_python("derives={'letters': []}", {}) as project:
        report = project.build()
        assert report["silver.people"].state is State.FAILED
        assert "personal data of bronze.customers.name" in str(report["silver.people"].failure)
        assert "silver.people" not in {str(n) for n, t in project.tables().items() if t.main}
    told = "derives={'label': ['bronze.customers.name'], 'letters': []}"
    with (
        with_python(told, {"name": "label"}) as project,
        pytest.raises(DefinitionError, match=r"bronze\.customers\.name -> silver\.people\.label"),
    ):
        project.check(project.plan())
    with with_python(f"{told}, mask={{'label': redacted()}}", {"name": "label"}) as project:
        assert project.build().ok
    assert {r["label"] for r in rows(root, "silver.people")} == {"***", None}
    assert {r["letters"] for r in rows(root, "silver.people")} == {3, 2, None}


def test_lineage_is_printed_for_a_column_and_for_a_table(tmp_path: Path, command: Command) -> None:
    root = customers(tmp_path, "select id, email as contact, count(*) over () as n "
                     "from bronze.customers", "mask={'contact': hashed()}")  # fmt: skip
    write(root, {"models/gold.py": sql_model("gold", "x", "select left(contact, 2) as y "
                                             "from silver.customers")})  # fmt: skip

    assert command.told(root, "lineage", "silver.customers.Contact").splitlines() == [
        "silver.customers.contact [masked: hashed()]",
        "made from",
        "  bronze.customers.email [pii]",
        "goes into",
        "  gold.x.y",
    ]
    lines = command.told(root, "lineage", "silver.customers").splitlines()
    assert [line.split() for line in lines[2:5]] == [
        ["id", "bronze.customers.id"],
        ["contact", "[masked:", "hashed()]", "bronze.customers.email"],
        ["n", "-"],
    ]
    assert lines[5:] == ["upstream: bronze.customers", "downstream: gold.x"]
    found: dict[str, Any] = json.loads(
        command.told(root, "lineage", "bronze.customers.email", "--json")
    )
    (below,) = found["downstream"]
    assert (found["pii"], below["mask"]) == (True, "hashed()")
    assert [b["column"] for b in below["downstream"]] == ["gold.x.y"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("silver.customers.emial", "did you mean email?"),
        ("silver.customers.zzz", "its columns: id, email"),
        ("silver.customer", "did you mean silver.customers"),
        ("silver", "write it as layer.model"),
        ("sliver.customers", "one of: bronze, silver, gold"),
    ],
)
def test_lineage_of_what_there_is_not_says_what_there_is(
    tmp_path: Path, name: str, told: str
) -> None:
    root = customers(tmp_path, "select id, email from bronze.customers", "mask={'email': hashed()}")
    with Project.load(root) as project, pytest.raises(DefinitionError) as error:
        traced(project, name)
    assert told in str(error.value)


def test_times_with_a_zone_are_truncated_in_utc(tmp_path: Path) -> None:
    declared = "mask={'at': truncated('month')}"
    query = "select timestamptz '2026-11-30 23:30:00-05' as at"
    build(write(tmp_path, {"models/x.py": sql_model("silver", "x", query, declared)}))

    assert rows(tmp_path, "silver.x") == [{"at": datetime(2026, 12, 1, tzinfo=UTC)}]


def test_no_verdict_holds_personal_data(tmp_path: Path) -> None:
    """Neither what failed nor what was seen: reports and logs have other readers."""
    given = {
        "expect_column_values_to_be_in_set": {"column": "email", "value_set": ["x"]},
        "expect_column_most_common_value_to_be_in_set": {"column": "name", "value_set": ["x"]},
        "expect_column_values_to_be_between": {"column": "id", "max_value": 1},
        "unexpected_rows_expectation": {"unexpected_rows_query": "select * from {batch}"},
    }
    suite = [{"type": type, "kwargs": kwargs} for type, kwargs in given.items()]
    more = f"{TAGGED}, unique_key='email', expectations={suite}"
    text = sql_model("bronze", "customers", f"{BRONZE} where id < 3", more)
    write(tmp_path, {"models/bronze.py": text})
    with Project.load(tmp_path) as project:
        report = project.build()
        log = project.query("from _medallion.audits").to_pylist()
    told = json.dumps(report.to_dict()) + str(log)
    told += "".join(p.read_text() for p in (tmp_path / "warehouse" / ".runs").iterdir())

    found = report["bronze.customers"].audit
    assert found
    assert [v.failing for v in found.verdicts[2:]] == [2, None, 1, 2]
    assert {v.outcome for v in found.verdicts[2:]} == {Outcome.FAILED}
    assert len(log) == len(found.verdicts)
    assert not any(text in told for text in ("ann@", "bo@", "Ann", "Bo"))


def test_no_query_of_an_audit_keeps_personal_data_under_another_name(tmp_path: Path) -> None:
    query = "select upper(email) as shown from {batch}"
    suite = [{"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}}]
    text = sql_model("bronze", "customers", BRONZE, f"{TAGGED}, expectations={suite}")
    with Project.load(write(tmp_path, {"models/bronze.py": text})) as project:
        project.build()
        told = str(project.query("from _medallion.audits").to_pylist())

    assert "the query gives" in told
    assert "ANN@" not in told


TWICE = "select * from (values (1, 'ann@x.org'), (2, 'ann@x.org')) t(id, email)"


@pytest.mark.parametrize(
    ("declared", "query", "told"),
    [
        ("strategy='merge', unique_key='email', deleted='id = 1'", "", "rows with email=***"),
        ("strategy=scd2('email', changed_at='day')", "1 as day, ", "several changes of email=***"),
        ("columns={'n': column(pii=False)}", "email::int as n, ", "it may be personal data"),
    ],
)
def test_no_error_that_is_kept_holds_personal_data(
    tmp_path: Path, declared: str, query: str, told: str
) -> None:
    """They are printed, and written to the log of the run."""
    declared += ", mask={'email': hashed()}"
    text = sql_model("silver", "people", f"select {query}id, email from bronze.people", declared)
    tagged = sql_model("bronze", "people", TWICE, "columns={'email': column(pii=True)}")
    files = {"models/bronze.py": tagged, "models/silver.py": text}
    with Project.load(write(tmp_path, files)) as project:
        failure = project.build()["silver.people"].failure
    logs = "".join(p.read_text() for p in (tmp_path / "warehouse" / ".runs").iterdir())

    assert failure
    assert told in failure.message
    assert "ann@" not in str(failure) + logs


def test_no_error_of_a_landed_file_holds_personal_data(tmp_path: Path) -> None:
    model = """
        from medallion import Source, bronze, column, files

        @bronze(columns={"id": column("bigint", pii=True)})
        def people() -> Source:
            return files("landing/*.csv", columns={"id": "bigint"}, unparsable=%r)
    """
    for unparsable in ("fail", "quarantine"):
        write(tmp_path, {"models/b.py": model % unparsable, "landing/a.csv": "id,x\nann@x.org,1\n"})
        with Project.load(tmp_path) as project:
            failure = project.build()["bronze.people"].failure
        assert failure
        assert "line 2" in failure.message
        assert "ann@" not in str(failure)
