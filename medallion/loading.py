"""Load a project's files: models into a graph, suites, fingerprints. Nothing else is touched."""

import ast
import hashlib
import importlib.util
import inspect
import json
import sys
import textwrap
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medallion.config import Settings
from medallion.errors import DefinitionError, MedallionError
from medallion.forms import Form
from medallion.graph import Graph, Node, make_graph, near
from medallion.model import Model
from medallion.names import Layer, TableName
from medallion.plan import code_of
from medallion.sql import normal, reads
from medallion.suite import Suite


@dataclass(frozen=True, slots=True)
class Definition:
    """All that a project's files say."""

    graph: Graph
    suites: Mapping[TableName, Suite]
    codes: Mapping[TableName, str]


def load(settings: Settings) -> Definition:
    """Load the project.

    Raises:
        DefinitionError: a file cannot be loaded, or what it says makes no graph.
    """
    models = list(load_models(settings.root / settings.models, settings.root))
    texts = {m.name: m.text() for m in models if m.form is Form.SQL}
    nodes = [Node(m, _reads(m, texts.get(m.name))) for m in models]
    graph = make_graph(nodes)
    suites = load_suites(settings.root / settings.expectations, graph, settings.root)
    codes = {n.name: code_of(n, _normal(n.model, texts.get(n.name))) for n in graph}
    return Definition(graph, suites, codes)


def load_models(folder: Path, root: Path) -> Iterator[Model]:
    """The models that the folder's Python files define, in the order of the files.

    A file can import another of the folder relatively: `from ._shared import x`. Files whose names
    start with `_` define no models.
    """
    if not folder.is_dir():
        raise DefinitionError(f"{folder} is no folder", hint="set models in [tool.medallion]")
    package = "medallion_project_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    for path in sorted(folder.rglob("*.py")):
        if any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
            continue
        module = _import(path, folder, package, root)
        for value in vars(module).values():
            if isinstance(value, Model) and value.function.__module__ == module.__name__:
                yield replace(value, place=_relative(value.place, root))


def load_suites(folder: Path, graph: Graph, root: Path) -> Mapping[TableName, Suite]:
    """The suite of every model: its declaration's, then its JSON file's, then its Python file's."""
    suites = {n.name: Suite(n.name, (*_implied(n.model), *_declared(n.model))) for n in graph}
    for path in sorted(p for p in folder.glob("*/*") if p.suffix in (".json", ".py")):
        place = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        try:
            name = TableName(Layer.parse(path.parent.name), path.stem)
        except DefinitionError as error:
            raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None
        if name not in suites:
            raise DefinitionError(
                f"{place} is the suite of {name}, and there is no such model",
                hint=near(name, suites),
            )
        suite = suites[name]
        if path.suffix == ".py":
            suite = replace(suite, scripts=(*suite.scripts, (place, path.read_text("utf-8"))))
        else:
            suite = replace(suite, documents=(*suite.documents, *_documents(path, place)))
        suites[name] = suite
    return suites


def _import(path: Path, folder: Path, package: str, root: Path) -> types.ModuleType:
    parts = path.relative_to(folder).with_suffix("").parts
    for depth in range(len(parts)):
        parent = ".".join((package, *parts[:depth]))
        if parent not in sys.modules:
            holder = types.ModuleType(parent)
            holder.__path__ = [str(folder.joinpath(*parts[:depth]))]
            sys.modules[parent] = holder
    name = ".".join((package, *parts))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except MedallionError as error:
        raise DefinitionError(_relative(error.message, root), hint=error.hint) from error
    except Exception as error:
        raise DefinitionError(
            f"{_relative(str(path), root)}:{_line(error, path)}: {type(error).__name__}: {error}",
            hint="the file must import without an error",
        ) from error
    return module


def _line(error: Exception, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return frames[-1].lineno or 1 if frames else 1


def _relative(text: str, root: Path) -> str:
    return text.replace(f"{root}/", "")


def _reads(model: Model, text: str | None) -> tuple[TableName, ...]:
    if text is not None:
        return reads(text, model.place)
    return tuple(sorted({i.table for i in model.inputs}))


def _normal(model: Model, text: str | None) -> str:
    if text is not None:
        return normal(text, model.place)
    tree = ast.parse(textwrap.dedent(inspect.getsource(model.function))).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    tree.decorator_list = []  # the declaration counts by its values
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    return ast.dump(tree)


def _implied(model: Model) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a declared key promises is audited like anything else."""
    key = list(model.unique_key)
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_not_be_null", {"column": c}) for c in key
    ]
    if len(key) == 1:
        kinds.append(("expect_column_values_to_be_unique", {"column": key[0]}))
    elif key:
        kinds.append(("expect_compound_columns_to_be_unique", {"column_list": key}))
    for kind, kwargs in kinds:
        # A table without rows keeps its key.
        meta = {"allow_vacuous": True, "declared": "unique_key"}
        yield f"{model.place} unique_key", {"type": kind, "kwargs": kwargs, "meta": meta}


def _declared(model: Model) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for number, given in enumerate(model.expectations, 1):
        place = f"{model.place} expectations[{number}]"
        if isinstance(given, Mapping):
            yield place, given
        elif hasattr(given, "configuration"):
            yield place, given.configuration.to_json_dict()
        else:
            raise DefinitionError(
                f"{place}: {given!r:.60} is no expectation",
                hint="give Great Expectations objects or their JSON as dictionaries",
            )


def _documents(path: Path, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{place} is no JSON: {error}") from error
    found = document.get("expectations") if isinstance(document, dict) else None
    if not isinstance(found, list) or not found:
        raise DefinitionError(
            f"{place} has no expectations",
            hint='write {"expectations": [{"type": …, "kwargs": …}]}',
        )
    for number, given in enumerate(found, 1):
        if not isinstance(given, dict) or not isinstance(given.get("type"), str):
            raise DefinitionError(
                f"{place}: expectation {number} has no type", hint='{"type": …, "kwargs": …}'
            )
        yield f"{place} expectation {number}", given
