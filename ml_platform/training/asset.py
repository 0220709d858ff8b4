"""The model as a Dagster asset: one Ray job a partition, followed from the step."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import dagster as dg

from ml_platform.clusters.interface import ClustersAccess
from ml_platform.clusters.ladder import Action, Decision
from ml_platform.partitions import PartitionBounds, daily_partitions
from ml_platform.stages import asset_key
from ml_platform.storage import StorageAccess
from ml_platform.training.allowance import Allowance, unlimited
from ml_platform.training.launch import Trained, find_result, reused, train
from ml_platform.training.listeners import EndedReport, Listeners
from ml_platform.training.log_reader import JobLogReader
from ml_platform.training.metadata import (
    attempt_page,
    failed_attempt,
    phases_table,
    table,
    training_page,
)
from ml_platform.training.pictures import learning_curve
from ml_platform.training.plan import ModelPlan, make_request, window_manifests
from ml_platform.training.record import Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest, code_version
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.xray.records import Event

RETRY_NUMBER_TAG: Final = "dagster/retry_number"
BACKFILL_TAG: Final = "dagster/backfill"
TEAM: Final = "team:"
"""How Dagster marks an owner that is a team."""
RECIPE: Final = "recipe_hash"
"""Of each materialization of a model: by which `defs.yaml` and code it was trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """Where the registry keeps a trained model."""

    version: int
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedModelFacts:
    """All that the registry records of a training."""

    request: TrainingRequest
    trained: Trained
    manifests: tuple[SnapshotManifest, ...]
    asset: str
    run_id: str


class ModelRegistrar(Protocol):
    """What training needs of the resource `registry`, which belongs to a later stage."""

    def register(self, facts: TrainedModelFacts) -> Registered:
        """Keep a trained model as a version; the same inputs are the same version."""


class ModelSettings(PartitionBounds, Protocol):
    """What a model's asset is made with; the settings say it."""

    @property
    def xray_url(self) -> str:
        """Where people open X-Ray's pages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingCheck:
    """A check that follows each training, in its step, and blocks nothing.

    Attributes:
        name: Its name on the asset.
        description: What it looks for.
        judge: Looks at a training and the number of the attempt that made the model. The step
            waits for it, and fails with it.
    """

    name: str
    description: str
    judge: Callable[[TrainingRequest, int], dg.AssetCheckResult]


class TrainingConfig(dg.Config):
    """What a person may choose when materializing a model."""

    retrain: bool = False
    """Train again even if a model of the very same inputs is there."""


def build_model(
    plan: ModelPlan,
    settings: ModelSettings,
    *,
    checks: Sequence[TrainingCheck] = (),
    allowance: Allowance = unlimited,
) -> dg.AssetsDefinition:
    """The asset `<model>/model`, of which `allowance` is asked before each attempt begins."""
    window = plan.training.window_days
    key = asset_key(plan.name, "model")

    @dg.asset(
        key=key,
        deps=[
            dg.AssetDep(
                asset_key(plan.name, "training_set"),
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-(window - 1), allow_nonexistent_upstream_partitions=True
                ),
            )
        ],
        partitions_def=daily_partitions(settings),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=f"The model trained by Ray on the {window} days up to the partition. The same "
        "inputs are never trained twice: a running training is followed, a finished one returned.",
        kinds={"ray", "pytorch"},
        pool="ray",
        code_version=code_version(plan.folder),
        metadata={
            "window_days": window,
            "label": plan.features.label,
            "cluster": plan.cluster.model_dump_json(exclude_unset=True),
        },
        check_specs=[
            dg.AssetCheckSpec(one.name, asset=key, description=one.description) for one in checks
        ],
    )
    def model(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        storage: dg.ResourceParam[StorageAccess],
        clusters: dg.ResourceParam[ClustersAccess],
        registry: dg.ResourceParam[ModelRegistrar],
    ) -> Iterator[dg.MaterializeResult[None]]:
        partition = context.partition_key
        manifests = window_manifests(plan, partition, storage_root=storage.root, bounds=settings)
        request = make_request(
            plan,
            partition,
            manifests,
            storage_root=storage.root,
            cluster=clusters.resolved(plan.cluster),
            retrain=_root_of(context) if config.retrain else "",
        )
        trained = _train(context, plan, request, clusters, allowance, settings.xray_url)
        registered = registry.register(
            TrainedModelFacts(
                request=request,
                trained=trained,
                manifests=tuple(manifests),
                asset=context.asset_key.to_user_string(),
                run_id=context.run_id,
            ),
        )
        yield dg.MaterializeResult(
            metadata={
                **_metadata(request, trained, registered),
                "xray": dg.MetadataValue.url(training_page(settings.xray_url, request)),
            },
            data_version=dg.DataVersion(request.inputs_hash()),
            check_results=[one.judge(request, trained.result.attempt) for one in checks],
        )

    return model


def _train(
    context: dg.AssetExecutionContext,
    plan: ModelPlan,
    request: TrainingRequest,
    clusters: ClustersAccess,
    allowance: Allowance,
    xray_url: str,
) -> Trained:
    done = find_result(request)
    if done is not None:  # no job runs, whose messages Pipes would miss
        context.log.info("this very training has been done before; its model is returned")
        return reused(done)
    reader = JobLogReader(context.log.info)
    listeners = Listeners(
        on_log=reader.on_line,
        on_event=lambda event: _log_event(context, event),
        on_attempt=lambda report: _show_failed(
            context, report, attempt_page(xray_url, request, report.claim.number)
        ),
        on_decision=lambda decision: _log_decision(context, decision),
        on_warning=context.log.warning,
    )
    with dg.open_pipes_session(
        context=context,
        context_injector=dg.PipesEnvContextInjector(),
        message_reader=reader,
    ) as session:
        return train(
            request,
            clusters.provisioner,
            owner=_owner(context),
            listeners=listeners,
            code=plan.folder,
            env=session.get_bootstrap_env_vars(),
            allowance=allowance,
        )


def _owner(context: dg.AssetExecutionContext) -> Owner:
    return Owner(
        run=context.run.run_id,
        root=_root_of(context),
        step=context.op_execution_context.get_step_execution_context().step.key,
        process=f"{socket.gethostname()} {os.getpid()}",
        team=_team_of(context),
        backfill=context.run.tags.get(BACKFILL_TAG, ""),
    )


def _team_of(context: dg.AssetExecutionContext) -> str:
    """The first of the asset's owners that is a team: a cost is told once, and of one team."""
    owners = context.assets_def.specs_by_key[context.asset_key].owners
    return next((one.removeprefix(TEAM) for one in owners if one.startswith(TEAM)), "")


def _root_of(context: dg.AssetExecutionContext) -> str:
    """The run that a person or a schedule started, of which this one is an automatic retry.

    Dagster's own root run is that of a re-execution by hand too, which begins anew.
    """
    run = context.run
    while RETRY_NUMBER_TAG in run.tags and run.parent_run_id is not None:
        parent = context.instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            return run.parent_run_id
        run = parent
    return run.run_id


def _log_event(context: dg.AssetExecutionContext, event: Event) -> None:
    detail = f" ({event.detail})" if event.detail else ""
    match event.state:
        case "ended":
            text = f"{event.seconds:.1f} s"
        case "failed":
            text = f"failed after {event.seconds:.1f} s"
        case state:
            text = state
    context.log.info(f"{event.name}: {text}{detail}")


def _log_decision(context: dg.AssetExecutionContext, decision: Decision) -> None:
    say = context.log.error if decision.action is Action.GIVE_UP else context.log.warning
    say(f"{decision.action.value}: {decision.reason}")


def _show_failed(context: dg.AssetExecutionContext, report: EndedReport, xray_page: str) -> None:
    """Every failed attempt is seen in the asset's history, also when a later one succeeds."""
    ended, claim = report.ended, report.claim
    failure = ended.failure
    if failure is None:
        return
    context.log.error(f"attempt {claim.number}: {failure.message}\n  → {failure.hint}")
    if failure.traceback:
        context.log.error(failure.traceback)
    context.log_event(
        dg.AssetObservation(
            asset_key=context.asset_key,
            partition=context.partition_key,
            description=f"attempt {claim.number} failed: {failure.message}",
            metadata=failed_attempt(report, failure, xray_page=xray_page),
        )
    )


def _metadata(
    request: TrainingRequest, trained: Trained, registered: Registered
) -> dict[str, dg.MetadataValue]:
    result = trained.result
    last = result.history[-1].metrics if result.history else {}
    versions = [
        dg.TableRecord({"day": s.partition, "version": s.version, "rows": s.rows})
        for s in request.snapshots
    ]
    return {
        "learning_curve": dg.MetadataValue.md(learning_curve(result.history).markdown),
        **{name: dg.MetadataValue.float(value) for name, value in last.items()},
        "training_rows": dg.MetadataValue.int(result.rows),
        "window": dg.MetadataValue.text(
            f"{request.snapshots[0].partition} … {request.snapshots[-1].partition}"
        ),
        "attempt": dg.MetadataValue.int(result.attempt),
        "worker_restarts": dg.MetadataValue.int(result.worker_restarts),
        "registry_version": dg.MetadataValue.int(registered.version),
        "mlflow_run": dg.MetadataValue.url(registered.url),
        "reused": dg.MetadataValue.bool(trained.reused),
        "seed": dg.MetadataValue.int(request.training.seed),
        "code_version": dg.MetadataValue.text(request.code_version),
        "cluster": dg.MetadataValue.text(request.cluster.in_words()),
        "inputs_hash": dg.MetadataValue.text(request.inputs_hash()),
        RECIPE: dg.MetadataValue.text(request.recipe_hash()),
        "dagster/uri": dg.MetadataValue.url(result.model_uri),
        "phases": phases_table(trained.phases),
        "snapshots": table(versions),
        "attempts": table(_attempts(request)),
    }


def _attempts(request: TrainingRequest) -> list[dg.TableRecord]:
    rows = []
    for attempt in TrainingRecord(request.folder_uri).attempts():
        claim, ended = attempt.claim(), attempt.ended()
        if claim is None or ended is None:
            continue
        failure = ended.failure
        rows.append(
            dg.TableRecord(
                {
                    "attempt": claim.number,
                    "status": ended.status,
                    "cause": failure.cause.value if failure else "",
                    "place": str(failure.place) if failure else "",
                    "ran_s": round(ended.ran_s, 1),
                    "run": claim.owner.run,
                }
            )
        )
    return rows
