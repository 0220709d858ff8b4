"""Clusters of the provisioner `ephemeral` whose pods run a stand-in for Ray: ready in seconds."""

import json
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_platform.clusters.kuberay.config import KubeRayConfig, config_from
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.training.request import TrainingRequest, code_version
from tests.kubernetes import accounts
from tests.kubernetes.accounts import as_account, make_account
from tests.kubernetes.testbed import layout, object_storage
from tests.kubernetes.testbed.cluster import Cluster
from tests.support.gcs_double import ANONYMOUS
from tests.support.kuberay import ray_stand_in
from tests.support.lineages import lineage

FOLDER: Final = "/stand-in"
NAME: Final = "ray-stand-in"
SECRET: Final = "storage"
ENVIRONMENT: Final = "ci_matrix"
_ACCOUNT: Final = "outside"
STORAGE: Final = {"STORAGE_EMULATOR_HOST": object_storage.URL, **ANONYMOUS}
# What a job's entry point calls `python`: the driver that needs no Ray; else this machine's own.
_PYTHON: Final = f"""#!/bin/sh
case "$*" in
  *ml_platform.training.entrypoint*)
    cd {layout.CHECKOUT} && exec {sys.executable} -m tests.support.attempts.pod_driver "$@";;
esac
exec {sys.executable} "$@"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LightClusters:
    """A namespace for them, and a bucket that pods and this machine reach.

    Attributes:
        cluster: The Kubernetes, as its administrator.
        outside: The same, for who has the roles of `deploy/rbac.yaml` and no more.
        namespace: Theirs.
        bucket: URI of the bucket.
    """

    cluster: Cluster
    outside: Cluster
    namespace: str
    bucket: str

    def config(self, **more: Any) -> KubeRayConfig:
        """How clusters are made; `more` are keys of it."""
        return _config(self.values() | more)

    def real_ray(self, **more: Any) -> KubeRayConfig:
        """Clusters with Ray itself, and with its token."""
        return _config(self.real_ray_values() | more)

    def values(self) -> dict[str, Any]:
        """The clusters' configuration as its file has it, for the stand-in."""
        volumes = [{"name": NAME, "configMap": {"name": NAME, "defaultMode": 0o555}}]
        return self.real_ray_values() | {
            "env": {
                "PATH": f"{FOLDER}:{Path(sys.prefix) / 'bin'}:/usr/bin:/bin",
                "STORAGE_EMULATOR_HOST": object_storage.URL,
            },
            "token_auth": False,
            "pod": {
                "volumes": volumes,
                "volumeMounts": [{"name": NAME, "mountPath": FOLDER}],
            },
            "limits": _limits(start_s=60, unsubmitted_s=90, running_s=300, grace_s=2),
        }

    def real_ray_values(self) -> dict[str, Any]:
        """The clusters' configuration as its file has it, for Ray itself."""
        return {
            "namespace": self.namespace,
            "environment": ENVIRONMENT,
            "image": self.cluster.image,
            "kubeconfig": str(self.outside.kubeconfig),
            "image_pull_policy": "Never",
            "env": {"STORAGE_EMULATOR_HOST": object_storage.URL},
            "env_from_secrets": [SECRET],
            # More CPUs are asked for than the machine has.
            "cpu_request_share": 0.01,
            "limits": _limits(start_s=180, unsubmitted_s=240, running_s=600, grace_s=5),
        }

    def training(self, folder: Path, *, memory: str = "256Mi") -> TrainingRequest:
        """A training of its own, on one worker."""
        code = folder / f"code-{uuid.uuid4().hex[:8]}"
        code.mkdir()
        (code / "train.py").write_text("def train(run): ...\n")
        return lineage().request.model_copy(
            update={
                "storage_root": f"{self.bucket}/{code.name}",
                "code": str(code),
                "code_version": code_version(code),
                "retrain": code.name,  # no other training has its name
                "cluster": ClusterSpec(
                    provisioner="ephemeral",
                    head=HeadGroup(memory="256Mi"),
                    workers=WorkerGroup(memory=memory),
                ),
            }
        )

    def left(self) -> list[str]:
        """Everything of clusters that is there now."""
        found: list[dict[str, Any]] = []
        for kinds, which in (("rayjobs,rayclusters", ()), ("pods", ("--selector=ray.io/cluster",))):
            found += self.cluster.get(kinds, f"--namespace={self.namespace}", *which)["items"]
        return [f"{one['kind']} {one['metadata']['name']}" for one in found]


def _limits(**seconds: int) -> dict[str, int]:
    return {"gone_s": 2, **seconds}


def _config(values: dict[str, Any]) -> KubeRayConfig:
    return config_from(values, environment=ENVIRONMENT, image="", where="the test")


@contextmanager
def light_clusters(cluster: Cluster, name: str) -> Iterator[LightClusters]:
    """A fresh namespace with the stand-in, and a fresh bucket."""
    bucket = object_storage.make_bucket("light")
    with cluster.namespace(name) as namespace, tempfile.TemporaryDirectory() as folder:
        make_account(cluster, namespace, _ACCOUNT, accounts.STEP, accounts.OUTSIDE)
        program = Path(ray_stand_in.__file__).read_text()
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace},
            "data": {"ray": program, "python": _PYTHON},
        }
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": namespace},
            "stringData": ANONYMOUS,
        }
        for one in (config_map, secret):
            cluster.kubectl("create", "--filename=-", stdin=json.dumps(one))
        yield LightClusters(
            cluster=cluster,
            outside=as_account(cluster, namespace, _ACCOUNT, Path(folder)),
            namespace=namespace,
            bucket=f"gs://{bucket}",
        )
