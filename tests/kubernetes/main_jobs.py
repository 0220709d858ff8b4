"""The main job on Kubernetes: only the environment of its process says that it trains there."""

import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.kubernetes.light_clusters import STORAGE, LightClusters
from tests.support.commands import environment

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
        kubeconfig = {"KUBECONFIG": str(self.clusters.cluster.kubeconfig)}
        return {**environment(self.home), **self.variables(), **kubeconfig}


def on_kubernetes(home: Path, clusters: LightClusters, **config: Any) -> OnKubernetes:
    """Let `home` train there; `config` are keys of the clusters' file."""
    values = {
        "namespace": clusters.namespace,
        "image": clusters.cluster.image,
        "image_pull_policy": "Never",
        "env": {"STORAGE_EMULATOR_HOST": STORAGE["STORAGE_EMULATOR_HOST"]},
        "env_from_secrets": ["storage"],
        # Four CPUs are asked for, and the machine has two.
        "cpu_request_share": 0.01,
        "limits": {"start_s": 180, "unsubmitted_s": 240, "running_s": 900, "gone_s": 2},
    }
    (home / "clusters.yaml").write_text(yaml.safe_dump(values | config))
    return OnKubernetes(
        home=home, clusters=clusters, storage=f"{clusters.bucket}/{uuid.uuid4().hex[:8]}"
    )
