"""What a function and its declaration say, and what is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from core.examples import named

from medallion import SQL, Model, Source, bronze, files, gold, hashed, month, redacted, ref, silver
from medallion.errors import DefinitionError, ModelError
from medallion.forms import Form
from medallion.signature import Input

FILE = "models/silver/trips.py"


def defined(text: str) -> Model:
    """The model `trips` of a module with this text, below the line with the imports."""
    imports = "from medallion import *; import pandas as pd, polars as pl, pyarrow as pa"
    names: dict[str, Any] = {"__name__": "trips"}
    exec(compile(f"{imports}\n{text}", FILE, "exec"), names)
    model = names["trips"]
    assert isinstance(model, Model)
    return model


def refused(text: str) -> DefinitionError:
    """How a module with this text is refused."""
    with pytest.raises(DefinitionError) as error:
        defined(text)
    return error.value


@silver
def bare() -> SQL:
    return "select 1 as id"


@gold(unique_key="id", tags=["daily"], owner="sales")
def called(trips: pd.DataFrame = ref("silver.trips")) -> pd.DataFrame:
    """Trips by borough.

    Only the finished ones.

    Columns:
        borough: where a trip began
        total amount: dollars: without tips
        not a column
    """
    return trips.groupby("borough", as_index=False)["total"].sum()


@bronze()
def landed() -> Source:
    return files("{landing}/*.csv")


def test_a_decorator_can_be_bare_or_called() -> None:
    assert str(bare.name) == "silver.bare"
    assert str(called.name) == "gold.called"
    assert str(landed.name) == "bronze.landed"
    assert [m.form for m in (bare, called, landed)] == [Form.SQL, Form.PANDAS, Form.SOURCE]


def test_a_model_knows_the_file_and_line_it_is_defined_in() -> None:
    lines = Path(__file__).read_text().splitlines()
    assert bare.place == f"{__file__}:{lines.index('@silver') + 1}"


def test_a_bare_model_declares_nothing() -> None:
    assert (bare.inputs, bare.partition_by, bare.unique_key, bare.expectations) == ((), (), (), ())
    assert (bare.mask, bare.renamed, bare.tags, bare.owner) == ({}, {}, frozenset(), "")
    assert (bare.description, bare.comments) == ("", {})


def test_parameters_are_inputs_each_in_its_form() -> None:
    @gold
    def joined(
        trips: pl.LazyFrame = ref("silver.trips"), zones: pd.DataFrame = ref("silver.zones")
    ) -> pl.DataFrame:
        return trips.collect()

    assert joined.inputs == (
        Input("trips", named("silver.trips"), Form.LAZY),
        Input("zones", named("silver.zones"), Form.PANDAS),
    )


def test_a_model_is_called_with_plain_frames() -> None:
    trips = pd.DataFrame({"borough": ["Bronx", "Bronx", "Queens"], "total": [1, 2, 3]})
    assert called(trips)["total"].tolist() == [3, 3]
    assert called(trips=trips)["borough"].tolist() == ["Bronx", "Queens"]


def test_the_docstring_is_the_comment_of_the_table_and_of_its_columns() -> None:
    assert called.description == "Trips by borough.\n\nOnly the finished ones."
    assert called.comments == {
        "borough": "where a trip began",
        "total amount": "dollars: without tips",
    }


def test_one_or_several_can_be_declared() -> None:
    one = defined('@silver(partition_by=month("a"), unique_key="id", tags="x", expectations={})'
                  '\ndef trips() -> SQL: return "select 1"')  # fmt: skip
    assert (one.partition_by, one.unique_key) == ((month("a"),), ("id",))
    assert (one.tags, one.expectations) == (frozenset(("x",)), ({},))
    more = defined('@silver(partition_by=[month("a"), bucket("b", 2)], unique_key=("a", "b"), '
                   'tags={"x", "y"}, expectations=[{}, {}])'
                   '\ndef trips() -> SQL: return "select 1"')  # fmt: skip
    assert [str(t) for t in more.partition_by] == ["month(a)", "bucket(b, 2)"]
    assert (more.unique_key, more.tags) == (("a", "b"), frozenset(("x", "y")))
    assert more.expectations == ({}, {})


def test_masks_and_new_names_are_declared_by_column() -> None:
    model = defined('@silver(mask={"a": hashed("salt"), "b": redacted()}, renamed={"new": "old"})'
                    '\ndef trips() -> SQL: return "select 1"')  # fmt: skip
    assert model.mask == {"a": hashed("salt"), "b": redacted()}
    assert [str(m) for m in model.mask.values()] == ["hashed('salt')", "redacted('***')"]
    assert model.renamed == {"new": "old"}


FUTURE = "from __future__ import annotations\n"


def test_annotations_may_be_postponed() -> None:
    text = """
from medallion import gold, ref
import pandas as pd, polars as pl
@gold
def trips(rows: pd.DataFrame = ref("silver.rows")) -> pl.DataFrame: ...
"""
    names: dict[str, Any] = {}
    exec(compile(FUTURE + text, FILE, "exec"), names)
    model = names["trips"]
    assert model.form is Form.POLARS
    assert model.inputs == (Input("rows", named("silver.rows"), Form.PANDAS),)
    assert model.place == f"{FILE}:5"


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("Nope", "name 'Nope' is not defined"),
        ("pd.Nope", "has no attribute 'Nope'"),
        ("pd.", "Forward reference must be an expression"),
    ],
)
def test_a_postponed_annotation_that_means_nothing_is_refused(annotation: str, said: str) -> None:
    error = refused(f'@silver\ndef trips() -> "{annotation}": ...')
    assert error.message.startswith(f"{FILE}:2: an annotation of trips() cannot be evaluated: ")
    assert said in error.message


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("trips()", "trips() has no return annotation"),
        ("trips() -> int", "trips() is annotated `-> int`, which is no form of rows"),
        ("trips() -> list[pa.Table]", "trips() is annotated `-> list`, which is no form of rows"),
        ("trips() -> None", "trips() is annotated `-> NoneType`, which is no form of rows"),
    ],
)
def test_a_model_says_what_kind_of_rows_it_gives(signature: str, said: str) -> None:
    error = refused(f"@silver\ndef {signature}: ...")
    assert error.message == f"{FILE}:2: {said}"
    assert error.hint == (
        "use one of: SQL, Source, pd.DataFrame, pa.Table, pa.RecordBatchReader, "
        "Iterator[pa.RecordBatch], pl.DataFrame, pl.LazyFrame, "
        "dd.DataFrame, duckdb.DuckDBPyRelation, Frame"
    )


@pytest.mark.parametrize("form", ["SQL", "Source"])
def test_sql_and_sources_take_no_parameters(form: str) -> None:
    error = refused(f'@bronze\ndef trips(rows: pd.DataFrame = ref("bronze.x")) -> {form}: ...')
    assert error.message == f"{FILE}:2: trips() gives {form} and takes no parameters but a Window"
    assert error.hint


@pytest.mark.parametrize(
    "parameter", ["rows", "rows: pd.DataFrame", "rows: pd.DataFrame = None", "*rows", "**rows"]
)
def test_a_parameter_names_a_table(parameter: str) -> None:
    error = refused(f"@silver\ndef trips({parameter}) -> pa.Table: ...")
    assert error.message == f"{FILE}:2: parameter 'rows' of trips() names no table"
    assert 'ref("layer.model")' in error.hint


def test_a_parameter_can_be_given_by_name() -> None:
    error = refused('@silver\ndef trips(rows: pa.Table = ref("silver.a"), /) -> pa.Table: ...')
    assert error.message == f"{FILE}:2: parameter 'rows' of trips() cannot be given by name"


@pytest.mark.parametrize("annotation", ["", ": int", ": SQL", ": Source", ": pd.Series"])
def test_a_parameter_says_in_which_form_it_wants_the_rows(annotation: str) -> None:
    error = refused(f'@silver\ndef trips(rows{annotation} = ref("bronze.x")) -> pa.Table: ...')
    assert error.message.startswith(f"{FILE}:2: parameter 'rows' of trips() is not annotated")
    assert "pd.DataFrame" in error.hint
    assert "SQL" not in error.hint


@pytest.mark.parametrize("name", ["Trips", "tripé", "a" * 64])
def test_a_function_has_the_name_of_a_table(name: str) -> None:
    error = refused(f'@silver\ndef {name}() -> SQL: return "select 1"')
    assert error.message == f"{FILE}:2: {name!r} is not a model name"


@pytest.mark.parametrize(
    ("declaration", "example"),
    [
        ("partition_by='at'", 'partition_by=month("pickup_at")'),
        ("partition_by=[month]", 'partition_by=month("pickup_at")'),
        ("partition_by=None", 'partition_by=month("pickup_at")'),
        ("unique_key=1", 'unique_key=["order_id", "line"]'),
        ("unique_key={'a', 'b'}", 'unique_key=["order_id", "line"]'),
        ("unique_key=['a', 1]", 'unique_key=["order_id", "line"]'),
        ("mask=hashed()", 'mask={"licence": hashed()}'),
        ("mask={'a': hashed}", 'mask={"licence": hashed()}'),
        ("mask={'a': 'hashed'}", 'mask={"licence": hashed()}'),
        ("mask=['a']", 'mask={"licence": hashed()}'),
        ("renamed={'a': 1}", 'renamed={"new_column": "old_column"}'),
        ("renamed=[('a', 'b')]", 'renamed={"new_column": "old_column"}'),
        ("tags=[1]", 'tags=["daily"]'),
        ("tags=5", 'tags=["daily"]'),
        ("owner=['a']", 'owner="sales"'),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_with_one_that_does(
    declaration: str, example: str
) -> None:
    error = refused(f'@silver({declaration})\ndef trips() -> SQL: return "select 1"')
    key = declaration.partition("=")[0]
    assert error.message.startswith(f"{FILE}:2: {key}=")
    assert error.message.endswith(" does not fit")
    assert error.hint == f"write: {example}"


def test_what_cannot_be_declared_is_refused_with_what_can() -> None:
    error = refused('@silver(unique_keys="id")\ndef trips() -> SQL: return "select 1"')
    assert error.message == f"{FILE}:2: 'unique_keys' cannot be declared"
    assert error.hint == (
        "what can: partition_by, time_column, lookback, whole, start, strategy, unique_key, "
        "mask, columns, closed, derives, deduplicate, deleted, dimension, lookups, on_failure, "
        "max_quarantine, renamed, expectations, retries, for_each, max_age, timeout, cpu, memory, "
        "tags, owner"
    )


@pytest.mark.parametrize("given", ['month("at")', '"id"', "dict"])
def test_a_decorator_decorates_functions(given: str) -> None:
    error = refused(f'@silver({given})\ndef trips() -> SQL: return "select 1"')
    assert error.message.startswith("@silver decorates a function, and ")
    assert error.hint == "declare by name: @silver(unique_key=...)"


@pytest.mark.parametrize("table", ["trips", "copper.trips", "silver.Trips"])
def test_a_ref_names_a_table(table: str) -> None:
    error = refused(f"@gold\ndef trips(rows: pd.DataFrame = ref({table!r})) -> pa.Table: ...")
    assert error.hint


def test_the_text_of_a_sql_model_is_its_query() -> None:
    assert bare.text() == "select 1 as id"
    assert landed.source() == files("{landing}/*.csv")


@pytest.mark.parametrize("given", ['""', '" "', "None", "1"])
def test_a_sql_model_gives_text(given: str) -> None:
    model = defined(f"@silver\ndef trips() -> SQL: return {given}")
    with pytest.raises(DefinitionError, match=f"{FILE}:2: silver.trips gives no SQL text"):
        model.text()


def test_a_source_model_gives_a_source() -> None:
    model = defined('@bronze\ndef trips() -> Source: return "x.csv"')
    with pytest.raises(
        DefinitionError, match=r"bronze\.trips gives no source but 'x.csv'"
    ) as error:
        model.source()
    assert error.value.hint == 'return files("...") or table("...")'


def test_landed_files_are_not_merged() -> None:
    model = defined(
        """@bronze(unique_key="id", strategy="merge")\ndef trips() -> Source: return files("x")"""
    )
    with pytest.raises(DefinitionError, match="landed files are not merged"):
        model.source()


@pytest.mark.parametrize(
    ("declared", "source", "said"),
    [
        ("", 'table("u", "t", deletes=True)', "finds deletes by comparing keys"),
        (
            "(unique_key='id', strategy='merge', mask={'id': hashed()})",
            'table("u", "t", deletes=True)',
            "finds deletes by 'id', which it masks",
        ),
        ("(mask={'at': hashed()})", 'table("u", "t", cursor="at")', "masks 'at', by which"),
        (
            "(strategy=scd2('id', changed_at='at'))",
            'table("u", "t", cursor="at")',
            "makes a history of all rows",
        ),
        (
            "(strategy=scd2('id', changed_at='at', snapshots=True))",
            'table("u", "t", deletes=True)',
            "makes a history of all rows",
        ),
        ("", 'table("u")', "reads a table or a query"),
        ("", 'table("u", "t", query="select 1")', "reads a table or a query"),
        ("", 'table("u", "t", lag="1h")', "lag='1h' says nothing without a cursor"),
        ("", 'table("u", "t", cursor="at", lag="soon")', "'soon' is no time"),
        ("", 'table("u", "t", parallel=0)', "parallel=0 counts connections"),
    ],
)
def test_a_table_of_a_database_is_read_as_declared(declared: str, source: str, said: str) -> None:
    model = defined(f"@bronze{declared}\ndef trips() -> Source: return {source}")
    with pytest.raises(DefinitionError) as error:
        model.source()
    assert said in error.value.message
    assert error.value.hint or "without a cursor" in said or "counts" in said


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("", None),
        ("strategy='full'", "needs a function without the parameter 'since'"),
        ("for_each=[1]", "goes on nowhere"),
    ],
)
def test_a_cursor_is_for_a_model_that_goes_on(declared: str, said: str | None) -> None:
    item = "item: int, " if "for_each" in declared else ""
    text = f"@bronze({declared})\ndef trips({item}since: Cursor) -> pd.DataFrame: ..."
    if said is None:
        assert defined(text).cursor == "since"
    else:
        assert said in refused(text).message


def test_a_query_that_cannot_be_written_is_a_wrong_definition() -> None:
    model = defined("@silver\ndef trips() -> SQL: return f'select {1 / 0}'")
    with pytest.raises(DefinitionError) as error:
        model.text()
    assert error.value.message == (
        f"{FILE}:2: silver.trips could not say its rows: ZeroDivisionError: division by zero"
    )


def test_an_error_of_the_tree_passes_through() -> None:
    @silver
    def trips() -> SQL:
        raise ModelError("told", hint="do")

    with pytest.raises(ModelError, match="told"):
        trips.text()
