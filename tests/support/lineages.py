"""Lineages of small trainings and their evaluations, for tests of the registry."""

from pathlib import Path

import numpy as np

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.evaluation.compare import HeldOut, evaluate
from ml_platform.evaluation.gates import GateSpec
from ml_platform.evaluation.metrics import Scored
from ml_platform.evaluation.report import EvaluationReport
from ml_platform.registry.models import Lineage, ModelVersion, Training
from ml_platform.training.request import SnapshotRef, TrainingRequest
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.spec import FeaturesSpec


def lineage(partition: str = "2013-03-14", *, retrain: str = "") -> Lineage:
    """The lineage of a training on two days; `retrain` makes it another training."""
    request = TrainingRequest(
        model="flight_delay",
        partition=partition,
        storage_root="file:///storage/local",
        snapshots=(
            SnapshotRef(partition="2013-03-13", version="aaa", rows=900),
            SnapshotRef(partition=partition, version=f"of-{partition}", rows=950),
        ),
        features=FeaturesSpec(
            table="flight_features",
            label="is_late",
            keys=("flight_id",),
            numbers=("distance",),
            categories=("carrier",),
            event_time="scheduled_departure_at",
            known_at="features_known_at",
        ),
        training=TrainingSpec(seed=5, parameters={"learning_rate": 0.01}),
        cluster=ClusterSpec(),
        code="defs/models/flight_delay",
        code_version="c0de",
        retrain=retrain,
    )
    return Lineage(
        request=request,
        inputs_hash=request.inputs_hash(),
        encoding_hash="e0c0",
        libraries={"python": "3.11.7", "torch": "2.15.0"},
        dbt_manifest_hash="d0d0",
        asset="flight_delay/model",
        dagster_run_id="run-1",
    )


def training(folder: Path, partition: str = "2013-03-14", *, retrain: str = "") -> Training:
    """A finished training of three epochs, its files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"weights of " + partition.encode())
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "evaluate.py").write_text("def load(directory): ...\n")
    return Training(
        lineage=lineage(partition, retrain=retrain),
        history={epoch: {"validation_loss": 0.6 - epoch / 10} for epoch in range(3)},
        model_dir=folder,
    )


def evaluation(version: ModelVersion) -> EvaluationReport:
    """Four flights of the day after, in which the model passes its only gate."""
    labels = np.array([0, 0, 1, 1])
    day = HeldOut(
        partition="2013-03-15", candidate=Scored(labels, np.array([0.1, 0.6, 0.5, 0.9])), rivals={}
    )
    return evaluate(
        model="flight_delay",
        version=version.version,
        partition=version.partition,
        held_out=[day],
        gates=(GateSpec(metric="roc_auc", at_least=0.6),),
    )
