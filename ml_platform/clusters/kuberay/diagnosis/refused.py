"""Objects that the API server refuses to make: pods, the whole RayCluster, our RayJob.

Of pods the text stands in RayCluster's condition ReplicaFailure, which KubeRay removes when it has
made the pod. Its own tries come ever more slowly, minutes apart after a while.
"""

import re
from collections.abc import Iterator
from typing import Final

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay.diagnosis.admission import NO_RIGHT, refusal
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis, where_of
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.pods import pods_of
from ml_platform.clusters.kuberay.seen import Seen

_NO_ACCOUNT: Final = "AutoscalerServiceAccountNotFound"
_FAILED: Final = frozenset({"FailedToCreateHeadPod", "FailedToCreateWorkerPod", _NO_ACCOUNT})
_CLUSTER_FAILED: Final = "FailedToCreateRayCluster"
_CLUSTER: Final = Place(kind="cluster")
_NOT_INSTALLED: Final = ("404 page not found", "could not find the requested resource")
"""The API server's words for kinds of objects that it does not know."""


def refused(seen: Seen, events: tuple[EventSeen, ...]) -> Iterator[Diagnosis]:
    """Pods, or the whole RayCluster, that the API server would not make."""
    for head, text in _texts(seen, events):
        place = _place(seen, head, text)
        if _is_made(seen, place):
            continue
        what = "its RayCluster" if place == _CLUSTER else f"a pod of the {place}"
        yield refusal(text, place, what=what, pods=pods_of(seen)) or _not_made(text, place, what)


def refused_create(text: str, namespace: str) -> Diagnosis | None:
    """Why the RayJob itself was not made; None for words that say nothing of it, but of us.

    Args:
        text: What the API server said.
        namespace: Where it was to be.
    """
    if any(words in text for words in _NOT_INSTALLED):
        return diagnosis(
            "not-installed",
            "broken",
            _CLUSTER,
            "KubeRay is not installed: this Kubernetes knows no RayJob.",
            "Install KubeRay 1.6 or later (its Helm chart with deploy/kuberay-values.yaml), or "
            "name another `context` in the configuration of the clusters.",
            evidence=[text],
        )
    if f'namespaces "{namespace}" not found' in text:
        return diagnosis(
            "no-namespace",
            "broken",
            _CLUSTER,
            f"There is no namespace {namespace}.",
            f"Make it (kubectl create namespace {namespace}), or correct `namespace` in the "
            "configuration of the clusters.",
            evidence=[text],
        )
    return None if re.search(NO_RIGHT, text) else refusal(text, _CLUSTER, what="its RayJob")


def _texts(seen: Seen, events: tuple[EventSeen, ...]) -> Iterator[tuple[bool | None, str]]:
    """Whether it was the head (None: the RayCluster), and what the API server said."""
    cluster = seen.ray_cluster
    if cluster is None:
        status = ((seen.ray_job or {}).get("status") or {}).get("jobDeploymentStatus")
        for event in events if status == "Initializing" else ():
            if event.reason == _CLUSTER_FAILED:
                yield None, event.message
        return
    conditions = (cluster.get("status") or {}).get("conditions") or ()
    failures = [c for c in conditions if c["type"] == "ReplicaFailure" and c["status"] == "True"]
    for failure in failures:
        if "Create" in failure.get("reason", ""):
            yield "Head" in failure["reason"], failure.get("message", "").partition("\n")[2]
    if not conditions:
        # With conditions and without this one, what an Event tells has been overcome.
        for event in events:
            if event.reason in _FAILED and event.name == cluster["metadata"]["name"]:
                yield "Worker" not in event.reason, event.message


def _place(seen: Seen, head: bool | None, text: str) -> Place:
    if head is None or seen.ray_cluster is None:
        return _CLUSTER
    if head:
        return Place(kind="head")
    groups = (seen.ray_cluster.get("spec") or {}).get("workerGroupSpecs") or ()
    names = [group["groupName"] for group in groups]
    # What stands before -worker- is cut to 50 characters in a pod's name, so it may be missing.
    said = [name for name in names if f"-{name}-worker-" in text]
    found = said or (names if len(names) == 1 else [])
    return Place(kind="group", name=max(found, key=len, default=""))


def _is_made(seen: Seen, place: Place) -> bool:
    """Whether the pods are there: what the operator says of them is older then."""
    live = [pod for pod in pods_of(seen) if not pod.is_going and pod.place == place]
    if place.kind == "head":
        return bool(live)
    groups = ((seen.ray_cluster or {}).get("spec") or {}).get("workerGroupSpecs") or ()
    wanted = next((one.get("replicas") for one in groups if one["groupName"] == place.name), None)
    return wanted is not None and len(live) >= wanted


def _not_made(text: str, place: Place, what: str) -> Diagnosis:
    return diagnosis(
        f"create/{where_of(place)}",
        "starting",
        place,
        f"The API server does not make {what}: {text}",
        "KubeRay tries again by itself; if it lasts, look at the API server.",
        evidence=[text],
        operator_pauses=True,
    )
