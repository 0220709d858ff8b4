"""The raw tables as Dagster assets, under the keys by which dbt's sources know them."""

from collections.abc import Iterator, Sequence

import dagster as dg

from ml_platform.features.nodes import Project
from ml_platform.stages import RAW
from ml_platform.warehouse.example_data import LOADER_VERSION, load_example_data
from ml_platform.warehouse.example_tables import RAW_TABLES, RawTable
from ml_platform.warehouse.interface import WarehouseAccess


def raw_key(table: RawTable) -> dg.AssetKey:
    """`raw/<table>`: the name of dbt's source and of its table."""
    return dg.AssetKey([RAW, table.name])


def example_tables(project: Project) -> list[RawTable]:
    """The raw tables of the example that are sources of `project`: none of somebody else's."""
    sources = {(node.key, node.ref) for node in project.sources}
    return [table for table in RAW_TABLES if ((RAW, table.name), table.ref) in sources]


def raw_keys(project: Project) -> set[dg.AssetKey]:
    """The keys of those that `project` reads."""
    return {raw_key(table) for table in example_tables(project)}


def build_raw_assets(tables: Sequence[RawTable] = RAW_TABLES) -> dg.AssetsDefinition:
    """One asset per raw table; loading those that are complete already costs nothing."""

    @dg.multi_asset(
        name="raw_data",
        specs=[
            dg.AssetSpec(
                raw_key(table),
                description=table.description,
                group_name=RAW,
                kinds={"csv"},
                owners=["team:data-platform"],
                code_version=LOADER_VERSION,
                metadata={
                    "dagster/table_name": str(table.ref),
                    "dagster/column_schema": _column_schema(table),
                },
            )
            for table in tables
        ],
        can_subset=True,
        pool="warehouse",
    )
    def raw_data(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> Iterator[dg.MaterializeResult[None]]:
        wanted = [table for table in tables if raw_key(table) in context.selected_asset_keys]
        with warehouse.open() as opened:
            loaded = load_example_data(opened, wanted)
        for one in loaded:
            context.log.info(
                f"{one.table.ref}: {one.rows:,} rows {'loaded' if one.new else 'are there already'}"
            )
            yield dg.MaterializeResult(
                asset_key=raw_key(one.table),
                metadata={"dagster/row_count": one.rows, "new": one.new},
            )

    return raw_data


def _column_schema(table: RawTable) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, "timestamp" if kind == "time" else kind, description=text)
            for name, (kind, text) in table.columns.items()
        ]
    )
