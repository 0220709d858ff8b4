"""The fork server of a local Ray: has imported what a training needs, and forks it at once.

    python -m ml_platform.clusters.warm_server <socket>

It listens before it imports, so nobody has to wait for a file. Each connection of `warm_client`
brings three streams and what to run, and gets the fork's process id and, at its end, its exit code;
a connection that breaks ends its fork. SIGTERM ends the server and all forks.
"""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from ml_platform.clusters.processes import die_with_parent

# What Ray Train, torch and a training import. Not Ray itself: its library draws names from a
# generator that a fork would repeat, and reads the job's id at its import. Nothing of ours, which
# may be edited while the server lives.
LIBRARIES: Final = (
    "torch.nn.parallel",
    # The first optimizer and the first wish for determinism import these, which takes six seconds.
    "torch._dynamo",
    "torch._inductor.config",
    "torch.distributed",
    "torch.utils.data",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "aiohttp",
    "dagster_pipes",
    "fsspec.implementations.local",
    "google.protobuf.json_format",
    "grpc.aio",
    "jsonschema",
    "pydantic",
    "requests",
    "safetensors.torch",
    "tensorboardX",
    "yaml",
)
STREAMS: Final = 3
LISTEN_BACKLOG: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """A process that was forked for a client."""

    pid: int
    process: int  # a file descriptor that becomes readable at its end
    client: socket.socket


class WarmServer:
    """Forks for whoever connects to `path`; one thread, for a fork takes only the thread along."""

    def __init__(self, path: str) -> None:
        self._forks: dict[int, Fork] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        Path(path).chmod(0o600)
        self._listener.listen(LISTEN_BACKLOG)

    def serve(self) -> NoReturn:
        """Fork until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # forks die with their parent
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._fork_for(self._listener.accept()[0])
                else:
                    self._look_after(key.data)

    def _fork_for(self, client: socket.socket) -> None:
        try:
            wanted, streams = receive(client)
        except (OSError, ValueError):
            client.close()  # it died while it asked
            return
        pid = os.fork()
        if pid == 0:
            self._leave(client)
            _become(wanted, streams)
        for stream in streams:
            os.close(stream)
        fork = Fork(pid=pid, process=os.pidfd_open(pid), client=client)
        self._forks[pid] = fork
        self._selector.register(fork.process, selectors.EVENT_READ, fork)
        self._selector.register(client, selectors.EVENT_READ, fork)
        with contextlib.suppress(OSError):
            client.sendall(f"{pid}\n".encode())

    def _look_after(self, fork: Fork) -> None:
        if self._forks.pop(fork.pid, None) is None:
            return  # its end and its client's came in one round
        self._selector.unregister(fork.process)
        self._selector.unregister(fork.client)
        os.close(fork.process)
        # Readable means that the fork ended or that its client is gone; then nobody wants it.
        if os.waitid(os.P_PID, fork.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(fork.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(fork.pid, 0)[1])
        with contextlib.suppress(OSError):
            fork.client.sendall(f"{code}\n".encode())
        fork.client.close()

    def _leave(self, client: socket.socket) -> None:
        """Let go of the server's files, in a fork."""
        self._selector.close()
        self._listener.close()
        for fork in self._forks.values():
            os.close(fork.process)
            fork.client.close()
        client.close()


def receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a client wants, and its streams.

    Raises:
        ValueError: the client left, or brought something else.
    """
    header, streams, _, _ = socket.recv_fds(client, 8, STREAMS)
    size, content = int.from_bytes(header, "big"), b""
    while len(content) < size:
        part = client.recv(size - len(content))
        if not part:
            break
        content += part
    if len(streams) != STREAMS or len(content) != size or not size:
        for stream in streams:
            os.close(stream)
        raise ValueError(f"wanted a message and {STREAMS} streams, found {len(streams)}")
    return json.loads(content), streams


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


def main(path: str) -> NoReturn:
    """Listen, import, fork."""
    die_with_parent(signal.SIGTERM)
    server = WarmServer(path)
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):  # one less is slower, not wrong
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that a fork's collector does not touch, and so copy, what is shared
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
