"""What a cluster that was ready has lost since, and why that does not come back.

A job may go on without a worker, or wait for another one: what keeps that from coming is told by
nobody else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ml_platform.clusters.causes import Cause, Failure
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, where_of
from ml_platform.clusters.kuberay.diagnosis.events import merged_events, seconds
from ml_platform.clusters.kuberay.diagnosis.head import head_lost
from ml_platform.clusters.kuberay.diagnosis.memory import died_of_memory, out_of_memory
from ml_platform.clusters.kuberay.diagnosis.nodes import disruption
from ml_platform.clusters.kuberay.diagnosis.pods import Pod, gone_pods, pods_of, said_of_pods
from ml_platform.clusters.kuberay.diagnosis.withdrawn import withdrawn
from ml_platform.clusters.kuberay.seen import Seen

_WHOLE_SECOND: Final = 1.0
"""Kubernetes says when a container ended in whole seconds."""


def losses(
    ready: Seen, now: Seen, *, recreations: Mapping[str, int] | None = None
) -> tuple[Diagnosis, ...]:
    """What there is to tell of it while its job runs, losses first; none ends the job. Pure.

    Args:
        ready: What was seen when all had joined.
        now: What is seen now.
        recreations: How often pods of each group were made anew.
    """
    if whole := head_lost(ready, now) or withdrawn(ready, now):
        return (_lost([whole]),)
    since_s = ready.at_s - _WHOLE_SECOND
    died = (*out_of_memory(now, since_s=since_s), *workers_ended(ready, now, since_s=since_s))
    lost = [_lost(those) for those in _by_place(died)]
    told = {one.failure.message for one in lost}
    standing = diagnose(now, recreations=recreations)
    return (*lost, *(one for one in standing if one.failure.message not in told))


def workers_ended(ready: Seen, now: Seen, *, since_s: float) -> Iterator[Failure]:
    """Workers that somebody has deleted, or that ended by themselves, the latest first.

    Not those that a node, their memory or KubeRay has ended.

    Args:
        ready: What was seen before: what was on its way out then is no loss.
        now: What is seen now.
        since_s: What ended before that is left out, in seconds since 1970.
    """
    events = merged_events(now.events)
    by_kuberay = " ".join(one.message for one in events if one.reason == "DeletedWorkerPod")
    before = {pod.uid for pod in gone_pods(ready)}
    before |= {pod.uid for pod in pods_of(ready) if pod.is_going}
    gone = [pod for pod in gone_pods(now) if not pod.is_head and pod.uid not in before]
    there = [pod for pod in pods_of(now) if not pod.is_head and pod.uid not in before]
    deleted = {pod.uid for pod in (*gone, *(pod for pod in there if pod.is_going))}
    said = said_of_pods((*there, *gone), events)
    for pod in (*reversed(gone), *there):
        if disruption(pod, said[pod.name]) is not None:
            continue
        if ended := _ended_by_itself(pod, since_s):
            yield ended
        elif (
            pod.uid in deleted
            and pod.name not in by_kuberay
            and (not pod.goes_at_s or pod.goes_at_s >= since_s)
        ):
            yield _failure(
                pod,
                f"A pod of the {pod.place} was deleted.",
                f"Pod {pod.name} was deleted, and no node or operator says why.",
            )


def lacking(now: Seen) -> Failure | None:
    """Why workers that its job needs do not come; None if none is missing, or nothing says why."""
    groups = ((now.ray_cluster or {}).get("spec") or {}).get("workerGroupSpecs") or ()
    wanted = sum(group.get("minReplicas") or 0 for group in groups)
    if sum(pod.is_ready and not pod.is_head for pod in pods_of(now)) >= wanted:
        return None
    found = next((one.failure for one in diagnose(now) if one.failure.place.kind != "head"), None)
    if found is None:
        return None
    message = f"A worker is missing, and none takes its place. {found.message}"
    return found.model_copy(update={"cause": Cause.WORKER_LOST, "message": message})


def _ended_by_itself(pod: Pod, since_s: float) -> Failure | None:
    """How the container of a worker that nobody deletes has ended; not for memory."""
    container = pod.ray_container()
    ended = container.ended if container else None
    if container is None or ended is None or died_of_memory(container) or pod.is_going:
        return None
    if seconds(ended.get("finishedAt")) < since_s:
        return None
    how = f"exit code {ended.get('exitCode')}"
    return _failure(
        pod,
        f"A worker of the {pod.place} ended with {how}.",
        f"Pod {pod.name}, container {container.name}: {how} {ended.get('reason') or ''}".rstrip(),
    )


def _failure(pod: Pod, message: str, evidence: str) -> Failure:
    return Failure(
        cause=Cause.WORKER_LOST,
        place=pod.place,
        message=message,
        hint="Nothing: another takes its place. If it happens often, see its last lines and who "
        "deletes it.",
        evidence=(evidence,),
    )


def _by_place(failures: Iterable[Failure]) -> Iterator[Sequence[Failure]]:
    """Those of one cause and place together."""
    found: dict[tuple[Cause, str], list[Failure]] = {}
    for one in failures:
        found.setdefault((one.cause, where_of(one.place)), []).append(one)
    yield from found.values()


def _lost(failures: Sequence[Failure]) -> Diagnosis:
    """One that is told again when there are more of them."""
    first = failures[0]
    lines = tuple(line for one in failures for line in one.evidence)
    return Diagnosis(
        key=f"lost/{where_of(first.place)}/{first.cause.value}",
        state="lost",
        failure=first.model_copy(update={"evidence": lines}),
        news=str(len(failures)),
    )
