"""The model as a Dagster asset: one Ray job a partition, followed from the step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import dagster as dg

from ml_platform.clusters.interface import Clusters, ClustersAccess, Phase
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import TrainingError
from ml_platform.partitions import PartitionBounds, daily_partitions, require_days, window_keys
from ml_platform.storage import StorageAccess
from ml_platform.training.launch import Trained, train
from ml_platform.training.log_reader import JobLogReader
from ml_platform.training.pictures import learning_curve
from ml_platform.training.request import (
    SnapshotRef,
    TrainingRequest,
    code_reference,
    code_version,
)
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.store import SnapshotStore

RECIPE: Final = "recipe_hash"
"""Of each materialization of a model: by which `defs.yaml` and code it was trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlan:
    """What `defs.yaml` says of a model, as the stages need it."""

    name: str
    folder: Path
    features: FeaturesSpec
    training: TrainingSpec
    cluster: ClusterSpec


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


class TrainingConfig(dg.Config):
    """What a person may choose when materializing a model."""

    retrain: bool = False
    """Train again even if a model of the very same inputs is there."""


def make_request(
    plan: ModelPlan,
    partition: str,
    manifests: list[SnapshotManifest],
    *,
    storage_root: str,
    image: str,
    attempt: str = "",
) -> TrainingRequest:
    """The training of one partition on the given snapshots."""
    return TrainingRequest(
        model=plan.name,
        partition=partition,
        storage_root=storage_root,
        snapshots=tuple(
            SnapshotRef(partition=one.partition, version=one.version, rows=one.rows)
            for one in manifests
        ),
        features=plan.features,
        training=plan.training,
        cluster=plan.cluster.model_copy(update={"image": plan.cluster.image or image}),
        code=code_reference(plan.folder),
        code_version=code_version(plan.folder),
        attempt=attempt,
    )


def window_manifests(
    plan: ModelPlan, partition: str, *, storage_root: str, bounds: PartitionBounds
) -> list[SnapshotManifest]:
    """The snapshots of the partition's window.

    Raises:
        PartitionError: the window begins before the first partition, or ends in the future.
        TrainingSetError: some are not there, or do not pass their checks; names them.
    """
    days = window_keys(partition, plan.training.window_days)
    what = f"training {plan.name} of {partition} on {len(days)} days"
    require_days(days, bounds, what=what)
    return SnapshotStore(storage_root, plan.name).load_days(days, plan.features, what=what)


def build_model(plan: ModelPlan, bounds: PartitionBounds) -> dg.AssetsDefinition:
    """The asset `<model>/model`."""
    window = plan.training.window_days

    @dg.asset(
        key=dg.AssetKey([plan.name, "model"]),
        deps=[
            dg.AssetDep(
                dg.AssetKey([plan.name, "training_set"]),
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=-(window - 1), allow_nonexistent_upstream_partitions=True
                ),
            )
        ],
        partitions_def=daily_partitions(bounds),
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
        description=f"The model trained by Ray on the {window} days up to the partition. The same "
        "inputs are never trained twice: a running training is followed, a finished one returned.",
        kinds={"ray", "pytorch"},
        pool="ray",
        code_version=code_version(plan.folder),
        metadata={
            "window_days": window,
            "label": plan.features.label,
            "cluster": plan.cluster.model_dump_json(),
        },
    )
    def model(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        storage: dg.ResourceParam[StorageAccess],
        clusters: dg.ResourceParam[ClustersAccess],
        registry: dg.ResourceParam[ModelRegistrar],
    ) -> dg.MaterializeResult[None]:
        partition = context.partition_key
        manifests = window_manifests(plan, partition, storage_root=storage.root, bounds=bounds)
        request = make_request(
            plan,
            partition,
            manifests,
            storage_root=storage.root,
            image=clusters.image,
            # The root run is the same for every retry of it, so a retry goes on with its work.
            attempt=(context.run.root_run_id or context.run_id) if config.retrain else "",
        )
        trained = _train(context, request, clusters.provisioner(request.cluster))
        registered = registry.register(
            TrainedModelFacts(
                request=request,
                trained=trained,
                manifests=tuple(manifests),
                asset=context.asset_key.to_user_string(),
                run_id=context.run_id,
            ),
        )
        return dg.MaterializeResult(
            metadata=_metadata(request, trained, registered),
            data_version=dg.DataVersion(request.inputs_hash()),
        )

    return model


def _train(
    context: dg.AssetExecutionContext, request: TrainingRequest, clusters: Clusters
) -> Trained:
    def on_phase(phase: Phase) -> None:
        detail = f" ({phase.detail})" if phase.detail else ""
        context.log.info(f"{phase.name}: {phase.seconds:.1f} s{detail}")

    reader = JobLogReader(context.log.info)
    with dg.open_pipes_session(
        context=context,
        context_injector=dg.PipesEnvContextInjector(),
        message_reader=reader,
    ) as session:
        try:
            trained = train(
                request,
                clusters,
                env=session.get_bootstrap_env_vars(),
                on_log=reader.on_line,
                on_phase=on_phase,
            )
        except TrainingError as error:
            if error.traceback:
                context.log.error(error.traceback)
            raise
    if trained.reused:
        context.log.info("this very training has been done before; its model is returned")
    return trained


def _metadata(
    request: TrainingRequest, trained: Trained, registered: Registered
) -> dict[str, dg.MetadataValue]:
    result = trained.result
    last = result.history[-1].metrics if result.history else {}
    versions = [
        dg.TableRecord({"day": s.partition, "version": s.version, "rows": s.rows})
        for s in request.snapshots
    ]
    phases = [
        dg.TableRecord({"phase": p.name, "seconds": round(p.seconds, 2)}) for p in trained.phases
    ]
    return {
        "learning_curve": dg.MetadataValue.md(learning_curve(result.history).markdown),
        **{name: dg.MetadataValue.float(value) for name, value in last.items()},
        "training_rows": dg.MetadataValue.int(result.rows),
        "window": dg.MetadataValue.text(
            f"{request.snapshots[0].partition} … {request.snapshots[-1].partition}"
        ),
        "registry_version": dg.MetadataValue.int(registered.version),
        "mlflow_run": dg.MetadataValue.url(registered.url),
        "reused": dg.MetadataValue.bool(trained.reused),
        "seed": dg.MetadataValue.int(request.training.seed),
        "code_version": dg.MetadataValue.text(request.code_version),
        "inputs_hash": dg.MetadataValue.text(request.inputs_hash()),
        RECIPE: dg.MetadataValue.text(request.recipe_hash()),
        "dagster/uri": dg.MetadataValue.url(result.model_uri),
        "phases": dg.MetadataValue.table(phases),
        "snapshots": dg.MetadataValue.table(versions),
    }
