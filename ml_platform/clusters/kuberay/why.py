"""Why a cluster waits, for somebody who looks at it once and does not start it."""

from typing import Any

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi, group_path, served_path
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.kueue import PlaceInQueue
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import seen_by
from ml_platform.clusters.kuberay.subjects import subjects
from ml_platform.clusters.kuberay.watch import Subject
from ml_platform.errors import ObjectMissingError


class _Listed:
    """The objects of a cluster, each kind listed when it is asked for."""

    def __init__(self, api: KubernetesApi, found: tuple[Subject, ...]) -> None:
        self._api = api
        self._subjects = {one.name: one for one in found}

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        subject = self._subjects.get(name)
        if subject is None:
            return ()
        path = self._path(subject)
        return tuple(self._api.list(path, labels=subject.labels, fields=subject.fields))

    def gone(self, name: str) -> tuple[dict[str, Any], ...]:
        """None: a list knows only what is there."""
        del name
        return ()

    def _path(self, subject: Subject) -> str:
        if not subject.group:
            return subject.path
        group = self._api.get(group_path(subject.group))
        if group is None:
            raise ObjectMissingError(f"{subject.group} is not installed")
        return served_path(group, subject.versions, subject.path)


def why_it_waits(api: KubernetesApi, job: Object, *, now_s: float) -> str:
    """The first cause that is found, with its cure; empty if there is none.

    Args:
        api: The API server.
        job: Its RayJob.
        now_s: Seconds since 1970.

    Raises:
        ApiRefusedError: the account may not list its objects.
        ApiAwayError: the API server stayed away.
    """
    metadata = job["metadata"]
    namespace, queue = metadata["namespace"], (metadata.get("labels") or {}).get(labels.QUEUE, "")
    listed = _Listed(api, subjects(namespace, metadata["name"], queue=queue))
    seen = PlaceInQueue(api, namespace).added_to(seen_by(listed, metadata["uid"], now_s))
    diagnoses = diagnose(seen)
    if not diagnoses:
        return ""
    failure = diagnoses[0].failure
    return f"{failure.message} {failure.hint}".strip()
