"""What is wrong with the catalogue of nodes, as Kubernetes would find it in each pod made by it."""

from collections.abc import Iterator
from typing import Final

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.kuberay.checks.scalars import label_key, label_value, text
from ml_platform.clusters.kuberay.checks.scheduling import tolerations
from ml_platform.clusters.kuberay.checks.shapes import map_of
from ml_platform.clusters.kuberay.checks.words import is_label_key
from ml_platform.wrong_values import shown_name


def catalogue_mistakes(catalogue: Catalogue) -> Iterator[str]:
    """Labels, tolerations and names of GPUs that no node has."""
    for kind in catalogue.nodes:
        where = f"the catalogue's {shown_name(kind.name)}"
        yield from _LABELS(f"{where}.labels", kind.labels)
        yield from tolerations(f"{where}.tolerations", list(kind.tolerations))
        yield from _RESOURCE(f"{where}.gpu_resource", kind.gpu_resource)


def _is_extended(name: str) -> bool:
    domain, slash, _ = name.partition("/")
    return bool(slash) and is_label_key(name) and not f".{domain}".endswith(".kubernetes.io")


_LABELS: Final = map_of(label_key, label_value)
_RESOURCE: Final = text(_is_extended, "the name of a resource, as nvidia.com/gpu")
