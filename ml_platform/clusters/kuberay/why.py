"""Why a cluster waits, for somebody who looks at it once and does not start it."""

from typing import Any

from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.start import seen_by
from ml_platform.clusters.kuberay.subjects import subjects


class _Listed:
    """The objects of a cluster, each kind listed when it is asked for."""

    def __init__(self, api: KubernetesApi, namespace: str, name: str) -> None:
        self._api = api
        self._subjects = {one.name: one for one in subjects(namespace, name)}

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        subject = self._subjects[name]
        return tuple(self._api.list(subject.path, labels=subject.labels, fields=subject.fields))

    def gone(self, name: str) -> tuple[dict[str, Any], ...]:
        """None: a list knows only what is there."""
        del name
        return ()


def why_it_waits(api: KubernetesApi, namespace: str, name: str, uid: str, *, now_s: float) -> str:
    """The first cause that is found, with its cure; empty if there is none.

    Args:
        api: The API server.
        namespace: Where it is.
        name: The cluster.
        uid: Which RayJob of this name.
        now_s: Seconds since 1970.

    Raises:
        ApiRefusedError: the account may not list its objects.
        ApiAwayError: the API server stayed away.
    """
    findings = diagnose(seen_by(_Listed(api, namespace, name), uid, now_s))
    if not findings:
        return ""
    failure = findings[0].failure
    return f"{failure.message} {failure.hint}".strip()
