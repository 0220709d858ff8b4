"""What a materialization of a dbt model says: its rows, its columns' origins, dbt's version.

Asked of the warehouse by the platform itself: dagster-dbt's own way opens the warehouse inside the
Dagster process and keeps it open, and DuckDB then lets no other process write.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg

from ml_platform.errors import WarehouseError
from ml_platform.features.lineage import column_lineage
from ml_platform.features.outcome import Found
from ml_platform.features.project import DbtSettings, manifest_hash, target_folder
from ml_platform.features.tables import Node, parents, table_ref
from ml_platform.features.translator import FeatureTranslator
from ml_platform.warehouse.interface import Warehouse

Origins = Mapping[str, Sequence[Sequence[str]]]
"""Of each column: dbt's unique id of a parent and the column there."""

_TABLES: Final = {"model", "source", "seed", "snapshot"}


def add_row_counts(
    context: dg.AssetExecutionContext, key: dg.AssetKey, found: Found, days: Sequence[str]
) -> None:
    """Record how many rows the asset `key` has, and how many on each of `days`."""
    context.add_asset_metadata({"dagster/row_count": found.rows}, asset_key=key)
    if found.by_day is None:
        return
    for day in days:
        context.add_asset_metadata(
            {"dagster/partition_row_count": found.by_day.get(day, 0)},
            asset_key=key,
            partition_key=day,
        )


def lineage_metadata(
    settings: DbtSettings,
    warehouse: Warehouse,
    manifest: Mapping[str, Any],
    models: Sequence[str],
    compiled: Path,
) -> dict[str, dg.TableColumnLineage]:
    """The column lineage of `models`, worked out once for each state of the project.

    A model whose lineage cannot be known is left out, with a warning: knowing less never fails a
    build.

    Args:
        settings: Where what was worked out is kept.
        warehouse: Knows the columns of the sources.
        manifest: dbt's manifest.
        models: Models by dbt's unique id.
        compiled: dbt's folder `compiled` of the invocation that built them.
    """
    project = manifest_hash(settings)
    kept = target_folder(settings) / "column_lineage.json"
    known = _saved(kept).get(project, {})
    missing = [model for model in models if model not in known]
    if missing:
        for model in missing:
            with only_describes(f"the lineage of {model}"):
                known[model] = _origins(manifest["nodes"][model], warehouse, manifest, compiled)
        aside = kept.with_name(f"{kept.name}.{compiled.parent.name}")
        aside.write_text(json.dumps({project: known}))
        aside.replace(kept)
    keys = _asset_keys(manifest)
    return {
        model: dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(keys[parent], name) for parent, name in origins]
                for column, origins in known[model].items()
            }
        )
        for model in models
        if model in known
    }


@contextmanager
def only_describes(what: str) -> Iterator[None]:
    """A boundary: any error inside is a warning, for what only describes never fails a build."""
    try:
        yield
    except Exception as error:
        dg.get_dagster_logger().warning(
            f"not shown: {what}, as it could not be worked out ({type(error).__name__}: {error})"
        )


def _saved(kept: Path) -> dict[str, dict[str, Origins]]:
    try:
        saved: dict[str, dict[str, Origins]] = json.loads(kept.read_text())
    except (OSError, ValueError):  # not there, or cut off: worked out again
        return {}
    return saved


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
    node: Node, warehouse: Warehouse, manifest: Mapping[str, Any], compiled: Path
) -> Origins:
    from sqlglot.errors import SqlglotError

    read = {one["relation_name"]: one for one in parents(manifest, node) if one["relation_name"]}
    try:
        found = column_lineage(
            (compiled / node["package_name"] / node["original_file_path"]).read_text(),
            _columns(node, warehouse),
            {relation: _columns(parent, warehouse) for relation, parent in read.items()},
            dialect=manifest["metadata"]["adapter_type"],
        )
    except SqlglotError:  # SQL that sqlglot cannot read: not known at the next build either
        return {}
    return {
        column: [(read[relation]["unique_id"], name) for relation, name in origins]
        for column, origins in found.items()
    }


def _columns(node: Node, warehouse: Warehouse) -> list[str]:
    """As the YAML describes them, else as the table has them."""
    if node["columns"]:
        return list(node["columns"])
    try:
        described = warehouse.describe(table_ref(node))
    except WarehouseError:  # a source that is no table: files that dbt reads in its place
        return []
    return [column.name for column in described.columns]


def _asset_keys(manifest: Mapping[str, Any]) -> dict[str, dg.AssetKey]:
    translator = FeatureTranslator()
    return {
        unique_id: translator.get_asset_key(node)
        for unique_id, node in {**manifest["nodes"], **manifest["sources"]}.items()
        if node["resource_type"] in _TABLES
    }
