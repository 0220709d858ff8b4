"""What was seen of a cluster on Kubernetes at one moment: objects as the API server has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ml_platform.clusters.kuberay import labels

Object = Mapping[str, Any]
KueueUnknown = Literal["", "not installed", "not allowed"]
"""Why nothing is known of Kueue's Workloads; empty if they are known, or were not asked for."""


def annotation(item: Object, name: str) -> str:
    """An annotation of an object; empty if it has none of this name."""
    return str((item["metadata"].get("annotations") or {}).get(name) or "")


def is_going(item: Object) -> bool:
    """Whether an object is on its way out."""
    return "deletionTimestamp" in item["metadata"]


def of_ray_cluster(pods: Iterable[dict[str, Any]], name: str) -> tuple[dict[str, Any], ...]:
    """Without the pods of another RayCluster: one that was suspended leaves some for a while.

    Args:
        pods: Of one RayJob.
        name: Of its RayCluster now; empty if there is none.
    """
    return tuple(
        one
        for one in pods
        if not name or (one["metadata"].get("labels") or {}).get(labels.RAY_CLUSTER, name) == name
    )


class Objects(Protocol):
    """Objects by the name of their kind, watched or listed."""

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        """The objects of a kind as they are known now; none of a kind that is not looked at."""

    def gone(self, name: str) -> tuple[dict[str, Any], ...]:
        """Objects of a kind that have vanished, as they were last, as far as that is known."""


class Watched(Objects, Protocol):
    """Objects that are kept up to date; see `Watch`."""

    @property
    def changes(self) -> int:
        """Grows with each change, and when it is not current any more."""

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until something has changed since `changes` was `seen`; returns what it is now."""

    def wait_for_lists(self, timeout_s: float) -> bool:
        """Wait until each kind was listed once; whether that is so."""

    def is_current(self, *names: str) -> bool:
        """Whether all changes of these kinds come in just now."""

    def list_anew(self, timeout_s: float) -> bool:
        """List all once more; whether that was done in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The objects of one cluster.

    Attributes:
        ray_job: The RayJob; None if it is gone.
        ray_cluster: The RayCluster that KubeRay has made for it, if there is one.
        pods: Pods with its label, those on their way out too.
        gone: Pods with its label that are not there any more, as they were last.
        events: Events about any of these, as the core API has them, in any order: those that were
            written through `events.k8s.io` too, with their times in other fields; without those
            that every pod has (see `subjects`).
        workload: Kueue's Workload of the RayJob, where there is a queue.
        workloads: All Workloads of the namespace, this one included, where there is a queue.
        kueue_unknown: Why there are none.
        at_s: When they were seen, in seconds since 1970.
    """

    ray_job: Object | None
    ray_cluster: Object | None = None
    pods: tuple[Object, ...] = ()
    gone: tuple[Object, ...] = ()
    events: tuple[Object, ...] = ()
    workload: Object | None = None
    workloads: tuple[Object, ...] = ()
    kueue_unknown: KueueUnknown = ""
    at_s: float = 0.0


def uid_of(job: Object) -> str:
    """The uid of an object that the API server has given."""
    return str(job["metadata"]["uid"])
