"""The forms in which rows enter and leave a function."""

import collections.abc
import subprocess
import sys
import typing
from typing import Any

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from medallion import SQL, Frame, Source, forms
from medallion.forms import INPUTS, RESULTS, Form, annotations, form_of

FORMS = {
    Form.SQL: SQL,
    Form.SOURCE: Source,
    Form.PANDAS: pd.DataFrame,
    Form.ARROW: pa.Table,
    Form.BATCHES: pa.RecordBatchReader,
    Form.ITERATOR: collections.abc.Iterator[pa.RecordBatch],
    Form.POLARS: pl.DataFrame,
    Form.LAZY: pl.LazyFrame,
    Form.DUCKDB: duckdb.DuckDBPyRelation,
    Form.DASK: dd.DataFrame,
    Form.FRAME: Frame,
}


@pytest.mark.parametrize("form", Form)
def test_every_form_is_recognised_by_its_class(form: Form) -> None:
    assert form_of(FORMS[form]) is form


@pytest.mark.parametrize(
    "annotation",
    [
        typing.Iterator[pa.RecordBatch],
        collections.abc.Iterable[pa.RecordBatch],
        collections.abc.Generator[pa.RecordBatch, None, None],
        collections.abc.Iterator[pa.Table],
        collections.abc.Iterator[pd.DataFrame],
        collections.abc.Iterator[dict[str, typing.Any]],
        collections.abc.Iterator[list[dict[str, int]]],
    ],
)
def test_every_way_to_write_an_iterator_of_rows_is_one_form(annotation: Any) -> None:
    assert form_of(annotation) is Form.ITERATOR


class DataFrame:
    """A class of the right name, of the wrong library."""


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        str,
        int,
        "SQL",
        DataFrame,
        pd.Series,
        pa.RecordBatch,
        list[pa.RecordBatch],
        collections.abc.Iterator[int],
        collections.abc.Iterator,
        pd.DataFrame | None,
        typing.Any,
    ],
)
def test_anything_else_is_no_form(annotation: Any) -> None:
    assert form_of(annotation) is None


def test_a_query_a_source_and_an_iterator_are_results_only() -> None:
    assert set(RESULTS) == set(Form)
    assert set(RESULTS) - set(INPUTS) == {Form.SQL, Form.SOURCE, Form.ITERATOR}


def test_annotations_are_evaluated() -> None:
    def function(rows: "pd.DataFrame") -> "SQL":
        return f"select {len(rows)}"

    assert annotations(function) == {"rows": pd.DataFrame, "return": SQL}


def test_the_text_of_a_query_is_text() -> None:
    assert SQL("select 1") == "select 1"
    assert issubclass(forms.SQL, str)


HEAVY = (
    "duckdb", "great_expectations", "numpy", "pandas", "polars", "pyarrow", "pyiceberg",
    "sqlalchemy", "sqlglot",
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "from medallion import *; import medallion.forms",
        "import medallion.project, medallion.render",
    ],
)
def test_naming_the_forms_imports_no_library(statement: str) -> None:
    script = f"import sys; {statement}; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
