"""Settings to ports: the only place that knows all adapters."""

from collections.abc import Iterable

from medallion.config import Settings
from medallion.ports import Ports
from medallion.source import Source
from medallion.spill import own_folder, remove


def connect(settings: Settings, sources: Iterable[Source] = ()) -> Ports:
    """The ports that the settings ask for. `sources` are those whose files may be read."""
    from medallion.adapters.duckdb.duck import Duck, Limits
    from medallion.adapters.duckdb.engine import DuckDBEngine
    from medallion.adapters.duckdb.landed import fixed_folder
    from medallion.adapters.executors.local import LocalExecutor
    from medallion.adapters.expectations import ExpectationsAuditor
    from medallion.adapters.iceberg.catalog import IcebergCatalog
    from medallion.adapters.iceberg.lake import Lake
    from medallion.adapters.iceberg.store import IcebergStore

    spill = own_folder(settings.spill_path)
    lake = Lake(settings.catalog_uri, f"file://{settings.warehouse_path}")
    landing = {str(fixed_folder(settings.place(s).pattern)) for s in sources}
    duck = Duck(
        [str(settings.warehouse_path), *sorted(landing)],
        spill,
        Limits(settings.memory_limit, settings.threads, settings.spill_limit),
    )

    def close() -> None:
        duck.close()
        lake.close()
        remove(spill)

    return Ports(
        IcebergCatalog(lake),
        IcebergStore(lake, spill),
        DuckDBEngine(duck, spill, settings.place),
        ExpectationsAuditor(duck.session),
        LocalExecutor(),
        close,
    )
