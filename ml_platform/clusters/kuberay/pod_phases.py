"""Where the time of a cluster's pods goes while it starts, by the times of Kubernetes itself; pure.

Pods go their ways beside each other: a phase is from when the first pod comes to it until the last
one has left it. A node that holds an image already pulls none, and no time is told of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.kuberay.diagnosis.events import EventSeen, all_events, seconds
from ml_platform.clusters.kuberay.diagnosis.pods import Container, Pod, pods_of, said_of_pods
from ml_platform.clusters.kuberay.seen import Seen
from ml_platform.xray.records import PULLING, SCHEDULING, STARTING, Recorder

_IMAGE: Final = re.compile(r'Pulling image "([^"]+)"')


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stretch:
    """What one pod was at, in seconds since 1970; `what` says it of the longest."""

    began_at_s: float
    ended_at_s: float
    what: str

    @property
    def seconds(self) -> float:
        return self.ended_at_s - self.began_at_s


def record_pod_phases(recorder: Recorder, seen: Seen) -> None:
    """Record how long pods waited for a node, for images, and until they were ready.

    Args:
        recorder: Is told of each phase that pods have come to.
        seen: The cluster at the end of its start, whether that has failed or not.
    """
    pods = pods_of(seen)
    said = said_of_pods(pods, all_events(seen.events))
    phases: dict[str, list[_Stretch]] = {
        SCHEDULING: list(_scheduling(pods, seen.at_s)),
        PULLING: [one for pod in pods for one in _pulling(pod, said[pod.name], seen.at_s)],
        STARTING: list(_starting(pods, seen.at_s)),
    }
    for name, found in phases.items():
        stretches = [one for one in found if one.seconds > 0.0]
        if stretches:
            recorder.took(
                name,
                began_at_s=min(one.began_at_s for one in stretches),
                ended_at_s=max(one.ended_at_s for one in stretches),
                detail=max(stretches, key=lambda one: one.seconds).what,
            )


def _scheduling(pods: Iterable[Pod], at_s: float) -> Iterator[_Stretch]:
    """From when a pod was made until it was given a node."""
    for pod in pods:
        if not pod.created_s:
            continue
        given = pod.condition("PodScheduled")
        is_given = given.get("status") == "True"
        until_s = seconds(given.get("lastTransitionTime")) if is_given else at_s
        where = f"until it was given node {pod.node}" if is_given else "without a node"
        yield _Stretch(
            began_at_s=pod.created_s,
            ended_at_s=until_s,
            what=f"the {pod.place} waited {until_s - pod.created_s:.0f} s {where}",
        )


def _pulling(pod: Pod, said: Sequence[EventSeen], at_s: float) -> Iterator[_Stretch]:
    """From when a node began to pull a container's image until that container ran."""
    containers = {one.name: one for one in pod.containers()}
    for event in said:
        image = _IMAGE.search(event.message) if event.reason == "Pulling" else None
        if image is None:
            continue
        ran_s = _began_s(containers.get(event.container))
        until_s = at_s if ran_s is None else ran_s
        yield _Stretch(
            began_at_s=event.first_s,
            ended_at_s=until_s,
            what=f"image {image[1]} took {until_s - event.first_s:.0f} s on node {pod.node}",
        )


def _starting(pods: Iterable[Pod], at_s: float) -> Iterator[_Stretch]:
    """From when a pod's Ray ran until the pod was ready."""
    for pod in pods:
        began_s = _began_s(pod.ray_container())
        if began_s is None:
            continue
        until_s = (
            seconds(pod.condition("Ready").get("lastTransitionTime")) if pod.is_ready else at_s
        )
        yield _Stretch(
            began_at_s=began_s,
            ended_at_s=until_s,
            what=f"Ray of the {pod.place} took {until_s - began_s:.0f} s"
            + ("" if pod.is_ready else ", and is not ready"),
        )


def _began_s(container: Container | None) -> float | None:
    """When its run now began, or the one that has ended; None if it never ran."""
    if container is None:
        return None
    run = container.running or container.ended or {}
    return seconds(run.get("startedAt")) or None
