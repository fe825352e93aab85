"""Pointers in AWS Glue: a table's parameters, replaced only if its version is what was read.

What is written is what PyIceberg's own Glue catalog writes, so that it, Athena and Spark read the
tables. Glue moves one table at a time.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from pyiceberg.catalog import ICEBERG, METADATA_LOCATION, TABLE_TYPE
from pyiceberg.catalog.glue import GlueCatalog, _construct_table_input

from medallion.adapters.iceberg.address import CATALOG, CHECK, GLUE
from medallion.adapters.iceberg.lake import IN_TURN, Moved
from medallion.adapters.iceberg.pointers import Swap
from medallion.errors import CatalogError
from medallion.names import Layer, TableName

_ADDRESS = re.compile(r"glue(://(?P<region>[a-z0-9-]*)(/(?P<prefix>[a-z0-9_]+))?/?)?")
_NO_TABLE, _THERE = "EntityNotFoundException", "AlreadyExistsException"
_LOST_RACE = ("ConcurrentModificationException", _THERE)
_OURS = "medallion."
_RETRIES = "glue.max-retries"
_SIGN_IN = "boto3 finds credentials in AWS_PROFILE, in AWS_ACCESS_KEY_ID or in the machine's role"
_REGION = f'write catalog = "{GLUE}REGION", or set AWS_REGION'


class GluePointers:
    """The `Pointers` of a Glue catalog, at `glue`, `glue://REGION` or `glue://REGION/PREFIX`.

    The databases are the layers, after the prefix: `PREFIX_silver`. Options are PyIceberg's.
    """

    guarantee = IN_TURN
    one_look = False

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise CatalogError(
                f"the catalog {address!r} is no address of a Glue catalog",
                hint=f'write "glue", "{GLUE}REGION" or "{GLUE}REGION/PREFIX"; a prefix has small '
                "letters, digits and _",
            )
        self._shown = address
        self._prefix = f"{found['prefix']}_" if found["prefix"] else ""
        region = {"glue.region": found["region"]} if found["region"] else {}
        retries = {k: int(v) for k, v in options.items() if k == _RETRIES}
        self._options: dict[str, Any] = {**options, **region, **retries}
        self._databases: set[Layer] = set()

    def prepare(self) -> None:
        """Make the layers' databases where there are none.

        Raises:
            CatalogError: Glue cannot be asked, or does not allow it.
        """
        for layer in set(Layer) - {Layer.TASK} - self._databases:
            with self._told():
                self._ensure(self._database(layer))
            self._databases.add(layer)

    def locations(
        self,
        names: Collection[TableName],
        *,
        settled: bool = False,  # noqa: ARG002
    ) -> dict[TableName, str]:
        """The metadata files of those tables that exist.

        Glue has no lock to wait for: a swap whose answer was lost may, in theory, still land later.
        Whatever was committed to the table meanwhile makes that impossible.
        """
        models: dict[Layer, set[str]] = defaultdict(set)
        for name in names:
            models[name.layer].add(name.model)
        with self._told():
            return {
                TableName(layer, table["Name"]): table["Parameters"][METADATA_LOCATION]
                for layer, wanted in models.items()
                for table in self._tables(layer, wanted)
                if _is_iceberg(table)
            }

    def swap(self, swaps: Mapping[TableName, Swap]) -> None:
        """Replace the address of a table, if its version is still that of the old address.

        Raises:
            Moved: the address is not what it was; nothing was replaced.
        """
        for name, swap in swaps.items():
            if swap.before is None:
                self._client.create_table(
                    DatabaseName=self._database(name.layer), TableInput=_input(name, swap, None)
                )
                continue
            found = next(iter(self._tables(name.layer, {name.model})), None)
            if found is None or _location(found) != swap.before.location:
                raise Moved(name)
            self._client.update_table(
                DatabaseName=self._database(name.layer),
                TableInput=_input(name, swap, found),
                VersionId=found["VersionId"],
                SkipArchive=True,
            )

    def told(self, error: Exception, name: TableName) -> Exception:
        """What an error of a swap means; `Moved` for a version that is no longer there."""
        if isinstance(error, ClientError) and _code(error) in _LOST_RACE:
            return Moved(name)
        return self._plain(error) if isinstance(error, BotoCoreError | ClientError) else error

    def close(self) -> None:
        """Give the connections back."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> Any:
        with self._told():
            return GlueCatalog(CATALOG, **self._options).glue

    def _database(self, layer: Layer) -> str:
        return f"{self._prefix}{layer}"

    def _ensure(self, database: str) -> None:
        try:
            self._client.get_database(Name=database)
        except ClientError as error:
            if _code(error) != _NO_TABLE:
                raise
            try:
                self._client.create_database(DatabaseInput={"Name": database})
            except ClientError as late:  # another run may make it at the same time
                if _code(late) != _THERE:
                    raise

    def _tables(self, layer: Layer, models: set[str]) -> list[dict[str, Any]]:
        """Those of the tables that exist: one is asked for by name, several by their database."""
        database = self._database(layer)
        try:
            if len(models) == 1:
                return [self._client.get_table(DatabaseName=database, Name=min(models))["Table"]]
            pages = self._client.get_paginator("get_tables").paginate(DatabaseName=database)
            return [t for page in pages for t in page["TableList"] if t["Name"] in models]
        except ClientError as error:
            if _code(error) == _NO_TABLE:
                return []
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, ValueError) as error:
            raise self._plain(error) from error

    def _plain(self, error: Exception) -> CatalogError:
        hint = CHECK
        if isinstance(error, NoRegionError | InvalidRegionError):
            hint = _REGION
        elif isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
            hint = _SIGN_IN
        elif isinstance(error, ClientError):
            hint = _hint(error)
        reason = str(error).partition("\n")[0]
        return CatalogError(f"the catalog {self._shown} cannot be used: {reason}", hint=hint)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _hint(error: ClientError) -> str:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or "Throttling" in _code(error):
        return "Glue did not answer; try again in a while"
    if status in (401, 403) or _code(error) == "AccessDeniedException":
        return f"Glue does not let these credentials do it; {_SIGN_IN}"
    return CHECK


def _is_iceberg(table: Mapping[str, Any]) -> bool:
    kind = str(table.get("Parameters", {}).get(TABLE_TYPE, ""))
    return kind.lower() == ICEBERG and bool(_location(table))


def _location(table: Mapping[str, Any]) -> str | None:
    location = table.get("Parameters", {}).get(METADATA_LOCATION)
    return None if location is None else str(location)


def _input(name: TableName, swap: Swap, found: Mapping[str, Any] | None) -> Any:
    """What PyIceberg's catalog writes; without notes of ours, which are in the metadata."""
    before, after = swap.before, swap.after
    properties = after.metadata.properties
    table: dict[str, Any] = dict(
        _construct_table_input(
            name.model,
            after.location,
            {k: v for k, v in properties.items() if not k.startswith(_OURS)},
            after.metadata,
            found,
            before.location if before else None,
        )
    )
    gone = set(before.metadata.properties) - set(properties) if before else set()
    table["Parameters"] = {
        k: v for k, v in table["Parameters"].items() if k not in gone and not k.startswith(_OURS)
    }
    return table
