"""How the nodes of a dbt project look as Dagster's assets and checks.

Keys, owners, tags and kinds are those that dagster-dbt would give them; a test compares. They are
made here, as dagster-dbt's own way imports dbt and reads its whole manifest in every process.
"""

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from ml_platform.errors import DbtProjectError
from ml_platform.features.nodes import Node, NodeTest, Project
from ml_platform.partitions import PartitionBounds, daily_partitions
from ml_platform.stages import FEATURES, STAGE_TAG, TABLE

UNIQUE_ID: Final = "dagster_dbt/unique_id"
EVENT_DAY: Final = "ml_platform/event_day"
PERIOD: Final = "ml_platform/built_by"

# Dagster's rule for the key of a tag; what is none is left out, as dagster-dbt does.
_TAG: Final = re.compile(r"^([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}$")


def asset_key(node: Node) -> dg.AssetKey:
    """The key of a node's asset."""
    return dg.AssetKey(node.key)


def built_specs(project: Project, bounds: PartitionBounds) -> list[dg.AssetSpec]:
    """The assets that dbt makes; those with an event day have the daily partition."""
    daily = daily_partitions(bounds)
    keys = {unique_id: asset_key(node) for unique_id, node in project.nodes.items()}
    return [
        dg.AssetSpec(
            keys[node.unique_id],
            deps=list(dict.fromkeys(keys[one] for one in node.parents)),
            description=_description(node),
            metadata=_metadata(node, project),
            # A run builds what was selected of it, and not what is downstream of a failure.
            skippable=True,
            group_name=node.group,
            code_version=node.code or None,
            automation_condition=_automation(node),
            owners=list(node.owners) or None,
            tags=_tags(node),
            kinds={"dbt", project.adapter},
            partitions_def=daily if node.is_daily else None,
        )
        for node in project.built
    ]


def source_specs(project: Project, *, made: Collection[dg.AssetKey]) -> list[dg.AssetSpec]:
    """The tables that dbt reads, but for those that assets of this code location make."""
    return [
        dg.AssetSpec(
            key,
            description=_description(node),
            metadata=_metadata(node, project),
            group_name=node.group,
            owners=list(node.owners) or None,
            tags=_tags(node),
            kinds={project.adapter},
        )
        for node in project.sources
        if (key := asset_key(node)) not in made
    ]


def check_specs(project: Project) -> list[dg.AssetCheckSpec]:
    """The tests of dbt; one that is an error when it fails blocks what is downstream."""
    keys = {unique_id: asset_key(node) for unique_id, node in project.nodes.items()}
    return [
        dg.AssetCheckSpec(
            test.name,
            asset=keys[test.node],
            description=test.description or None,
            additional_deps=[keys[one] for one in test.others],
            metadata={UNIQUE_ID: test.unique_id},
            blocking=test.blocking,
        )
        for test in project.tests.values()
    ]


def freshness_checks(project: Project) -> Iterator[dg.AssetChecksDefinition]:
    """What `meta.dagster.freshness_check` asks for, as with dagster-dbt.

    Raises:
        DbtProjectError: it lacks what it needs, or has what cannot be.
    """
    for node in project.built:
        if wanted := node.dagster.get("freshness_check"):
            try:
                with warnings.catch_warnings():
                    # Dagster would rather have policies, which do not know partitions yet.
                    warnings.simplefilter("ignore", dg.SupersessionWarning)
                    checks = list(_freshness(node, wanted))
            except (KeyError, TypeError, ValueError, dg.DagsterError) as error:
                raise DbtProjectError(
                    f"{node.unique_id}: meta.dagster.freshness_check is not usable: "
                    f"{type(error).__name__} {error}",
                    hint=f"mend it in the YAML of {node.file}: a daily table wants deadline_cron, "
                    "another one lower_bound_delta_seconds; severity is WARN or ERROR.",
                ) from error
            yield from checks


def _freshness(node: Node, wanted: Mapping[str, Any]) -> Iterator[dg.AssetChecksDefinition]:
    severity = dg.AssetCheckSeverity(wanted.get("severity") or "WARN")
    if node.is_daily:
        yield from dg.build_time_partition_freshness_checks(
            assets=[asset_key(node)], deadline_cron=wanted["deadline_cron"], severity=severity
        )
    else:
        yield from dg.build_last_update_freshness_checks(
            assets=[asset_key(node)],
            lower_bound_delta=timedelta(seconds=int(wanted["lower_bound_delta_seconds"])),
            deadline_cron=wanted.get("deadline_cron"),
            severity=severity,
        )


def unique_ids_of_checks(
    project: Project, keys: Collection[dg.AssetCheckKey]
) -> dict[str, dg.AssetCheckKey]:
    """The tests of these checks by dbt's unique id."""
    return {
        test.unique_id: key
        for test in project.tests.values()
        if (key := check_key(project, test)) in keys
    }


def check_key(project: Project, test: NodeTest) -> dg.AssetCheckKey:
    """The key of a test's check."""
    return dg.AssetCheckKey(asset_key(project.nodes[test.node]), test.name)


def _description(node: Node) -> str:
    """That of the YAML, without the SQL: dagster-dbt repeats it all."""
    said = node.description or f"dbt {node.kind} {node.name}"
    if node.is_daily and node.period != "day":
        said = f"{said}\n\nBuilt by {node.period}; a partition is the day."
    return said


def _metadata(node: Node, project: Project) -> dict[str, Any]:
    table = ".".join(part for part in (node.database, node.schema, node.identifier) if part)
    found: dict[str, Any] = {
        UNIQUE_ID: node.unique_id,
        "dagster/table_name": table,
        "dagster/storage_kind": project.adapter,
        "dagster-dbt/materialization_type": node.materialized,
    }
    if node.columns:
        found["dagster/column_schema"] = dg.TableSchema(
            [
                dg.TableColumn(name, kind or "?", description=said or None)
                for name, kind, said in node.columns
            ]
        )
    if node.is_daily:
        found |= {EVENT_DAY: node.event_day, PERIOD: node.period}
    return found


def _tags(node: Node) -> dict[str, str]:
    tags = {tag: "" for tag in node.tags if _TAG.match(tag)}
    if node.is_daily:
        tags[STAGE_TAG] = FEATURES
    elif node.kind in ("model", "snapshot") and node.materialized != "view":
        tags[STAGE_TAG] = TABLE
    return tags


def _automation(node: Node) -> dg.AutomationCondition[Any] | None:
    policy = node.dagster.get("auto_materialize_policy") or {}
    eager = isinstance(policy, Mapping) and policy.get("type") == "eager"
    return dg.AutomationCondition.eager() if eager else None
