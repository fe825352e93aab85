"""What the example project does, by hand: the same SQL and Python, `COPY`, no lake and no audits.

    python benchmarks/plain.py recipe PROJECT > recipe.json
    python benchmarks/plain.py run recipe.json FOLDER [--memory 1GB] [--threads 2]

The recipe is made by a process of its own, so that the run pays for DuckDB only.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

Step = dict[str, Any]


def main() -> None:
    """Print the recipe of a project, or carry one out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("recipe", "run"))
    parser.add_argument("source", type=Path, help="the project, or the recipe")
    parser.add_argument("folder", type=Path, nargs="?", help="where the tables go")
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.what == "recipe":
        json.dump(recipe(given.source), sys.stdout)
    else:
        run(json.loads(given.source.read_text()), given.folder, given.memory, given.threads)


def recipe(root: Path) -> list[Step]:
    """What a project's models do, in an order in which each comes after what it reads."""
    from medallion.config import read_settings
    from medallion.forms import Form
    from medallion.loading import load
    from medallion.source import Landing

    settings = read_settings(root.resolve())
    steps = []
    for node in load(settings).graph:
        model = node.model
        step: Step = {
            "table": str(model.name),
            "months": [t.column for t in model.partition_by],
            "hashed": {column: mask.text for column, mask in model.mask.items()},
        }
        if {t.kind for t in model.partition_by} - {"month"}:
            raise SystemExit(f"{model.name}: only partitions by month are done by hand")
        if model.form is Form.SQL:
            step["query"] = model.text()
        elif model.form is Form.SOURCE:
            source = settings.place(model.source())
            assert isinstance(source, Landing)
            step["query"] = _csv(source.pattern, dict(source.columns))
        else:
            step["file"] = model.function.__code__.co_filename
            step["inputs"] = {i.parameter: [str(i.table), str(i.form)] for i in model.inputs}
        steps.append(step)
    return steps


def run(steps: list[Step], folder: Path, memory: str, threads: int) -> None:
    """Write every table below the folder."""
    import duckdb

    con = duckdb.connect()
    con.execute(f"set memory_limit = '{memory}'")
    con.execute(f"set threads = {threads}")
    con.execute(f"set temp_directory = '{folder / '.spill'}'")
    con.execute("set preserve_insertion_order = false")
    con.execute("set TimeZone = 'UTC'")
    for step in steps:
        layer, model = step["table"].split(".")
        query = step.get("query") or _called(con, step)
        if step["hashed"]:
            masks = [f"sha256('{salt}' || {c}) as {c}" for c, salt in step["hashed"].items()]
            query = f"select * replace ({', '.join(masks)}) from ({query})"
        target = folder / layer / model
        target.mkdir(parents=True)
        if step["months"]:
            months = [f"year({c}) * 100 + month({c}) as _{c}_month" for c in step["months"]]
            names = ", ".join(f"_{c}_month" for c in step["months"])
            query = f"select *, {', '.join(months)} from ({query})"
            options = f"partition_by ({names}), append"
        else:
            target, options = target / "rows.parquet", "per_thread_output false"
        con.execute(
            f"copy ({query}) to '{target}' "
            f"(format parquet, compression zstd, compression_level 1, {options})"
        )
        con.execute(f"create schema if not exists {layer}")
        con.execute(f"create view {step['table']} as {rows(folder, step['table'])}")


def rows(folder: Path, table: str) -> str:
    """The query of a table that `run` wrote."""
    files = folder / table.replace(".", "/") / "**" / "*.parquet"
    return f"select * from read_parquet('{files}', hive_partitioning = false)"


def _csv(pattern: str, columns: dict[str, str]) -> str:
    types = ", ".join(f"'{name}': '{type}'" for name, type in columns.items())
    return (
        "select * replace (parse_filename(_source_file) as _source_file), now() as _loaded_at "
        f"from read_csv('{pattern}', header = true, strict_mode = false, columns = {{{types}}}, "
        "filename = '_source_file')"
    )


def _called(con: Any, step: Step) -> str:
    """Call a Python model as medallion does: with what it asks for, made from an Arrow table."""
    spec = importlib.util.spec_from_file_location(step["table"], step["file"])
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, step["table"].split(".")[1])
    inputs = {
        name: _opened(con.sql(f"select * from {table}"), form)
        for name, (table, form) in step["inputs"].items()
    }
    con.register("returned", _arrow(function(**inputs)))
    return "select * from returned"


def _opened(relation: Any, form: str) -> Any:
    if form == "pd.DataFrame":
        return relation.df()
    import polars as pl

    frame: Any = pl.from_arrow(relation.to_arrow_table())
    return {"pl.DataFrame": frame, "pl.LazyFrame": frame.lazy()}[form]


def _arrow(value: Any) -> Any:
    if hasattr(value, "collect"):
        return value.collect().to_arrow()
    if type(value).__module__.startswith("pandas"):
        import pyarrow as pa

        return pa.Table.from_pandas(value, preserve_index=False)
    return value


if __name__ == "__main__":
    main()
