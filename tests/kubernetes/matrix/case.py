"""One training on Kubernetes, the step that works on it, and what stands between it and the world.

API server, operator, pods, storage and the step are real; so is Ray, unless a stand-in is wanted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import (
    KubernetesApi,
    clusters_path,
    core_path,
    jobs_path,
)
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.diagnosis.events import all_events
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.storage import Folder
from ml_platform.training.launch import Trained, train
from ml_platform.training.record import Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.storage_proxy import StorageProxy
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters
from tests.kubernetes.matrix.rays import Ray
from tests.kubernetes.testbed import object_storage
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.kubernetes.testbed.node import Node
from tests.support.attempts.comers import Heard
from tests.support.attempts.pod_steps import Told, send_step, told_in

PATHS: Final[Mapping[str, Callable[[str], str]]] = {
    "rayjobs": jobs_path,
    "rayclusters": clusters_path,
    "pods": lambda namespace: core_path(namespace, "pods"),
}
MOST_ATTEMPTS: Final = 6
# Several cases wait at once.
POLL_S: Final = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class CasesTestbed:
    """Where cases train.

    Attributes:
        light: A namespace and a bucket.
        node: What runs Kubernetes.
        kuberay: The operator.
    """

    light: LightClusters
    node: Node
    kuberay: KubeRay


@dataclass
class Case:
    """A training and its first step.

    Attributes:
        testbed: Where it trains.
        request: It.
        marks: What its driver has trained, and what it is told.
        api: In front of the API server, for the step alone.
        storage: In front of the storage, for the step alone.
        config: How the step makes clusters.
        notes: What its steps tell.
        within_s: How long each wait may take.
    """

    testbed: CasesTestbed
    request: TrainingRequest
    marks: Folder
    api: ApiProxy
    storage: StorageProxy
    config: KubeRayConfig
    notes: Path
    within_s: float = 60.0
    heard: Heard = field(default_factory=Heard)
    step: BaseProcess | None = None

    @property
    def record(self) -> TrainingRecord:
        """Of the training."""
        return TrainingRecord(self.request.folder_uri)

    @property
    def light(self) -> LightClusters:
        """The namespace and the bucket."""
        return self.testbed.light

    def name(self, attempt: int) -> str:
        """Of the cluster of an attempt."""
        provisioner, key = EphemeralProvisioner(self.config), self.request.job_key()
        return provisioner.cluster_name(key, attempt, self.request.cluster)

    def send(self) -> BaseProcess:
        """Start the step, in a process of its own."""
        self.step = send_step(self.request, self.config, self.storage.environment, self.notes)
        return self.step

    def told(self) -> list[Told]:
        """What the step has told so far."""
        return told_in(self.notes)

    def step_lives(self) -> bool:
        """Whether the step has not ended."""
        return self.step is not None and self.step.is_alive()

    def choose_nodes(self, labels: Mapping[str, str]) -> None:
        """Let its pods wait for a node with these labels."""
        self.config = replace(self.config, pod={**self.config.pod, "nodeSelector": dict(labels)})

    def want(self, **fields: Any) -> None:
        """Let its cluster have other fields of its spec; what the training is called stays."""
        cluster = self.request.cluster.model_copy(update=fields)
        self.request = self.request.model_copy(update={"cluster": cluster})

    def come(self, run: str = "second") -> Trained:
        """What a retried step is given, whose ways to both are clear."""
        config = replace(self.config, kubeconfig=str(self.light.outside.kubeconfig))
        return train(
            self.request,
            lambda spec: EphemeralProvisioner(config),
            owner=Owner(run=run, root=run),
            listeners=self.heard.listeners(),
            code=Path(self.request.code),
        )

    def objects(self, *kinds: str) -> list[dict[str, Any]]:
        """The objects of its clusters: RayJobs, RayClusters and pods, or some of these kinds."""
        # Not by kubectl, which takes a tenth of a second of a CPU, and many wait at once.
        return [
            {"kind": kind, **one}
            for kind in kinds or PATHS
            for one in self._api.list(PATHS[kind](self.light.namespace), labels=self._selector)
        ]

    def pods(self, kind: str) -> list[dict[str, Any]]:
        """Its pods of a kind: `head` or `worker`."""
        return [
            one
            for one in self.objects("pods")
            if one["metadata"].get("labels", {}).get("ray.io/node-type") == kind
        ]

    def trained(self) -> Counter[int]:
        """How often each epoch was trained."""
        return Counter(int(one.split("-")[-1]) for one in self.marks.names("trained"))

    def asked(self, method: str, path: str) -> int:
        """How often the step has asked the API server for this."""
        return sum(one.method == method and path in one.path for one in self.api.seen)

    def wait_until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition.

        Raises:
            FaultError: it does not come.
        """
        waited_for = "state that the case waits for"
        until(waited_for, condition, timeout_s=self.within_s, poll_s=POLL_S)

    def wait_until_gone(self, pods: Iterable[Mapping[str, Any]]) -> None:
        """Wait until these pods are not there any more.

        Raises:
            FaultError: they stay.
        """
        uids = {one["metadata"]["uid"] for one in pods}
        self.wait_until(lambda: not uids & {one["metadata"]["uid"] for one in self.objects("pods")})

    def first_said(self, pattern: str) -> float | None:
        """When an Event about its objects first said so, in whole seconds since 1970.

        Args:
            pattern: Is searched for in the Event's reason, a space and its message.
        """
        events = self._api.list(core_path(self.light.namespace, "events"))
        its = tuple(self.name(one) for one in range(1, MOST_ATTEMPTS + 1))
        return min(
            (
                one.first_s
                for one in all_events(events)
                if one.name.startswith(its) and re.search(pattern, f"{one.reason} {one.message}")
            ),
            default=None,
        )

    @cached_property
    def _api(self) -> KubernetesApi:
        return KubernetesApi(find_access(kubeconfig=str(self.light.cluster.kubeconfig)))

    @cached_property
    def _selector(self) -> str:
        names = (self.name(one) for one in range(1, MOST_ATTEMPTS + 1))
        return f"{labels.CLUSTER} in ({','.join(names)})"


@contextmanager
def new_case(testbed: CasesTestbed, ray: Ray, folder: Path) -> Iterator[Case]:
    """A case whose step reaches both the API server and the storage through proxies.

    Args:
        testbed: Where it trains.
        ray: What runs in its pods.
        folder: For its code; nobody else's.
    """
    # The store looks through all of a bucket each time.
    bucket = object_storage.make_bucket("case")
    light = replace(testbed.light, bucket=f"gs://{bucket}")
    request = ray.training(light, folder)
    with in_front_of(light.outside) as api, StorageProxy(object_storage.URL, bucket) as storage:
        case = Case(
            testbed=replace(testbed, light=light),
            request=request,
            marks=ray.marks(request),
            api=api,
            storage=storage,
            config=ray.config(light, kubeconfig=str(api.cluster.kubeconfig)),
            notes=folder / "notes",
            within_s=ray.within_s,
        )
        try:
            yield case
        finally:
            if case.step is not None:
                case.step.kill()
                case.step.join()
