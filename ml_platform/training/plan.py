"""What a model's folder says of it, and the training of one partition that follows from it."""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.partitions import PartitionBounds, require_days, window_keys
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlan:
    """What `defs.yaml` says of a model, as the stages need it.

    Its cluster is as it was written: it may name a preset, which each environment has its own of.
    """

    name: str
    folder: Path
    features: FeaturesSpec
    training: TrainingSpec
    cluster: ClusterSpec


def make_request(
    plan: ModelPlan,
    partition: str,
    manifests: list[SnapshotManifest],
    *,
    storage_root: str,
    cluster: ClusterSpec,
    retrain: str = "",
) -> TrainingRequest:
    """The training of one partition on the given snapshots.

    `cluster` is that of the plan, as the environment resolves it.
    """
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
        cluster=cluster,
        code=code_reference(plan.folder),
        code_version=code_version(plan.folder),
        platform_version=importlib.metadata.version("ml_platform"),
        retrain=retrain,
    )


def window_manifests(
    plan: ModelPlan, partition: str, *, storage_root: str, bounds: PartitionBounds
) -> list[SnapshotManifest]:
    """The snapshots of the partition's window.

    Raises:
        PartitionError: the window begins before the first partition, or ends in the future.
        TrainingSetError: some are not there, do not pass their checks, or have together too few
            rows of a label; names them.
    """
    days = window_keys(partition, plan.training.window_days)
    what = f"training {plan.name} of {partition} on {len(days)} days"
    require_days(days, bounds, what=what)
    return SnapshotStore(storage_root, plan.name).load_window(days, plan.features, what=what)
