"""The last lines of pods that are deleted while their cluster is in use: drained, or preempted.

Of a pod that is gone none can be read. Each is read once, when it is first seen to go, which its
grace period leaves time for; what it says after that is lost.
"""

import threading
from collections.abc import Mapping
from typing import Final

from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.diagnosis.log_sources import going
from ml_platform.clusters.kuberay.diagnosis.pods import Pod
from ml_platform.clusters.kuberay.pod_logs import by_name, read_logs
from ml_platform.clusters.kuberay.seen import Watched
from ml_platform.clusters.kuberay.start import PODS
from ml_platform.errors import ClusterError

MOST_KEPT: Final = 6
"""Of those that went last: a head, and as many workers as are asked for at the end."""
LOOK_EVERY_S: Final = 5.0


class DyingLogs:
    """Reads them in a thread of its own while it is entered.

    Args:
        api: The API server.
        namespace: Of the pods.
        watch: The pods of one cluster.
    """

    def __init__(self, api: KubernetesApi, namespace: str, watch: Watched) -> None:
        self._api = api
        self._namespace = namespace
        self._watch = watch
        self._ended = threading.Event()
        self._known: set[str] = set()
        self._kept: Mapping[str, tuple[str, ...]] = {}

    def __enter__(self) -> "DyingLogs":
        threading.Thread(target=self._run, name="dying-logs", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Nobody waits for the thread: pods that go from now on go because they are removed.
        self._ended.set()

    @property
    def logs(self) -> Mapping[str, tuple[str, ...]]:
        """The last lines by a name that can be a file's, the latest last."""
        return self._kept

    def _run(self) -> None:
        while not self._ended.is_set():
            changes = self._watch.changes
            self._read()
            self._watch.wait(changes, LOOK_EVERY_S)

    def _read(self) -> None:
        try:
            pods = [Pod(raw=one) for one in self._watch.objects(PODS)]
        except ClusterError:  # a right was taken away; it may come back
            return
        new = [pod for pod in pods if pod.is_going and pod.name not in self._known]
        self._known |= {pod.name for pod in new}
        if new:
            read = by_name(read_logs(self._api, self._namespace, going(new)))
            self._kept = dict([*self._kept.items(), *read.items()][-MOST_KEPT:])
