"""What a materialization of a dbt model says: its rows, its columns' origins, dbt's version.

Asked of the warehouse by the platform itself: dagster-dbt's own way opens the warehouse inside the
Dagster process and keeps it open, and DuckDB then lets no other process write.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ml_platform.features.lineage import column_lineage
from ml_platform.features.project import DbtSettings, manifest_hash, target_folder
from ml_platform.features.translator import FeatureTranslator
from ml_platform.warehouse.interface import TableRef, Warehouse

Node = Mapping[str, Any]
Origins = Mapping[str, Sequence[Sequence[str]]]


def add_row_counts(
    context: dg.AssetExecutionContext, warehouse: Warehouse, table: TableRef, days: Sequence[str]
) -> None:
    """Record how many rows the asset `table.name` has, and how many on each of `days`."""
    key = dg.AssetKey(table.name)
    described = warehouse.describe(table, partition_column="partition_date")
    context.add_asset_metadata({"dagster/row_count": described.rows}, asset_key=key)
    rows = {partition.key: partition.rows for partition in described.partitions}
    for day in days:
        context.add_asset_metadata(
            {"dagster/partition_row_count": rows.get(day, 0)}, asset_key=key, partition_key=day
        )


def lineage_metadata(
    settings: DbtSettings,
    warehouse: Warehouse,
    manifest: Mapping[str, Any],
    models: Sequence[str],
    compiled: Path,
) -> dict[str, dg.TableColumnLineage]:
    """The column lineage of `models`, worked out once for each state of the project.

    A model whose SQL sqlglot cannot read is left out: knowing less never fails a build.

    Args:
        settings: Where what was worked out is kept.
        warehouse: Knows the columns of the sources.
        manifest: dbt's manifest.
        models: Names of models.
        compiled: dbt's folder `compiled/<project>` of the invocation that built them.
    """
    project = manifest_hash(settings)
    kept = target_folder(settings) / "column_lineage.json"
    saved = json.loads(kept.read_text()) if kept.exists() else {}
    known: dict[str, Origins] = saved.get(project, {})
    missing = [name for name in models if name not in known]
    if missing:
        found = {name: _origins(name, warehouse, manifest, compiled) for name in missing}
        known = known | found
        aside = kept.with_name(f"{kept.name}.{compiled.parent.parent.name}")
        aside.write_text(json.dumps({project: known}))
        aside.replace(kept)
    keys = _asset_keys(manifest)
    return {
        name: dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(keys[relation], parent) for relation, parent in origins]
                for column, origins in known[name].items()
            }
        )
        for name in models
    }


def lineage_table(lineage: dg.TableColumnLineage) -> str:
    """`lineage` as a Markdown table: Dagster's open-source UI shows the lineage itself as JSON."""
    rows = [
        f"| {column} | {', '.join(map(_in_words, origins)) or '–'} |"
        for column, origins in lineage.deps_by_column.items()
    ]
    return "\n".join(["| column | made of |", "|---|---|", *rows])


def _in_words(origin: dg.TableColumnDep) -> str:
    return f"{origin.asset_key.to_user_string()}.{origin.column_name}"


def _origins(
    name: str, warehouse: Warehouse, manifest: Mapping[str, Any], compiled: Path
) -> Origins:
    from sqlglot.errors import SqlglotError

    node = _model(manifest, name)
    parents = [_node(manifest, parent) for parent in node["depends_on"]["nodes"]]
    try:
        return column_lineage(
            (compiled / node["original_file_path"]).read_text(),
            list(node["columns"]),
            {parent["relation_name"]: _columns(parent, warehouse) for parent in parents},
            dialect=manifest["metadata"]["adapter_type"],
        )
    except SqlglotError:
        return {}


def _columns(node: Node, warehouse: Warehouse) -> list[str]:
    if node["resource_type"] != "source":
        return list(node["columns"])
    described = warehouse.describe(TableRef(node["schema"], node["identifier"]))
    return [column.name for column in described.columns]


def _asset_keys(manifest: Mapping[str, Any]) -> dict[str, dg.AssetKey]:
    translator = FeatureTranslator()
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return {
        node["relation_name"]: translator.get_asset_key(node)
        for node in nodes
        if node["resource_type"] in ("model", "source")
    }


def _model(manifest: Mapping[str, Any], name: str) -> Node:
    return _node(manifest, f"model.{manifest['metadata']['project_name']}.{name}")


def _node(manifest: Mapping[str, Any], unique_id: str) -> Node:
    found: Node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
    return found
