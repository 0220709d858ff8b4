"""Requests for small trainings on made-up flights, and a Ray to run them on."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_platform.clusters.interface import Provisioner
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.training.launch import Trained, train
from ml_platform.training.listeners import Listeners
from ml_platform.training.record import Owner
from ml_platform.training.request import (
    SnapshotRef,
    TrainingRequest,
    code_reference,
    code_version,
)
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights

TROUBLED = Path(__file__).parent / "models" / "troubled"
DAYS = 4


def written_days(storage: str, *, rows: int = 300) -> list[SnapshotRef]:
    """Snapshots of the first days of January, of the model `troubled`."""
    store = SnapshotStore(storage, "troubled")
    manifests = [
        store.write(
            f"2013-01-{day:02d}",
            day_of_flights(day, rows=rows).to_batches(),
            spec=SPEC,
            source=SOURCE,
        ).manifest
        for day in range(1, DAYS + 1)
    ]
    return [SnapshotRef(partition=m.partition, version=m.version, rows=m.rows) for m in manifests]


def request(
    storage: Path | str,
    *,
    cluster: ClusterSpec | None = None,
    retrain: str = "",
    workers: int = 1,
    code: Path = TROUBLED,
    training: dict[str, Any] | None = None,
    **parameters: Any,
) -> TrainingRequest:
    """A training of `troubled`; `parameters` are those of its `train.py`."""
    root = storage if isinstance(storage, str) else storage.as_uri()
    limits = {"worker_retries": 1, "checkpoint_every_s": 0} | (training or {})
    return TrainingRequest(
        model="troubled",
        partition=f"2013-01-{DAYS:02d}",
        storage_root=root,
        snapshots=tuple(written_days(root)),
        features=SPEC,
        training=TrainingSpec(
            window_days=DAYS,
            parameters={"epochs": 4} | parameters,
            **limits,
        ),
        cluster=cluster or ClusterSpec(workers=WorkerGroup(count=workers)),
        code=code_reference(code),
        code_version=code_version(code),
        retrain=retrain,
    )


_NUMBERS = itertools.count()


def silently(line: str) -> None:
    del line


def trained_by(
    wanted: TrainingRequest,
    provisioner: Provisioner,
    *,
    root: str = "",
    on_log: Callable[[str], None] = silently,
    **listeners: Any,
) -> Trained:
    """What a person gets who materializes: budgets begin anew unless a `root` run is named."""
    run = root or f"run-{next(_NUMBERS)}"
    return train(
        wanted,
        lambda spec: provisioner,
        owner=Owner(run=run, root=run),
        listeners=Listeners(on_log=on_log, **listeners),
    )
