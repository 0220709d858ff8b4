"""Whose logs tell of a failure: a few containers, however many there are. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.kuberay.diagnosis.events import seconds
from ml_platform.clusters.kuberay.diagnosis.pods import Container, Pod, gone_pods, pods_of
from ml_platform.clusters.kuberay.seen import Seen

MOST: Final = 5
"""Of hundreds of pods that fail together, a few say what all say."""
_WORDS: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
"""Names of pods are among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSource:
    """A container's log.

    Attributes:
        pod: Name of the pod.
        container: Name of the container.
        previous: Of its run before this one.
    """

    pod: str
    container: str
    previous: bool

    @property
    def key(self) -> str:
        """As `diagnose` calls it."""
        return f"{self.pod}/{self.container}"


def failed_to_start(seen: Seen) -> tuple[LogSource, ...]:
    """What keeps a cluster from becoming ready: what fails, else what runs and is not ready."""
    pods = _heads_first(seen)
    failed = [
        _source(pod, one)
        for pod in pods
        for one in pod.containers()
        if one.failures and not (one.ready and one.running is not None)
    ]
    slow = [_source(pod, one) for pod in pods for one in _not_ready(pod)]
    return tuple((failed or slow)[:MOST])


def at_the_end(now: Seen, *, head_uid: str, since_s: float) -> tuple[LogSource, ...]:
    """The head that the job ran on, and workers that fail.

    Args:
        now: What is seen; the logs of pods that are gone cannot be read any more.
        head_uid: Uid of that head's pod.
        since_s: When that head began, in seconds since 1970: failures before that are none of its
            job's.
    """
    heads, died, slow = [], [], []
    for pod in _heads_first(now):
        if pod.is_head:
            ray = pod.ray_container() if pod.uid == head_uid else None
            heads += [_source(pod, ray, since_s)] if ray else []
            continue
        for one in pod.containers():
            if one.failures and _ended_s(one) >= since_s:
                died.append((_ended_s(one), _source(pod, one, since_s)))
            elif one in _not_ready(pod):
                slow.append(_source(pod, one, since_s))
    died.sort(key=lambda death: death[0], reverse=True)
    return (*heads, *[*(source for _, source in died), *slow][:MOST])


def going(pods: Iterable[Pod]) -> tuple[LogSource, ...]:
    """Of pods that have begun to go, those to read before they are gone, heads first."""
    heads_first = sorted(pods, key=lambda pod: not pod.is_head)
    found = ((pod, pod.ray_container()) for pod in heads_first)
    return tuple(_source(pod, one) for pod, one in found if one is not None)[:MOST]


def unread(now: Seen, failure: Failure, *, head_uid: str, read: Iterable[str]) -> tuple[str, ...]:
    """Whose last lines are missing where they would tell more, each in a sentence.

    Args:
        now: What is seen.
        failure: What is to blame; the pods that it names are looked for.
        head_uid: Uid of the pod of the job's head.
        read: Names of the pods of which lines were read.
    """
    told = " ".join((failure.message, *failure.evidence))
    names = set(_WORDS.findall(told))
    there = set(read)
    return tuple(
        f"Pod {pod.name} was gone before its log could be read."
        for pod in gone_pods(now)
        if (pod.uid == head_uid or pod.name in names) and pod.name not in there
    )


def _heads_first(seen: Seen) -> list[Pod]:
    return sorted(pods_of(seen), key=lambda pod: not pod.is_head)


def _not_ready(pod: Pod) -> list[Container]:
    return [
        one
        for one in pod.containers()
        if one.running is not None and not pod.is_ready and (one.init or not one.ready)
    ]


def _source(pod: Pod, container: Container, since_s: float = 0.0) -> LogSource:
    """What it said at its last end since then, else what it says now."""
    came_back = "terminated" not in container.state and container.ended is not None
    return LogSource(
        pod=pod.name,
        container=container.name,
        previous=came_back and _ended_s(container) >= since_s,
    )


def _ended_s(container: Container) -> float:
    return seconds((container.ended or {}).get("finishedAt"))
