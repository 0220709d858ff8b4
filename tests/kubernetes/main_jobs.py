"""The main job on Kubernetes: only the environment of its process says that it trains there."""

import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa  # noqa: TID253
import yaml

from ml_platform.clusters.open import resolved
from ml_platform.model_folder.read import read_model
from ml_platform.partitions import window_keys
from ml_platform.settings import PROJECT_ROOT, Settings
from ml_platform.training.plan import make_request, window_manifests
from ml_platform.training.record import TrainingRecord
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.store import SnapshotStore
from tests.kubernetes.light_clusters import STORAGE, LightClusters
from tests.support.commands import TIMEOUT_S, Said, environment
from tests.support.flights import SOURCE
from tests.support.homes import dagster_of

MODEL: Final = "flight_delay"


@dataclass(frozen=True, kw_only=True, slots=True)
class OnKubernetes:
    """A platform home whose models train on Kubernetes.

    Attributes:
        home: With the raw tables; commands write into it.
        clusters: Where.
        storage: URI of a folder in its bucket.
    """

    home: Path
    clusters: LightClusters
    storage: str

    def variables(self) -> dict[str, str]:
        """What differs from a laptop's environment."""
        return {
            "MLP_PROVISIONER": "ephemeral",
            "MLP_CLUSTERS_FILE": str(self.home / "clusters.yaml"),
            "MLP_STORAGE_URI": self.storage,
            **STORAGE,
        }

    def environ(self) -> dict[str, str]:
        """The environment of a command on this machine."""
        kubeconfig = {"KUBECONFIG": str(self.clusters.outside.kubeconfig)}
        return {**environment(self.home), **self.variables(), **kubeconfig}

    def materialize(self, day: str, *, stage: str = "model") -> Said:
        """Materialize an asset of the example's in a process of this machine."""
        with dagster_of(self.home) as instance:
            instance.get_runs_count()  # makes its databases
        dg = Path(sys.executable).parent / "dg"
        done = subprocess.run(
            [dg, "launch", "--assets", f"{MODEL}/{stage}", "--partition", day],
            env=self.environ(),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def write_training_sets(self, days: Sequence[str], *, rows: int = 60) -> None:
        """Made-up flights for the windows of these days, with the columns of the example."""
        plan = read_model(MODEL).plan
        store = SnapshotStore(self.storage_root, MODEL)
        wanted = {one for day in days for one in window_keys(day, plan.training.window_days)}
        for day in sorted(wanted):
            batches = _flights(day, plan.features, rows).to_batches()
            store.write(day, batches, spec=plan.features, source=SOURCE)

    @property
    def storage_root(self) -> str:
        """Where the platform keeps what belongs to this environment."""
        return Settings(storage_uri=self.storage).storage_root

    def training(self, day: str) -> TrainingRecord:
        """The record of the day's training, also before there is one."""
        plan = read_model(MODEL).plan
        manifests = window_manifests(
            plan, day, storage_root=self.storage_root, bounds=Settings(storage_uri=self.storage)
        )
        request = make_request(
            plan,
            day,
            manifests,
            storage_root=self.storage_root,
            cluster=resolved(
                Settings(provisioner="ephemeral", image=self.clusters.cluster.image), plan.cluster
            ),
        )
        return TrainingRecord(request.folder_uri)


def on_kubernetes(home: Path, clusters: LightClusters, values: Mapping[str, Any]) -> OnKubernetes:
    """Let `home` train there, by these keys of the clusters' file."""
    home.mkdir(exist_ok=True)
    # Who works there has an account or a kubeconfig in its environment.
    named = {
        key: value for key, value in values.items() if key not in ("kubeconfig", "environment")
    }
    (home / "clusters.yaml").write_text(yaml.safe_dump(named))
    return OnKubernetes(
        home=home, clusters=clusters, storage=f"{clusters.bucket}/{uuid.uuid4().hex[:8]}"
    )


def _flights(day: str, features: FeaturesSpec, rows: int) -> pa.Table:
    rng = np.random.default_rng(int(day.replace("-", "")))
    departure = datetime.fromisoformat(day) + timedelta(hours=12)
    columns: dict[str, Any] = {
        features.keys[0]: [f"{day}-{number:06d}" for number in range(rows)],
        features.event_time: [departure] * rows,
        features.known_at: [departure - timedelta(hours=12)] * rows,
        **{name: [f"{name}-{n % 3}" for n in range(rows)] for name in features.categories},
        **{name: rng.normal(10, 3, rows) for name in features.numbers},
        features.label: rng.integers(0, 2, rows),
    }
    return pa.table(columns)
