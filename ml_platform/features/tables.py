"""The tables that dbt's models make, as dbt's manifest names them.

The names of a model, of its asset and of its table are three: an alias, a schema of its own and a
version make them differ. Only the manifest knows all of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from ml_platform.features.translator import FeatureTranslator
from ml_platform.warehouse.interface import TableRef

DAY_COLUMN: Final = "partition_date"
"""The day of a row, unless the model says otherwise by `partition_by` or `event_time`."""

EMPTY_DAYS: Final = "empty_days"
ALLOWED: Final = "allowed"

Node = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTable:
    """What a model of dbt makes.

    Attributes:
        unique_id: dbt's own name of the model: `model.<project>.<name>`.
        ref: The table by schema and name.
        database: Where the schema is: a BigQuery project, an attached DuckDB file.
        relation: The table as dbt writes it into SQL, quoted.
        materialized: dbt's word for what is made: `incremental`, `table`, `view`.
        day_columns: Columns that may have the day of a row, the likeliest first.
        empty_days: Whether a day may be without rows, by the model's own word.
    """

    unique_id: str
    ref: TableRef
    database: str
    relation: str
    materialized: str
    day_columns: tuple[str, ...]
    empty_days: bool


def model_table(manifest: Mapping[str, Any], unique_id: str) -> ModelTable:
    """The table of one model.

    Raises:
        KeyError: the manifest has no such model.
    """
    node: Node = manifest["nodes"][unique_id]
    config = node["config"]
    own = (config.get("meta") or {}).get("ml_platform") or {}
    return ModelTable(
        unique_id=unique_id,
        ref=table_ref(node),
        database=node["database"],
        relation=node["relation_name"],
        materialized=config["materialized"],
        day_columns=_day_columns(config),
        empty_days=own.get(EMPTY_DAYS) == ALLOWED,
    )


def tables_of(manifest: Mapping[str, Any], keys: Collection[dg.AssetKey]) -> list[ModelTable]:
    """The tables of these assets."""
    translator = FeatureTranslator()
    return [
        model_table(manifest, unique_id)
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and node["relation_name"]
        and translator.get_asset_key(node) in keys
    ]


def asset_names(manifest: Mapping[str, Any]) -> dict[str, str]:
    """By dbt's unique id, what the assets of models are called, as commands take it."""
    translator = FeatureTranslator()
    return {
        unique_id: translator.get_asset_key(node).to_user_string()
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }


def table_ref(node: Node) -> TableRef:
    """The table of a model, seed or source."""
    return TableRef(node["schema"], node.get("alias") or node["identifier"])


def parents(manifest: Mapping[str, Any], node: Node) -> list[Node]:
    """What a model reads: models, seeds and sources; an ephemeral model's own in its place."""
    found: dict[str, Node] = {}
    for unique_id in node["depends_on"]["nodes"]:
        parent = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        if parent["config"].get("materialized") == "ephemeral":
            found |= {one["unique_id"]: one for one in parents(manifest, parent)}
        else:
            found[unique_id] = parent
    return list(found.values())


def _day_columns(config: Node) -> tuple[str, ...]:
    partition_by = config.get("partition_by")
    own = partition_by.get("field") if isinstance(partition_by, Mapping) else None
    return tuple(str(name) for name in (own, DAY_COLUMN, config.get("event_time")) if name)
