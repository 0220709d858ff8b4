"""CPU seconds of all that this process has started, whatever session it fled to (Linux)."""

import ctypes
import os
import threading
from pathlib import Path
from typing import Final

PR_SET_CHILD_SUBREAPER: Final = 36
EVERY_S: Final = 0.25


class CpuTime:
    """Looks at the processes now and then, for a Ray waits for none of its own.

    What a process uses after the last look at it is lost: of one that ends, a quarter of a second.
    Makes this process the one that orphans fall to, so that a keeper of a Ray is still known as its
    descendant.
    """

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._used: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._look_on, daemon=True).start()

    def total(self) -> float:
        """Seconds so far, of the living and of the dead."""
        self._look()
        with self._lock:
            return sum(self._used.values())

    def _look_on(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        me, parents, seen = os.getpid(), {}, {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The name, in parentheses, may hold anything.
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])
            seen[pid] = fields[19], sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        with self._lock:
            for pid, (began, used) in seen.items():
                if pid != me and _descends(pid, me, parents):
                    self._used[pid, began] = used


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != ancestor:
        pid = parents[pid]
    return pid == ancestor
