"""One training on Kubernetes, the step that works on it, and what stands between it and the world.

Pods run a stand-in for Ray, or Ray; API server, operator, pods, storage and the step are real.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.storage import Folder
from ml_platform.training.launch import Trained, train
from ml_platform.training.record import Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.storage_proxy import StorageProxy
from tests.kubernetes.light_clusters import LightClusters
from tests.kubernetes.testbed import object_storage
from tests.support.attempts.comers import Heard
from tests.support.attempts.pod_steps import send_step

KINDS: Final = "rayjobs,rayclusters,pods"
MOST_ATTEMPTS: Final = 6


@dataclass
class Case:
    """A training and its first step.

    Attributes:
        light: Where it trains.
        request: It.
        api: In front of the API server, for the step alone.
        storage: In front of the storage, for the step alone.
        config: How the step makes clusters.
        within_s: How long each wait may take.
    """

    light: LightClusters
    request: TrainingRequest
    api: ApiProxy
    storage: StorageProxy
    config: KubeRayConfig
    within_s: float = 60.0
    heard: Heard = field(default_factory=Heard)
    step: BaseProcess | None = None

    @property
    def record(self) -> TrainingRecord:
        """Of the training."""
        return TrainingRecord(self.request.folder_uri)

    @property
    def folder(self) -> Folder:
        """Of the training."""
        return Folder(self.request.folder_uri)

    def send(self) -> BaseProcess:
        """Start the step, in a process of its own."""
        self.step = send_step(self.request, self.config, self.storage.environment)
        return self.step

    def step_lives(self) -> bool:
        """Whether the step has not ended."""
        return self.step is not None and self.step.is_alive()

    def choose_nodes(self, labels: Mapping[str, str]) -> None:
        """Let its pods wait for a node with these labels."""
        self.config = replace(self.config, pod={**self.config.pod, "nodeSelector": dict(labels)})

    def come(self, run: str = "second") -> Trained:
        """What a retried step is given, whose ways to both are clear."""
        config = replace(self.config, kubeconfig=str(self.light.cluster.kubeconfig))
        return train(
            self.request,
            lambda spec: EphemeralProvisioner(config),
            owner=Owner(run=run, root=run),
            listeners=self.heard.listeners(),
            code=Path(self.request.code),
        )

    def objects(self, kind: str = KINDS) -> list[dict[str, Any]]:
        """The objects of its clusters."""
        found = self.light.cluster.get(kind, f"--namespace={self.light.namespace}")["items"]
        return [one for one in found if str(one["metadata"]["name"]).startswith(self._names)]

    def pods(self, kind: str) -> list[dict[str, Any]]:
        """Its pods of a kind: `head` or `worker`."""
        return [
            one
            for one in self.objects("pods")
            if one["metadata"].get("labels", {}).get("ray.io/node-type") == kind
        ]

    def trained(self) -> Counter[int]:
        """How often each epoch was trained."""
        return Counter(int(one.split("-")[-1]) for one in self.folder.names("trained"))

    def asked(self, method: str, path: str) -> int:
        """How often the step has asked the API server for this."""
        return sum(one.method == method and path in one.path for one in self.api.seen)

    def wait_until(self, condition: Callable[[], Any], within_s: float | None = None) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: it does not come.
        """
        limit = within_s or self.within_s
        deadline = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < deadline, f"not within {limit:.0f} s"
            time.sleep(0.1)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        provisioner, key = EphemeralProvisioner(self.config), self.request.job_key()
        numbers = range(1, MOST_ATTEMPTS + 1)
        return tuple(provisioner.cluster_name(key, one, self.request.cluster) for one in numbers)


@contextmanager
def new_case(
    light: LightClusters,
    request: TrainingRequest,
    config: Callable[..., KubeRayConfig],
    *,
    within_s: float = 60.0,
) -> Iterator[Case]:
    """A case whose step reaches both the API server and the storage through proxies."""
    bucket = light.bucket.removeprefix("gs://")
    with in_front_of(light.cluster) as api, StorageProxy(object_storage.URL, bucket) as storage:
        yield Case(
            light=light,
            request=request,
            api=api,
            storage=storage,
            config=config(kubeconfig=str(api.cluster.kubeconfig)),
            within_s=within_s,
        )
