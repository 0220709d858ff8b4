"""The rest of a start, while the job runs already: workers join, or it is told why they do not.

And what is lost of those that have joined.
"""

import contextlib
import threading
from collections.abc import Callable

from ml_platform.clusters.interface import HeadAddress
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.errors import ClusterError, ClusterStartError


class Joining:
    """Waits in a thread of its own while it is entered, and stops a job whose workers do not come.

    Args:
        wait: Returns when what it is given says that nobody waits any more; raises
            ClusterStartError when not all will join.
        head: Of the cluster, where the job is stopped.
    """

    def __init__(self, wait: Callable[[Callable[[], bool]], object], head: HeadAddress) -> None:
        self._wait = wait
        self._head = head
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._job = ""
        self._failure: ClusterStartError | None = None

    def __enter__(self) -> "Joining":
        threading.Thread(target=self._run, name="joining", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        # Nobody waits for the thread: what ends from now on is removed.
        with self._lock:
            self._ended.set()

    def note_job(self, submission_id: str) -> None:
        """This job waits for the workers."""
        with self._lock:
            self._job = submission_id
            is_late = self._failure is not None
        if is_late:
            self._stop(submission_id)

    def raise_failure(self) -> None:
        """Raise why the workers did not join, if that is why the job has ended.

        Raises:
            ClusterStartError: names the cause.
        """
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._wait(self._ended.is_set)
        except ClusterStartError as failure:
            with self._lock:
                if self._ended.is_set():
                    return
                self._failure = failure
                job = self._job
            if job:
                self._stop(job)
        except ClusterError:
            pass  # the API server, or a right: who follows the job finds out what it means

    def _stop(self, job: str) -> None:
        # A head that does not answer is who follows the job's to judge.
        with contextlib.suppress(ClusterError), JobsApi(self._head) as api:
            api.stop(job)
