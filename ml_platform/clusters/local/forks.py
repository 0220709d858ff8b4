"""Forks that stand for the processes of clients: how they begin, are looked after, and end."""

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from ml_platform.clusters.local.fork_client import HEADER_BYTES
from ml_platform.processes import die_with_parent

STREAMS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a client wants to run: the wire's content, and its standard streams."""

    client: socket.socket
    content: dict[str, Any]
    streams: list[int]

    def close(self) -> None:
        """Let go of the client and of its streams."""
        for stream in self.streams:
            os.close(stream)
        self.client.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """A process that was forked for a client."""

    pid: int
    process: int  # a file descriptor that becomes readable at its end
    client: socket.socket


class Forks:
    """The forks of this process, in one thread, for a fork takes only the thread along."""

    def __init__(self) -> None:
        self._alive: dict[int, Fork] = {}
        self._doors: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()

    @property
    def busy(self) -> bool:
        """Whether somebody may still come, or a fork is alive."""
        return bool(self._doors or self._alive)

    def watch(self, door: socket.socket, on_ready: Callable[[], None]) -> None:
        """Call `on_ready` from `wait` whenever `door` has something; forks do not inherit it."""
        self._doors.append(door)
        self._selector.register(door, selectors.EVENT_READ, on_ready)

    def forget(self, door: socket.socket) -> None:
        """Watch `door` no longer, and close it."""
        self._doors.remove(door)
        self._selector.unregister(door)
        door.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Handle what happens next; False if nothing did for `timeout_s` seconds."""
        ready = self._selector.select(timeout_s)
        for key, _ in ready:
            key.data()
        return bool(ready)

    def fork_for(self, request: Request) -> None:
        """Run in a fork what `request` wants, and tell its client the fork's id."""
        pid = os.fork()
        if pid == 0:
            self.let_go()
            request.client.close()
            _become(request.content, request.streams)
        for stream in request.streams:
            os.close(stream)
        fork = Fork(pid=pid, process=os.pidfd_open(pid), client=request.client)
        self._alive[pid] = fork
        for readable in (fork.process, fork.client):
            self._selector.register(readable, selectors.EVENT_READ, lambda: self._end(fork))
        with contextlib.suppress(OSError):
            fork.client.sendall(f"{pid}\n".encode())

    def _end(self, fork: Fork) -> None:
        """Readable means that the fork ended or that its client is gone; then nobody wants it."""
        if self._alive.pop(fork.pid, None) is None:
            return  # its end and its client's came in one round
        self._selector.unregister(fork.process)
        self._selector.unregister(fork.client)
        os.close(fork.process)
        if os.waitid(os.P_PID, fork.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(fork.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(fork.pid, 0)[1])
        with contextlib.suppress(OSError):
            fork.client.sendall(f"{code}\n".encode())
        fork.client.close()

    def let_go(self) -> None:
        """Close all files of the parent's, in a child."""
        self._selector.close()
        for door in self._doors:
            door.close()
        for fork in self._alive.values():
            os.close(fork.process)
            fork.client.close()


def receive(channel: socket.socket, count: int) -> tuple[dict[str, Any], list[int]]:
    """The content and the `count` open files that the other end sent.

    Raises:
        ValueError: the other end left, or sent something else.
    """
    header, files, _, _ = socket.recv_fds(channel, HEADER_BYTES, count)
    size, content = int.from_bytes(header, "big"), b""
    while len(content) < size:
        part = channel.recv(size - len(content))
        if not part:
            break
        content += part
    if len(files) != count or len(content) != size or not size:
        for file in files:
            os.close(file)
        raise ValueError(f"wanted a message and {count} files, found {len(files)}")
    return json.loads(content), files


def import_all(names: Iterable[str]) -> None:
    """Import what can be; one less is slower, not wrong, and who needs it is told why."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def settle() -> None:
    """Keep the collector of a fork from touching, and so copying, what it shares."""
    gc.collect()
    gc.freeze()


def _become(wanted: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run in this fork what a fresh interpreter would, and end as it would."""
    os.setsid()
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    _draw_anew()
    sys.argv = list(wanted["argv"])
    code = 1
    try:
        if "module" in wanted:
            sys.path.insert(0, wanted["cwd"])
            runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(wanted["path"]).parent))
            runpy.run_path(wanted["path"], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:  # boundary: what a fresh interpreter would print
        sys.excepthook(*sys.exc_info())
    _shut_down(code)


def _draw_anew() -> None:
    """Give this fork random numbers of its own."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _exit_code(end: SystemExit) -> int:
    if isinstance(end.code, int | None):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def _shut_down(code: int) -> NoReturn:
    """What an interpreter does at its end, without going back to the server's own code."""
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
