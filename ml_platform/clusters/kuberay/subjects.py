"""What is looked at of one cluster: its objects, as a watch or a list asks for them."""

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import clusters_path, core_path, jobs_path
from ml_platform.clusters.kuberay.start import CLUSTERS, EVENTS, JOBS, PODS
from ml_platform.clusters.kuberay.watch import Subject


def subjects(namespace: str, name: str) -> tuple[Subject, ...]:
    """The RayJob of this name, all that belongs to it, and the warnings of the namespace."""
    ours = f"{labels.CLUSTER}={labels.label_value(name)}"
    return (
        Subject(name=JOBS, path=jobs_path(namespace), fields=f"metadata.name={name}"),
        Subject(name=CLUSTERS, path=clusters_path(namespace), labels=ours),
        Subject(name=PODS, path=core_path(namespace, "pods"), labels=ours),
        # Events cannot be chosen by the label of what they are about.
        Subject(name=EVENTS, path=core_path(namespace, "events"), fields="type=Warning"),
    )
