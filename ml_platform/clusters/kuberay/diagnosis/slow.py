"""Pods that only take long: an image that is large, a volume that does not come, a silent probe."""

import re
from collections.abc import Iterator
from typing import Final

from ml_platform.clusters.kuberay import wait_for_head
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen, seconds
from ml_platform.clusters.kuberay.diagnosis.pods import Pod, describe, started_s

PULLING_S: Final = 30.0
UNBEGUN_S: Final = 60.0
"""Making a pod's network and volumes, and attaching disks of a cloud, takes up to half a minute."""
NOT_READY_S: Final = 90.0
"""A head took up to 52 s, a whole cluster up to 75 s, on a busy machine of two cores."""
UNREACHED_S: Final = 10.0
"""The container that waits for a head looks at least once a second."""
_IMAGE: Final = re.compile(r'"([^"]+)"')
_SETUP: Final = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"})
_USUAL: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Why a container waits of which nothing is wrong; any other reason tells itself what is."""


def slow(
    pod: Pod, said: tuple[EventSeen, ...], *, at_s: float, head: Pod | None
) -> Iterator[Diagnosis]:
    """What a pod that is not ready yet is busy with, if that takes long.

    A worker that waits for a head which is not ready is not slow itself.

    Args:
        pod: Which.
        said: All Events about it, those of every normal start too.
        at_s: Now, in seconds since 1970.
        head: The head, if there is one that is ready.
    """
    if pod.is_ready or pod.phase not in ("Pending", "Running"):
        return
    last = {event.reason: event for event in said}
    found = [*_pulling(pod, last, at_s), *_set_up(pod, last)]
    yield from found or _unbegun(pod, at_s)
    unreached = [*_unreached(pod, head, at_s)] if head else []
    yield from unreached
    if pod.is_head or (head and not unreached):
        yield from _not_ready(pod, last, at_s)


def _pulling(pod: Pod, last: dict[str, EventSeen], at_s: float) -> Iterator[Diagnosis]:
    pulling, pulled = last.get("Pulling"), last.get("Pulled")
    if pulling is None or at_s - pulling.at_s <= PULLING_S:
        return
    if pulled and pulled.at_s >= pulling.at_s:
        return
    its = [one for one in pod.containers() if pulling.container in ("", one.name)]
    if _tells_itself(pod) or not any(one.waiting_reason for one in its):
        return
    match = _IMAGE.search(pulling.message)
    image = match[1] if match else ""
    yield diagnosis(
        f"pulling/{pod.role}/{image}",
        "starting",
        pod.place,
        f"Node {pod.node} still pulls image {image} for the {pod.place}, since "
        f"{at_s - pulling.at_s:.0f} s.",
        "Nothing: it takes its time. A smaller image, or one that nodes hold already, is quicker.",
        evidence=[str(pulling)],
    )


def _unbegun(pod: Pod, at_s: float) -> Iterator[Diagnosis]:
    """A pod that its node has begun nothing of, without a word about why."""
    scheduled = pod.condition("PodScheduled")
    since_s = seconds(scheduled.get("lastTransitionTime"))
    if scheduled.get("status") != "True" or not since_s or at_s - since_s <= UNBEGUN_S:
        return
    if _tells_itself(pod) or any(one.running or one.ended for one in pod.containers()):
        return
    yield diagnosis(
        f"unbegun/{pod.where}",
        "starting",
        pod.place,
        f"A pod of the {pod.place} was given to node {pod.node} {at_s - since_s:.0f} s ago, and "
        "none of its containers has begun.",
        f"See what the node does, and whether it is well: {describe(pod)}; "
        f"kubectl describe node {pod.node}",
        evidence=[f"Pod {pod.name}: PodScheduled at {scheduled['lastTransitionTime']}"],
    )


def _tells_itself(pod: Pod) -> bool:
    return any(one.waiting_reason not in _USUAL for one in pod.containers())


def _set_up(pod: Pod, last: dict[str, EventSeen]) -> Iterator[Diagnosis]:
    failed = [event for reason, event in last.items() if reason in _SETUP]
    if not failed or any(container.running or container.ended for container in pod.containers()):
        return
    yield diagnosis(
        f"set-up/{pod.where}/{failed[-1].reason}",
        "starting",
        pod.place,
        f"Node {pod.node} cannot set up a pod of the {pod.place} yet: {failed[-1].message}",
        f"See that the volumes, secrets and config maps it names exist: {describe(pod)}",
        evidence=map(str, failed),
    )


def _unreached(pod: Pod, head: Pod, at_s: float) -> Iterator[Diagnosis]:
    """A worker that still waits for a head which has long been ready."""
    ready_s = seconds(head.condition("Ready").get("lastTransitionTime"))
    waits = next((one for one in pod.containers() if one.name == wait_for_head.NAME), None)
    if waits is None or waits.running is None or not ready_s:
        return
    waited_s = at_s - max(ready_s, started_s(waits))
    if waited_s <= UNREACHED_S:
        return
    yield diagnosis(
        f"head-unreached/{pod.where}",
        "starting",
        pod.place,
        f"The {pod.place} cannot reach the head, which has been ready for {waited_s:.0f} s.",
        "See whether pods find the head's name and are let through to its port "
        f"{wait_for_head.GCS_PORT}: the cluster's DNS (kubectl get pods -n kube-system), network "
        "policies of the namespace (kubectl get networkpolicies).",
        evidence=[f"Pod {head.name}: Ready at {head.condition('Ready')['lastTransitionTime']}"],
    )


def _not_ready(pod: Pod, last: dict[str, EventSeen], at_s: float) -> Iterator[Diagnosis]:
    for container in pod.containers():
        began_s = started_s(container)
        if container.running is None or container.ready or container.failures or not began_s:
            continue
        if at_s - began_s > NOT_READY_S:
            unhealthy = last.get("Unhealthy")
            kind = "init container" if container.init else "container"
            yield diagnosis(
                f"not-ready/{pod.where}/{container.name}",
                "starting",
                pod.place,
                f"The {kind} {container.name} of the {pod.place} has run for "
                f"{at_s - began_s:.0f} s, and the pod is not ready.",
                f"See what it waits for: kubectl logs {pod.name} -c {container.name}",
                evidence=[str(unhealthy)] if unhealthy else [],
            )
