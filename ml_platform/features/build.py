"""Builds nodes of a dbt project in one run of dbt, and records what was built while it goes on.

    invocation ──results──► Recording: a node is recorded once its tests have passed ──► Dagster

A table is recorded when somebody has looked into the warehouse that what was wanted is there. Where
only one process may open the warehouse, that is after dbt has ended; elsewhere in groups meanwhile,
so that a run which is killed keeps what it has built.
"""

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import dagster as dg

from ml_platform.features.failure import build_error, require_complete
from ml_platform.features.invocation import NodeResult, build
from ml_platform.features.nodes import Node, Project
from ml_platform.features.outcome import Found, look, look_at_all, shortcoming
from ml_platform.features.project import (
    DbtAccess,
    DbtSettings,
    database,
    load_project,
    remove_old_runs,
    target_folder,
)
from ml_platform.features.schema_change import drifted
from ml_platform.features.specs import asset_key, unique_ids_of_checks
from ml_platform.features.table_metadata import (
    lineage_metadata,
    lineage_table,
    only_describes,
    row_counts,
)
from ml_platform.warehouse.interface import WarehouseAccess
from ml_platform.warehouse.open import is_shared

Event = dg.Output[None] | dg.AssetCheckResult

_LOOK_EVERY_S: Final = 20.0
"""Seconds between two looks into a warehouse while dbt builds."""


def run_dbt(
    context: dg.AssetExecutionContext,
    dbt: DbtAccess,
    warehouse: WarehouseAccess,
    flags: Sequence[str],
    *,
    days: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Event]:
    """Build and test what is selected, and hand on each result, with rows, columns and lineage.

    What was built before a failure is recorded before the error is raised; a model of which a test
    failed is not, for it would count as made in the next run.

    Args:
        context: Says which models and checks are selected.
        dbt: The project.
        warehouse: Where it builds.
        flags: dbt's flags, without a selection.
        days: The partitions, of tables that have any.
        variables: More environment variables of dbt.

    Raises:
        FeatureBuildError: a model failed to build, or one of its tests failed; has dbt's message.
            Or dbt was content, and a day's rows or a whole table are not there.
    """
    settings = dbt.on(warehouse)
    project = load_project(settings)
    remove_old_runs(target_folder(settings), now=time.time())
    keys = context.selected_asset_keys
    nodes = {node.unique_id: node for node in project.built if asset_key(node) in keys}
    tests = unique_ids_of_checks(project, context.selected_asset_check_keys)
    invocation = build(settings, [*nodes, *tests], flags, variables or {})
    recording = _Recording(
        context=context,
        settings=settings,
        warehouse=warehouse,
        project=project,
        compiled=invocation.folder / "compiled",
        days=days,
        nodes=nodes,
        tests=tests,
        wanted={key: _tests_of(key, project, tests) for key in nodes},
    )
    shared = is_shared(settings)
    try:
        for result in invocation.results():
            recording.add(result)
            if shared and recording.is_due():
                yield from recording.ready()
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        yield from recording.rest()  # what was built before is not built again
        raise
    yield from recording.rest()
    if invocation.code != 0:
        results = invocation.run_results()
        raise build_error(
            results,
            "\n".join(invocation.errors),
            _tables_that_drifted(warehouse, project, results),
            {node.unique_id: node.asset for node in project.nodes.values()},
        )
    require_complete(planned=keys, built=recording.built, short=recording.short)
    shutil.rmtree(invocation.folder, ignore_errors=True)


def _tests_of(node: str, project: Project, selected: Collection[str]) -> set[str]:
    return {one for one in selected if project.tests[one].node == node}


@dataclass(kw_only=True)
class _Recording:
    """What dbt has said so far, and what of it Dagster knows."""

    context: dg.AssetExecutionContext
    settings: DbtSettings
    warehouse: WarehouseAccess
    project: Project
    compiled: Any
    days: Sequence[str]
    nodes: Mapping[str, Node]
    tests: Mapping[str, dg.AssetCheckKey]
    wanted: Mapping[str, set[str]]
    clock: Callable[[], float] = time.monotonic
    short: dict[dg.AssetKey, str] = field(default_factory=dict)
    built: set[dg.AssetKey] = field(default_factory=set)
    _made: dict[str, NodeResult] = field(default_factory=dict)
    _tested: dict[str, dict[str, NodeResult]] = field(default_factory=dict)
    _ready: list[str] = field(default_factory=list)
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self._looked = self.clock()

    def add(self, result: NodeResult) -> None:
        """Note how a node or test ended."""
        if result.unique_id in self.tests:
            node = self.project.tests[result.unique_id].node
            self._tested.setdefault(node, {})[result.unique_id] = result
        elif result.unique_id in self.nodes and result.succeeded:
            node = result.unique_id
            self._made[node] = result
            self.built.add(asset_key(self.nodes[node]))
        else:
            return
        if node in self._made and self.wanted[node] <= self._tested.get(node, {}).keys():
            self._ready.append(node)

    def is_due(self) -> bool:
        """Whether it is time to look at what is ready."""
        return bool(self._ready) and self.clock() - self._looked >= _LOOK_EVERY_S

    def ready(self) -> Iterator[Event]:
        """Record what was built and of which all tests have ended."""
        nodes, self._ready = self._ready, []
        made = [(self.nodes[one], self._made.pop(one)) for one in nodes]
        tested = {one: self._tested.pop(one, {}) for one in nodes}
        passed = [one for one in made if not _fails(tested[one[0].unique_id])]
        self._describe([node for node, _ in passed])
        for node, result in passed:
            if asset_key(node) not in self.short:
                yield dg.Output(
                    None,
                    output_name=asset_key(node).to_python_identifier(),
                    metadata=_execution(result),
                )
        for results in tested.values():
            yield from self._checks(results)
        self._looked = self.clock()

    def rest(self) -> Iterator[Event]:
        """Record all that is left: of some nodes a test was skipped, of others only tests ran."""
        self._ready = list(self._made)
        if self._ready:
            yield from self.ready()
        for results in self._tested.values():
            yield from self._checks(results)
        self._tested.clear()

    def _checks(self, results: Mapping[str, NodeResult]) -> Iterator[dg.AssetCheckResult]:
        for unique_id, result in results.items():
            if result.status == "skipped":
                continue
            key = self.tests[unique_id]
            warns = result.status == "warn"
            found = {} if result.failures is None else {"failed_rows": result.failures}
            yield dg.AssetCheckResult(
                passed=result.succeeded,
                asset_key=key.asset_key,
                check_name=key.name,
                severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
                metadata=_execution(result) | found,
            )

    def _describe(self, nodes: Sequence[Node]) -> None:
        """Look at what was built and add its rows and lineage."""
        if not nodes:
            return
        ours = []
        for node in nodes:
            if node.database.lower() == database(self.settings).lower():
                ours.append(node)
            else:
                self.context.log.warning(
                    f"not looked at: {node.relation} is in another database than "
                    f"{database(self.settings)}, which is the platform's"
                )
        with self.warehouse.open() as opened:
            for unique_id, found in look_at_all(opened, ours, self.days).items():
                node = self.nodes[unique_id]
                days = self.days if node.is_daily else ()
                if found is not None:
                    self._add_rows(node, found)
                if said := shortcoming(node, found, days):
                    if found is not None and not node.is_daily:
                        self.context.log.warning(f"{node.asset}: {said}")
                    else:
                        self.short[asset_key(node)] = said
            with only_describes("what columns are made of"):
                self._add_lineage(opened, nodes)

    def _add_rows(self, node: Node, found: Found) -> None:
        for day, rows in row_counts(found, self.days if node.is_daily else ()):
            self.context.add_asset_metadata(rows, asset_key=asset_key(node), partition_key=day)

    def _add_lineage(self, opened: Any, nodes: Sequence[Node]) -> None:
        lineages = lineage_metadata(self.settings, opened, self.project, nodes, self.compiled)
        for node in nodes:
            found: dict[str, Any] = {"dbt_manifest": self.project.version}
            if lineage := lineages.get(node.unique_id):
                shown = dg.MetadataValue.md(lineage_table(lineage))
                found |= {"dagster/column_lineage": lineage, "columns_made_of": shown}
            self.context.add_asset_metadata(found, asset_key=asset_key(node))


def _fails(results: Mapping[str, NodeResult]) -> bool:
    """Whether a test did, and does not only warn."""
    return any(one.status in ("fail", "error", "runtime error") for one in results.values())


def _execution(result: NodeResult) -> dict[str, Any]:
    """Under dagster-dbt's names, so that the charts of an asset go on."""
    return {
        "unique_id": result.unique_id,
        "invocation_id": result.invocation_id,
        "status": result.status,
        "Execution Duration": result.seconds,
    }


def _tables_that_drifted(
    warehouse: WarehouseAccess, project: Project, results: Mapping[str, Any]
) -> dict[str, Found]:
    """What a full refresh of them would build anew, as far as it is known."""
    found: dict[str, Found] = {}
    if models := [one for one in drifted(results) if one in project.nodes]:
        with only_describes("what a full refresh costs"), warehouse.open() as opened:
            for model in models:
                found[model] = look(opened, project.nodes[model])
    return found
