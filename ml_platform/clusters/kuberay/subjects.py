"""What is looked at of one cluster: its objects, as a watch or a list asks for them."""

from typing import Final

from ml_platform.clusters.kuberay import kueue, labels
from ml_platform.clusters.kuberay.api import clusters_path, core_path, jobs_path
from ml_platform.clusters.kuberay.start import CLUSTERS, EVENTS, JOBS, PODS, WORKLOADS
from ml_platform.clusters.kuberay.watch import Subject

_OF_EVERY_POD: Final = (
    *("Scheduled", "Pulled", "Created", "Started", "Killing"),
    *("CreatedHeadPod", "CreatedWorkerPod"),
)
"""Reasons of events that each pod has, and that its status says too: hundreds of them would come,
and wake everybody who waits. What a node does for long (`Pulling`) is said by no status."""


def life(namespace: str, name: str) -> tuple[Subject, ...]:
    """The RayJob of this name and its pods: what tells whether a cluster is there."""
    return tuple(one for one in subjects(namespace, name) if one.name in (JOBS, PODS))


def subjects(namespace: str, name: str, *, queue: str = "") -> tuple[Subject, ...]:
    """The RayJob of this name, all that belongs to it, and what is said in the namespace.

    Args:
        namespace: Where it is.
        name: The cluster.
        queue: The queue of Kueue that it waits in; without one nothing of Kueue is looked at.
    """
    ours = f"{labels.CLUSTER}={labels.label_value(name)}"
    told = ",".join(f"reason!={reason}" for reason in _OF_EVERY_POD)
    found = (
        Subject(name=JOBS, path=jobs_path(namespace), fields=f"metadata.name={name}"),
        Subject(name=CLUSTERS, path=clusters_path(namespace), labels=ours),
        Subject(name=PODS, path=core_path(namespace, "pods"), labels=ours),
        # Events cannot be chosen by the label of what they are about.
        Subject(name=EVENTS, path=core_path(namespace, "events"), fields=told),
    )
    if not queue:
        return found
    # Workloads are made by Kueue under names and labels of its own, and looked at before there is
    # a uid to choose them by.
    workloads = Subject(
        name=WORKLOADS,
        group=kueue.GROUP,
        versions=kueue.VERSIONS,
        path=f"namespaces/{namespace}/workloads",
    )
    return (*found, workloads)
