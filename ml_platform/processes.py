"""Which processes are ours, and how to be rid of them: only our own are ever signalled.

A Ray is about twenty processes, in several sessions, some of which overwrite their command line and
with it their environment. Ours are those in the session of the process that we started, those that
carry our mark in their environment, and all their descendants.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "ML_PLATFORM_CLUSTER"
POLL_S: Final = 0.1
KILL_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A process by id and start: ids are used again, the two together are not.

    `started` is in clock ticks since boot on Linux, immune to the clock being set; elsewhere it is
    seconds since 1970.
    """

    pid: int
    started: float


def identity_of(pid: int) -> Identity | None:
    """The living process of this id; None if there is none or it is a zombie."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        # The name, in parentheses, may hold anything; state is the first field after it.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else Identity(pid=pid, started=float(fields[19]))
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid=pid, started=process.create_time())
    except psutil.Error:
        return None


def myself() -> Identity:
    """This process."""
    me = identity_of(os.getpid())
    if me is None:
        raise ProcessLookupError(os.getpid())
    return me


def is_alive(identity: Identity | None) -> bool:
    """Whether this very process still runs."""
    return identity is not None and identity_of(identity.pid) == identity


def send(identity: Identity, signal_number: int) -> None:
    """Signal this very process, if it is still there."""
    if is_alive(identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, signal_number)


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """Have the kernel signal this process when its parent dies without a word (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal_number)


def owned(mark: str, leader: Identity | None) -> list[Identity]:
    """All living processes of a cluster, this process excepted.

    Args:
        mark: What `MARK` is set to in the environment of the cluster's first process.
        leader: The cluster's first process, which leads a session of its own, if it is known.
    """
    session = leader.pid if leader is not None and not _is_reused(leader) else None
    present: dict[int, Identity | None] = {}
    parents: dict[int, int] = {}
    roots: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            present[process.pid] = identity_of(process.pid)
            parents[process.pid] = process.ppid()
            if _is_in(process.pid, session) or _carries(process, mark):
                roots.add(process.pid)
    ours = {pid for pid in parents if not roots.isdisjoint(_line(pid, parents))}
    found = (present[pid] for pid in sorted(ours - {os.getpid()}))
    return [identity for identity in found if identity is not None]


def stop_all(
    mark: str,
    leader: Identity | None,
    *,
    grace_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Identity]:
    """Ask the cluster's first process to end, then kill what is left after `grace_s`.

    Returns:
        What could not be killed within ten more seconds; normally nothing.
    """
    left = _still_there(mark, leader, ())
    if leader is not None:
        send(leader, signal.SIGTERM)
    deadline = clock() + grace_s
    while left and clock() < deadline:
        sleep(POLL_S)
        left = _still_there(mark, leader, left)
    deadline = clock() + KILL_TIMEOUT_S
    while left and clock() < deadline:
        for identity in left:
            send(identity, signal.SIGKILL)
        sleep(POLL_S)
        left = _still_there(mark, leader, left)
    return left


def _still_there(mark: str, leader: Identity | None, known: Iterable[Identity]) -> list[Identity]:
    # A child whose parent has died is no descendant any more, so those once seen are remembered.
    return list({*owned(mark, leader), *filter(is_alive, known)})


def _is_in(pid: int, session: int | None) -> bool:
    return session is not None and os.getsid(pid) == session


def _carries(process: psutil.Process, mark: str) -> bool:
    return process.environ().get(MARK) == mark


def _is_reused(leader: Identity) -> bool:
    # A session's id is not given to a new process while the session has members, so a live process
    # of that id that is not the leader means that the session is gone.
    present = identity_of(leader.pid)
    return present is not None and present != leader


def _line(pid: int, parents: dict[int, int]) -> Iterable[int]:
    seen: set[int] = set()
    while pid in parents and pid not in seen:
        seen.add(pid)
        yield pid
        pid = parents[pid]
