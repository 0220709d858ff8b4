"""Why a cluster that was ready came to its end, or lost what its job leaned on."""

from collections.abc import Iterator
from typing import Final

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.kuberay.diagnosis.events import merged_events, seconds
from ml_platform.clusters.kuberay.diagnosis.head import head_lost
from ml_platform.clusters.kuberay.diagnosis.losses import lacking, workers_ended
from ml_platform.clusters.kuberay.diagnosis.memory import out_of_memory
from ml_platform.clusters.kuberay.diagnosis.nodes import taken_away
from ml_platform.clusters.kuberay.diagnosis.pods import Pod, gone_pods, pods_of, said_of_pods
from ml_platform.clusters.kuberay.diagnosis.withdrawn import withdrawn
from ml_platform.clusters.kuberay.seen import Seen

RECENT_S: Final = 300.0
"""Ray takes up to a minute to miss a node, and the driver some more to start its workers again in
vain. What died before that was overcome inside the job."""


def ended_by(ready: Seen, now: Seen) -> Failure | None:
    """What of the cluster is to blame for the end of its job; None if nothing of it is. Pure.

    Args:
        ready: What was seen when it became ready.
        now: What is seen at the end of its job.
    """
    # A job may end before the head of a cluster that goes as a whole.
    if lost := head_lost(ready, now) or withdrawn(ready, now):
        return lost
    since_s = now.at_s - RECENT_S
    ended = (
        *out_of_memory(now, since_s=since_s),
        *_taken(now, since_s),
        *workers_ended(ready, now, since_s=max(since_s, ready.at_s)),
    )
    return next(iter(ended), None) or lacking(now)


def _taken(now: Seen, since_s: float) -> Iterator[Failure]:
    """Pods that nodes have lost, the latest first."""
    pods = sorted((*pods_of(now), *gone_pods(now)), key=_changed_s, reverse=True)
    said = said_of_pods(pods, (e for e in merged_events(now.events) if e.at_s >= since_s))
    for pod in pods:
        changed_s = _changed_s(pod)
        if not changed_s or changed_s >= since_s:
            yield from (found.failure for found in taken_away(pod, said[pod.name]))


def _changed_s(pod: Pod) -> float:
    """When it ceased to be ready or was to be disrupted; 0 if that is not known."""
    kinds = ("Ready", "DisruptionTarget")
    return max(seconds(pod.condition(kind).get("lastTransitionTime")) for kind in kinds)
