"""What a materialization of a dbt model says: its rows, its columns' origins, dbt's version.

Asked of the warehouse by the platform itself: dagster-dbt's own way opens the warehouse inside the
Dagster process and keeps it open, and DuckDB then lets no other process write.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from ml_platform.errors import WarehouseError
from ml_platform.features.lineage import column_lineage
from ml_platform.features.nodes import Node, Project
from ml_platform.features.outcome import Found
from ml_platform.features.project import DbtSettings, target_folder
from ml_platform.warehouse.interface import Warehouse

Origins = Mapping[str, Sequence[Sequence[str]]]
"""Of each column: dbt's unique id of a parent and the column there."""


def row_counts(found: Found, days: Sequence[str]) -> Iterator[tuple[str | None, dict[str, int]]]:
    """What is recorded of a table's rows: of all of them, and by each of `days`."""
    yield None, {"dagster/row_count": found.rows}
    if found.by_day is not None:
        for day in days:
            yield day, {"dagster/partition_row_count": found.by_day.get(day, 0)}


def lineage_metadata(
    settings: DbtSettings,
    warehouse: Warehouse,
    project: Project,
    nodes: Sequence[Node],
    compiled: Path,
) -> dict[str, dg.TableColumnLineage]:
    """The column lineage of models by unique id, worked out once for each state of the project.

    A model whose lineage cannot be known is left out, with a warning: knowing less never fails a
    build.

    Args:
        settings: Where what was worked out is kept.
        warehouse: Knows the columns of the sources.
        project: The dbt project.
        nodes: What was built; seeds and snapshots are left out.
        compiled: dbt's folder `compiled` of the invocation that built them.
    """
    models = [node for node in nodes if node.kind == "model"]
    kept = target_folder(settings) / "column_lineage.json"
    known = _saved(kept).get(project.version, {})
    missing = [model for model in models if model.unique_id not in known]
    if missing:
        for model in missing:
            with only_describes(f"the lineage of {model.asset}"):
                known[model.unique_id] = _origins(model, warehouse, project, compiled)
        aside = kept.with_name(f"{kept.name}.{compiled.parent.name}")
        aside.write_text(json.dumps({project.version: known}))
        aside.replace(kept)
    return {
        model.unique_id: dg.TableColumnLineage(
            {
                column: [
                    dg.TableColumnDep(dg.AssetKey(project.nodes[parent].key), name)
                    for parent, name in origins
                ]
                for column, origins in known[model.unique_id].items()
            }
        )
        for model in models
        if model.unique_id in known
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


def _origins(node: Node, warehouse: Warehouse, project: Project, compiled: Path) -> Origins:
    from sqlglot.errors import SqlglotError

    parents = (project.nodes[one] for one in node.parents)
    read = {one.relation: one for one in parents if one.relation}
    try:
        found = column_lineage(
            (compiled / node.package / node.file).read_text(),
            _columns(node, warehouse),
            {relation: _columns(parent, warehouse) for relation, parent in read.items()},
            dialect=project.adapter,
        )
    except SqlglotError:  # SQL that sqlglot cannot read: not known at the next build either
        return {}
    return {
        column: [(read[relation].unique_id, name) for relation, name in origins]
        for column, origins in found.items()
    }


def _columns(node: Node, warehouse: Warehouse) -> list[str]:
    """As the YAML describes them, else as the table has them."""
    if node.columns:
        return [column.name for column in node.columns]
    try:
        described = warehouse.describe(node.ref)
    except WarehouseError:  # a source that is no table: files that dbt reads in its place
        return []
    return [column.name for column in described.columns]
