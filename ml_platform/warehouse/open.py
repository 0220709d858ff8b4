"""Opens the warehouse that the settings name: the one place that knows which engines there are."""

from ml_platform.warehouse.interface import Warehouse
from ml_platform.warehouse.settings import WarehouseSettings


def is_shared(settings: WarehouseSettings) -> bool:
    """Whether several processes may have the warehouse open at once."""
    return settings.warehouse != "duckdb"


def open_warehouse(settings: WarehouseSettings) -> Warehouse:
    """The configured engine, not yet connected where that costs something.

    Raises:
        SettingsError: the engine needs a setting or an extra that is missing.
    """
    if settings.warehouse == "bigquery":
        from ml_platform.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse(settings)
    from ml_platform.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(settings.duckdb_file)
