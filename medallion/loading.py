"""Load a project's files: models into a graph, suites, fingerprints. Nothing else is touched."""

import hashlib
import importlib.util
import json
import sys
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medallion.config import Settings
from medallion.conforming import conformed
from medallion.conformity import contract_text
from medallion.errors import DefinitionError, MedallionError
from medallion.fingerprint import fingerprint
from medallion.foreign_key import foreign_keys
from medallion.forms import Form
from medallion.graph import Graph, Node, make_graph, near
from medallion.model import Model
from medallion.names import Layer, TableName
from medallion.promises import implied
from medallion.queries import Queries
from medallion.source import Source
from medallion.sql import Query
from medallion.suite import Suite


@dataclass(frozen=True, slots=True)
class Definition:
    """All that a project's files say. What its `queries` said can be kept for the next load.

    `asides` are the tables of rows that are put aside, beside those of models.
    """

    graph: Graph
    suites: Mapping[TableName, Suite]
    codes: Mapping[TableName, str]
    queries: Queries
    asides: frozenset[TableName] = frozenset()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where rows land."""
        return tuple(n.model.landing() for n in self.graph if n.model.form is Form.SOURCE)


def load(settings: Settings) -> Definition:
    """Load the project.

    Raises:
        DefinitionError: a file cannot be loaded, or what it says makes no graph.
    """
    folder = settings.root / settings.models
    models = conformed(model.settled() for model in load_models(folder, settings.root))
    sql = [(m, m.text()) for m in models if m.form is Form.SQL]
    known = Queries(settings.cache_path / "queries.json")
    queries = {m.name: known.parse(text, m.place) for m, text in sql}
    graph = make_graph([Node(m, _reads(m, queries.get(m.name))) for m in models])
    asides = frozenset(_asides(graph))
    suites = load_suites(settings.root / settings.expectations, graph, settings.root)
    graph = make_graph([replace(node, references=_references(node, suites)) for node in graph])
    inner = f"{_package(folder)}."
    codes = {
        n.name: fingerprint(n, queries.get(n.name), lambda module: f"{module}.".startswith(inner))
        for n in graph
    }
    return Definition(graph, suites, codes, known, asides)


def _asides(graph: Graph) -> Iterator[TableName]:
    names = {node.name for node in graph}
    for node in graph:
        aside = node.model.aside
        if aside in names:
            raise DefinitionError(
                f"{node.model.place}: rows that {node.name} puts aside go to {aside}, "
                "which is a model",
                hint="rename that model",
            )
        if aside:
            yield aside


def load_models(folder: Path, root: Path) -> Iterator[Model]:
    """The models that the folder's Python files define, in the order of the files.

    A file can import another of the folder relatively: `from ._shared import x`. Files whose names
    start with `_` define no models.
    """
    if not folder.is_dir():
        raise DefinitionError(f"{folder} is no folder", hint="set models in [tool.medallion]")
    package = _package(folder)
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    for path in sorted(folder.rglob("*.py")):
        if any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
            continue
        module = _import(path, folder, package, root)
        for value in vars(module).values():
            if isinstance(value, Model) and value.function.__module__ == module.__name__:
                yield replace(value, place=_relative(value.place, root))


def load_suites(folder: Path, graph: Graph, root: Path) -> Mapping[TableName, Suite]:
    """The suite of every model: its declaration's, then its JSON file's, then its Python file's."""
    suites = {
        n.name: Suite(
            n.name,
            (*implied(n.model), *_declared(n.model)),
            contract=contract_text(n.model.columns, closed=n.model.closed),
        )
        for n in graph
    }
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".py")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts):
            continue
        place = _relative(str(path), root)
        name = _suite_name(parts, place)
        if name.is_task:
            raise DefinitionError(
                f"{place} is the suite of a task, and tasks are not audited",
                hint="audit the table that is made from it",
            )
        if name not in suites:
            raise DefinitionError(
                f"{place} is the suite of {name}, and there is no such model",
                hint=near(name, suites),
            )
        suite = suites[name]
        text = _text(path, place)
        if path.suffix == ".py":
            suite = replace(suite, scripts=(*suite.scripts, (place, text)))
        else:
            suite = replace(suite, documents=(*suite.documents, *_documents(text, place)))
        suites[name] = suite
    return suites


def _package(folder: Path) -> str:
    """The name that the folder has among modules."""
    return "medallion_project_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]


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
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _no_bytecode():
            spec.loader.exec_module(module)
    except MedallionError as error:
        placed = error.message.startswith(f"{folder}/")
        text = error.message if placed else f"{path}:{_line(error, path)}: {error.message}"
        raise DefinitionError(_relative(text, root), hint=error.hint) from error
    except Exception as error:
        text = f"{path}:{_line(error, path)}: {type(error).__name__}: {error}"
        raise DefinitionError(
            _relative(text, root), hint="the file must import without an error"
        ) from error
    return module


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """A file that is edited twice in a second would be taken for its bytecode."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _line(error: Exception, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return frames[-1].lineno or 1 if frames else 1


def _relative(text: str, root: Path) -> str:
    return text.replace(f"{root}/", "")


def _reads(model: Model, query: Query | None) -> tuple[TableName, ...]:
    if query is not None:
        return tuple(sorted({*query.reads, *model.joins}))
    return model.reads


def _references(node: Node, suites: Mapping[TableName, Suite]) -> tuple[TableName, ...]:
    """The tables that the suite of a model refers to."""
    keys = (key for _, key in foreign_keys(suites[node.name].documents))
    return tuple(sorted({key.table for key in keys} - {node.name}))


def _declared(model: Model) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for number, given in enumerate(model.expectations, 1):
        place = f"{model.place} expectations[{number}]"
        if isinstance(given, Mapping):
            yield place, _document(given, place)
        elif hasattr(given, "configuration"):
            yield place, given.configuration.to_json_dict()
        else:
            raise DefinitionError(
                f"{place}: {given!r:.60} is no expectation",
                hint="give Great Expectations objects or their JSON as dictionaries",
            )


def _suite_name(parts: tuple[str, ...], place: str) -> TableName:
    if len(parts) != 2:
        raise DefinitionError(
            f"{place} is the suite of no model", hint="name it <layer>/<model>.json"
        )
    try:
        return TableName(Layer.parse(parts[0]), Path(parts[1]).stem)
    except DefinitionError as error:
        raise DefinitionError(f"{place}: {error.message}", hint=error.hint) from None


def _text(path: Path, place: str) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{place} is no UTF-8 text: {error}") from error


def _documents(text: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise DefinitionError(f"{place} is no JSON: {error}") from error
    found = document.get("expectations") if isinstance(document, dict) else None
    if not isinstance(found, list) or not found:
        raise DefinitionError(
            f"{place} has no expectations",
            hint='write {"expectations": [{"type": …, "kwargs": …}]}',
        )
    for number, given in enumerate(found, 1):
        where = f"{place} expectation {number}"
        yield where, _document(given, where)


def _document(given: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise DefinitionError(f"{place} has no type", hint='{"type": …, "kwargs": …}')
    try:
        json.dumps(given)
    except TypeError as error:
        raise DefinitionError(f"{place} is no JSON: {error}", hint="write dates as text") from error
    return given
