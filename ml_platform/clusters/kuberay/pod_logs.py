"""The last lines of pods' logs, for those who ask why something failed.

All are asked for at once, in threads that nobody waits for longer than a moment: a node that does
not answer keeps no step, and a log that cannot be had changes nothing of what happened.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.diagnosis.log_sources import LogSource
from ml_platform.errors import ClusterError

LINES: Final = 200
MOST_BYTES: Final = 32 << 10
WITHIN_S: Final = 3.0

Logs = Mapping[LogSource, tuple[str, ...]]


def read_logs(
    api: KubernetesApi,
    namespace: str,
    sources: Sequence[LogSource],
    *,
    within_s: float = WITHIN_S,
) -> Logs:
    """The last lines by source, in the given order, without those that had none in time."""
    found: dict[LogSource, tuple[str, ...]] = {}

    def read(source: LogSource) -> None:
        # It may have been started again since it was seen: then what it said is in the other run.
        for previous in (source.previous, not source.previous):
            try:
                text = api.log(
                    namespace,
                    source.pod,
                    source.container,
                    previous=previous,
                    lines=LINES,
                    within_s=within_s,
                )
            except ClusterError:
                continue
            if lines := last_lines(text):
                found[source] = lines
                return

    threads = [
        threading.Thread(target=read, args=(one,), name="pod-log", daemon=True) for one in sources
    ]
    until = time.monotonic() + within_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    # A thread that comes late writes beside: what is handed out stays as it is.
    there = dict(found)
    return {one: there[one] for one in sources if one in there}


def last_lines(text: str) -> tuple[str, ...]:
    """The last lines of a text, of no more than `MOST_BYTES`; the first may be cut."""
    kept = text.encode()[-MOST_BYTES:].decode("utf-8", "ignore")
    return tuple(kept.splitlines()[-LINES:])


def by_name(logs: Logs) -> dict[str, tuple[str, ...]]:
    """The same by a name that can be a file's."""
    return {f"{source.pod}.{source.container}": lines for source, lines in logs.items()}
