"""The worker of a project: carries out orders and opens frames, in this process or in another.

Its pickle is the project's address. Where that arrives, the project's files are loaded once and an
engine is made; no catalog is opened there, and nothing is committed.
"""

import atexit
import hashlib
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from medallion import wiring
from medallion.config import Settings
from medallion.errors import DefinitionError, ModelError, SourceError, StoreError
from medallion.forms import Form
from medallion.frame import Frame
from medallion.loading import Definition, load
from medallion.model import Model
from medallion.order import Order
from medallion.ports import Ports
from medallion.resources import Resources
from medallion.result import files_of, find, frame_text, hashed, read_frame, result_text
from medallion.source import Landing
from medallion.tables import Result

# A catalog's address and options may hold a password, and no worker needs them.
_STAY = ("root", "catalog", "catalog_options")


@dataclass(frozen=True, slots=True)
class Shop:
    """A project that is loaded in this process, and its ports."""

    definition: Definition
    ports: Ports


class ProjectWorker:
    """The `Worker` of a project. `shop` is what is open of it in this process already."""

    def __init__(self, settings: Settings, shop: Callable[[], Shop] | None = None) -> None:
        self._settings = settings
        self._shop = shop

    def __reduce__(self) -> tuple[Any, ...]:
        usual = Settings(self._settings.root)
        given = {f.name: getattr(self._settings, f.name) for f in fields(Settings)}
        sent = {k: v for k, v in given.items() if k not in _STAY and v != getattr(usual, k)}
        return _arrived, (str(self._settings.root), sent)

    def evaluate(self, order: Order) -> Result:
        """Compute the part, unless its result is there already, and keep what it left."""
        shop, model = self._at(order)
        files = shop.ports.files
        if kept := find(files, order.address, order.draft):
            return kept
        result = shop.ports.engine.evaluate(model, order.inputs, order.draft, order.part)
        self._check(order, model, result, files.landed)
        whole = hashed(result, files.hashes(f.path for f in files_of(result)))
        whole = replace(whole, finished=time.time())
        # One that a power cut takes is computed again, and seen not to be whole.
        files.write(order.address, result_text(whole), lasting=False)
        return whole

    def items(self, order: Order) -> tuple[str, ...]:
        """What the model is called for, each as JSON."""
        shop, model = self._at(order)
        return shop.ports.engine.items(model, order.inputs)

    def open(
        self,
        frame: Frame,
        form: Form,
        *,
        columns: Sequence[str] | None = None,
        where: str = "",
        limit: int | None = None,
    ) -> Any:
        """The rows of a frame in that form."""
        engine = self._here(Resources()).ports.engine
        return engine.open(frame, form, columns=columns, where=where, limit=limit)

    def keep(self, frame: Frame) -> str:
        """Where the description of the frame is kept, named by its content."""
        text = frame_text(frame)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        address = f"{self._settings.frames}/{name}.json"
        files = self._here(Resources()).ports.files
        if files.use(address) != text:
            files.write(address, text, lasting=False)
        return address

    def restore(self, address: str) -> Frame:
        """The frame that is described there."""
        text = self._here(Resources()).ports.files.read(address)
        if text is None:
            raise StoreError(
                f"the frame {address} is kept no longer", hint="open its table or task again"
            )
        return replace(read_frame(text), reader=self)

    def _at(self, order: Order) -> tuple[Shop, Model]:
        """The project with the model that is ordered, as it is meant."""
        found = self._here(order.needs)
        if found.definition.codes.get(order.model) != order.code and self._shop is None:
            found = self._here(order.needs, again=True)  # its file may be another by now
        if found.definition.codes.get(order.model) != order.code:
            host, python = socket.gethostname(), platform.python_version()
            raise DefinitionError(
                f"{order.model} says something else in {self._settings.root} on {host} "
                f"(Python {python}) than where the run was started",
                hint="give all workers the same files and the same minor version of Python",
            )
        return found, found.definition.graph[order.model].model

    def _here(self, needs: Resources, *, again: bool = False) -> Shop:
        return self._shop() if self._shop else _opened(shared(self._settings, needs), again=again)

    def _check(
        self, order: Order, model: Model, result: Result, landed: Callable[[str], Mapping[str, Any]]
    ) -> None:
        """Whether the result may be kept.

        A file that changes while it is read would be taken for what it was.
        """
        source = self._settings.place(model.source(order.part.window)) if order.stamps else None
        if isinstance(source, Landing):
            now = landed(source.pattern)
            for name, stamp in order.stamps.items():
                if now.get(name) != stamp:
                    raise SourceError(
                        f"{model.name}: {name} changed while it was read",
                        hint="build again when it has landed whole",
                    )
        if order.fixed and result.schema.last_id > order.draft.last_column_id:
            part = order.part
            which = f"for item {part.item}" if part.item else f"in window {part.window}"
            raise ModelError(
                f"{model.name} gives other columns {which} than before: "
                f"{', '.join(result.schema.names)}",
                hint="give the same columns every time; build with --full-refresh after that",
            )


def shared(settings: Settings, needs: Resources) -> Settings:
    """The settings of a process that does one piece of work of several beside each other.

    What the work declares that it needs goes before its share.
    """
    memory = needs.memory or settings.memory_bytes // settings.workers
    cores = settings.threads or os.cpu_count() or 1
    threads = max(1, int(needs.cpu or cores // settings.workers))
    return replace(settings, memory_limit=f"{memory}B", threads=threads)


_shops: dict[str, Shop] = {}
_opening = threading.Lock()


def _opened(settings: Settings, *, again: bool) -> Shop:
    """The project of these settings in this process; loaded `again` if its files may be others."""
    with _opening:
        key = f"{settings!r}{settings.stores!r}"
        known = _shops.get(key)
        if known is None or again:
            definition = load(settings)
            ports = known.ports if known else wiring.connect(settings, definition.sources)
            if known is None:
                atexit.register(ports.close)
            known = _shops[key] = Shop(definition, ports)
        return known


def _arrived(root: str, given: Mapping[str, Any]) -> ProjectWorker:
    return ProjectWorker(Settings(Path(root), **given))
