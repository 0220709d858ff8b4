"""Why a cluster on Kubernetes does not come up, or lost something: from what was seen, to causes.

RayJob and RayCluster tell almost nothing of it: a RayJob stays Initializing without a word for
every cause. The causes are in pods, their init containers, Events and one condition.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ml_platform.clusters.kuberay.diagnosis.containers import (
    FAILURES,
    Told,
    container_troubles,
    gang_of,
)
from ml_platform.clusters.kuberay.diagnosis.diagnoses import (
    Diagnosis,
    diagnosis,
    without_repetitions,
)
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen, all_events, is_noise
from ml_platform.clusters.kuberay.diagnosis.job import invalid, not_taken_up, queued, too_late
from ml_platform.clusters.kuberay.diagnosis.nodes import (
    failed_before,
    failed_by_node,
    taken_away,
)
from ml_platform.clusters.kuberay.diagnosis.pods import Pod, gone_pods, pods_of, said_of_pods
from ml_platform.clusters.kuberay.diagnosis.refused import refused
from ml_platform.clusters.kuberay.diagnosis.scheduling import unschedulable
from ml_platform.clusters.kuberay.diagnosis.slow import slow
from ml_platform.clusters.kuberay.seen import Seen


def diagnose(
    seen: Seen,
    *,
    recreations: Mapping[str, int] | None = None,
    logs: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Diagnosis, ...]:
    """What is wrong now, the most telling first; empty when all is well. Pure.

    Any that is `broken` ends a start, and the first is what to say then: broken ones stand
    before what may still pass, but a deadline of KubeRay's last, because it tells when and not why.
    What was overcome is not said again: a container that died of memory and is ready now is found
    by `out_of_memory`.

    Args:
        seen: What was seen.
        recreations: How often pods of each group were made anew, `headgroup` for the head: what a
            single look cannot show.
        logs: Last lines of containers that failed, by `pod/container`.
    """
    found = without_repetitions(_diagnoses(seen, recreations or {}, logs or {}))
    return (*sorted(found, key=lambda one: one.state != "broken"), *too_late(seen))


def _diagnoses(
    seen: Seen, recreations: Mapping[str, int], logs: Mapping[str, Sequence[str]]
) -> Iterator[Diagnosis]:
    with_noise = all_events(seen.events)
    events = tuple(event for event in with_noise if not is_noise(event))
    pods = sorted(pods_of(seen), key=lambda pod: not pod.is_head)
    said = said_of_pods(pods, events)
    taken = {pod.name: [*taken_away(pod, said[pod.name])] for pod in pods}
    staying = [pod for pod in pods if not pod.is_going and not taken[pod.name]]
    sizes = Counter(pod.group for pod in staying)
    anew = {group: recreations.get(group, 0) // size for group, size in sizes.items()}
    yield from invalid(seen, events)
    yield from not_taken_up(seen)
    yield from queued(seen)
    yield from refused(seen, events)
    for pod in pods:
        yield from taken[pod.name]
    for pod in staying:
        yield from unschedulable(pod, said[pod.name])
    gang = gang_of(staying)
    gone = gone_pods(seen)
    for pod in staying:
        # Of a large group one node may fail a pod again and again: on average that is none.
        times = max(anew[pod.group], len(failed_before(pod, gone)))
        told = Told(events=said[pod.name], recreations=times, logs=logs, gang=gang)
        found = [
            *container_troubles(pod, told),
            *failed_by_node(pod, gone, recreations=anew[pod.group]),
        ]
        yield from found or _made_anew(pod, anew[pod.group], events)
    all_said = said_of_pods(staying, with_noise)
    head = next((pod for pod in staying if pod.is_head and pod.is_ready), None)
    for pod in staying:
        yield from slow(pod, all_said[pod.name], at_s=seen.at_s, head=head)


def _made_anew(pod: Pod, times: int, events: tuple[EventSeen, ...]) -> Iterator[Diagnosis]:
    """Its predecessors died before anybody saw of what."""
    if times < FAILURES or pod.is_ready:
        return
    deleted = [str(e) for e in events if e.reason in ("DeletedHeadPod", "DeletedWorkerPod")]
    yield diagnosis(
        f"made-anew/{pod.where}",
        "broken",
        pod.place,
        f"Pods of the {pod.place} were deleted and made anew {times} times.",
        "See how they ended: kubectl get events, and the log of the operator.",
        evidence=deleted,
    )
