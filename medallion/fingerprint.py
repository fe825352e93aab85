"""Fingerprint: what a model means, in 16 digits, so that its table can say which meaning it holds.

Comments, formatting and docstrings do not count. SQL counts by its normal form, a source by its
value, a Python function by its syntax tree and those of the project's functions, classes and
constants that it names, however far. What another library does counts by its name alone; so does
what a function imports while it runs. The digits are the same on every machine; another minor
version of Python may have another syntax tree for the same text.
"""

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from types import CodeType, FunctionType, ModuleType
from typing import Any

from medallion.forms import Form
from medallion.graph import Node
from medallion.model import Model
from medallion.source import Landing, Source
from medallion.sql import Query
from medallion.star import Dimension

IsProject = Callable[[str], bool]


def fingerprint(node: Node, query: Query | None, is_project: IsProject) -> str:
    """The 16 hexadecimal digits of what a model means: its code and its declaration.

    `query` is that of a SQL model; `is_project` says of a module's name whether it is one of
    the project.
    """
    model = node.model
    match model.form:
        case Form.SQL:
            code: Any = query.normal if query else ""
        case Form.SOURCE:
            code = _source(model.source())
        case _:
            code = None
    if code is None or model.windowed:  # what a window is made into, one window cannot tell
        code = [code, _python(model, is_project)]
    meaning = json.dumps([code, _declaration(model)], sort_keys=True)
    return hashlib.sha256(meaning.encode()).hexdigest()[:16]


def _source(source: Source) -> Mapping[str, Any]:
    """What a source says, without what it does not say."""
    said = asdict(source)
    if not isinstance(source, Landing):
        return said
    usual = asdict(Landing(""))
    return {k: v for k, v in said.items() if k in ("pattern", "columns") or v != usual[k]}


def _declaration(model: Model) -> list[Any]:
    shapes = {
        "deduplicate": model.deduplicate and asdict(model.deduplicate),
        "deleted": model.deleted,
        "history": model.history and asdict(model.history),
    }
    said = {what: value for what, value in shapes.items() if value}
    return [
        str(model.form),
        [str(model.strategy), model.time_column, model.grain, model.lookback],
        sorted(map(str, model.whole)),
        list(model.unique_key),
        {column: str(mask) for column, mask in model.mask.items()},
        dict(model.renamed),
        *_star(model),
        *([said] if said else []),
    ]


def _star(model: Model) -> Iterator[Mapping[str, Any]]:
    """What a dimension and lookups mean for the rows."""
    if kept := model.dimension:
        inferred = {str(table): columns for table, columns in kept.inferred.items()}
        yield {"dimension": [*_found_by(kept), kept.unknown, dict(kept.values), inferred]}
    if model.lookups:
        yield {
            "lookups": {
                name: [
                    str(k.dimension),
                    k.columns,
                    k.at,
                    k.missing,
                    *_found_by(k.target)[: 4 if k.joins else 1],
                ]
                for name, k in model.lookups.items()
            }
        }


def _found_by(kept: Dimension | None) -> Sequence[Any]:
    return (kept.kind, kept.name, kept.key, kept.version) if kept else ()


def _python(model: Model, is_project: IsProject) -> list[Any]:
    """The function's tree without its declaration, and all that it uses, in an order of its own."""
    each = model.each
    given = (*model.inputs, *(each.inputs if each else ()))
    inputs = [[i.parameter, str(i.table), str(i.form)] for i in given]
    own = _tree(model.function, declared=True, sql=model.form is Form.SQL)
    uses: dict[object, str] = {model.function: own}
    _follow(model.function, is_project, uses)
    if each and isinstance(each.given, FunctionType):
        uses[each.given] = _tree(each.given)
        _follow(each.given, is_project, uses)
    elif each:
        inputs.append([each.parameter, _constant(each.given)])
    return [own, inputs, sorted(uses.values())]


def _follow(function: FunctionType | Any, is_project: IsProject, uses: dict[object, str]) -> None:
    around = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for name in sorted(set(_names(function.__code__)) & around.keys()):
        _use(name, around[name], is_project, uses)


def _use(name: str, value: Any, is_project: IsProject, uses: dict[object, str]) -> None:
    """Note what a name stands for, and what that uses in turn."""
    if isinstance(value, Model):
        value = value.function
    if isinstance(value, ModuleType):
        ours = is_project(value.__name__)
        uses[value] = f"{name} = {_tree(value) if ours else value.__name__}"
    elif isinstance(value, FunctionType | type):
        if value in uses or not is_project(value.__module__):
            return
        uses[value] = _tree(value)
        members = [value] if isinstance(value, FunctionType) else vars(value).values()
        for member in members:
            if isinstance(member, FunctionType):
                _follow(member, is_project, uses)
    else:
        uses[name, id(value)] = f"{name} = {_constant(value)}"


def _names(code: CodeType) -> Iterator[str]:
    """The names that the code and the functions inside of it look up."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _constant(value: Any) -> str:
    match value:
        case Mapping():
            pairs = sorted(f"{_constant(k)}: {_constant(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
        case set() | frozenset():
            return f"{{{', '.join(sorted(map(_constant, value)))}}}"
        case list() | tuple():
            return f"[{', '.join(map(_constant, value))}]"
    # The default text of an object holds its address, which is another in each process.
    text = repr(value)
    return type(value).__qualname__ if " at 0x" in text else text


def _tree(value: Any, *, declared: bool = False, sql: bool = False) -> str:
    """The syntax tree of a definition, without docstrings; without its decorator where declared.

    In a function that gives SQL, the white space of texts does not count.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, SyntaxError):  # made while running: by its name alone
        return str(getattr(value, "__qualname__", value))
    for node in ast.walk(tree):
        if sql and isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = " ".join(node.value.split())
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            if declared and node is tree.body[0] and not isinstance(node, ast.Module):
                node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
