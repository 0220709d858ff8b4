"""What a cluster that was ready says at the end: what is to blame, and its pods' last lines."""

from collections.abc import Mapping

from ml_platform.clusters.interface import LastWords
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.diagnosis.end import ended_by
from ml_platform.clusters.kuberay.diagnosis.events import seconds
from ml_platform.clusters.kuberay.diagnosis.head import incarnation
from ml_platform.clusters.kuberay.diagnosis.log_sources import at_the_end, unread
from ml_platform.clusters.kuberay.pod_logs import by_name, read_logs
from ml_platform.clusters.kuberay.seen import Seen


def last_words(
    api: KubernetesApi,
    namespace: str,
    *,
    ready: Seen,
    now: Seen,
    dying: Mapping[str, tuple[str, ...]],
) -> LastWords:
    """Within seconds, whatever the API server does.

    Args:
        api: The API server.
        namespace: Of the pods.
        ready: What was seen when the cluster became ready.
        now: What is seen now.
        dying: What pods said when they were about to go.
    """
    head_uid, began, _ = incarnation(ready).split("/")
    sources = at_the_end(now, head_uid=head_uid, since_s=seconds(began))
    logs = {**dying, **by_name(read_logs(api, namespace, sources))}
    failure = ended_by(ready, now)
    if failure is not None:
        read = [name.rpartition(".")[0] for name in logs]
        missing = unread(now, failure, head_uid=head_uid, read=read)
        evidence = {"evidence": (*failure.evidence, *missing)}
        failure = failure.model_copy(update=evidence)
    return LastWords(failure=failure, logs=logs)
