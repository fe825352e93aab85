"""Python files that define expectations, run to get at them."""

import threading
import traceback
from collections.abc import Sequence
from typing import Any

from medallion.adapters.expectations.library import (
    DataContextRequiredError,
    ExpectationSuite,
    get_context,
    project_manager,
)
from medallion.errors import DefinitionError

_LOCK = threading.Lock()


def defined(path: str, text: str) -> list[Any]:
    """What a script defines: the items of its list `expectations`, and those of its `suite`.

    Raises:
        DefinitionError: it raises, with the line in it; or it defines nothing.
    """
    namespace = _run(path, text)
    found = namespace.get("expectations", [])
    items = list(found) if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    suite = namespace.get("suite")
    items += suite.expectations if isinstance(suite, ExpectationSuite) else []
    if not items:
        raise DefinitionError(
            f"{path} defines no expectations",
            hint="define a list `expectations`, or `suite = gx.ExpectationSuite(...)`",
        )
    return items


def _run(path: str, text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "expectations", "__file__": path}
    with _LOCK:
        try:
            project_manager.is_using_cloud()
        except DataContextRequiredError:
            get_context(mode="ephemeral")  # what suite.add_expectation() asks for
        try:
            exec(compile(text, path, "exec"), namespace)  # noqa: S102 - a part of the project
        except (Exception, SystemExit) as error:
            what = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            raise DefinitionError(f"{path}:{_line(path, error)}: {what}") from error
    return namespace


def _line(path: str, error: BaseException) -> int:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == path), 1)
