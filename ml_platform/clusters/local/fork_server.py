"""The fork server of a local Ray: has imported what a training needs, and forks it at once.

    python -m ml_platform.clusters.local.fork_server <socket>

It listens before it imports, so nobody has to wait for a file. Each connection of `fork_client`
brings three streams and what to run, and gets the fork's process id and, at its end, its exit code;
a connection that breaks ends its fork. SIGTERM ends the server and all forks.
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from ml_platform.clusters.local.fork_client import receive_message
from ml_platform.clusters.local.forked import become
from ml_platform.processes import die_with_parent

# What Ray Train, torch and a training import. Not Ray itself, which reads its variables, the id of
# the job among them, while it is imported. Nothing of ours, which may be edited meanwhile.
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
    "pyarrow.json",
    "aiohttp.web",
    "anyio",
    "click",
    "dagster_pipes",
    "filelock",
    "fsspec.implementations.local",
    "google.protobuf.json_format",
    "grpc.aio",
    "jsonschema",
    "logging.config",
    "pydantic.json_schema",
    "pydantic.types",
    "pydantic.v1",
    "requests",
    "rich.live",
    "safetensors.torch",
    "starlette.datastructures",
    "starlette.exceptions",
    "tabulate",
    "tensorboardX",
    "uvloop",
    "yaml",
)
LISTEN_BACKLOG: Final = 64
STREAMS: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """A process that was forked for a client."""

    pid: int
    process: int  # a file descriptor that becomes readable at its end
    client: socket.socket


class ForkServer:
    """Forks for whoever connects to a socket; in one thread, for a fork takes only it along.

    Args:
        path: Where the socket is made.
    """

    def __init__(self, path: str) -> None:
        self._forks: dict[int, Fork] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        Path(path).chmod(0o600)
        self._listener.listen(LISTEN_BACKLOG)
        self._selector.register(self._listener, selectors.EVENT_READ, self._admit)

    def serve(self) -> NoReturn:
        """Fork until SIGTERM."""
        # Forks die with their parent.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _admit(self) -> None:
        client = self._listener.accept()[0]
        try:
            wanted, streams = receive_message(client, STREAMS)
        except (OSError, ValueError):
            client.close()  # it died while it asked
            return
        self._fork(client, wanted, streams)

    def _fork(self, client: socket.socket, wanted: dict[str, Any], streams: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._let_go()
            client.close()
            become(wanted, streams)
        for stream in streams:
            os.close(stream)
        fork = Fork(pid=pid, process=os.pidfd_open(pid), client=client)
        self._forks[pid] = fork
        for readable in (fork.process, fork.client):
            self._selector.register(readable, selectors.EVENT_READ, lambda: self._end(fork))
        with contextlib.suppress(OSError):  # it is gone: `_end` comes next
            client.sendall(f"{pid}\n".encode())

    def _end(self, fork: Fork) -> None:
        """Readable means that the fork ended or that its client is gone; then nobody wants it."""
        if self._forks.pop(fork.pid, None) is None:
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

    def _let_go(self) -> None:
        """Close all files of the server's, in a fork."""
        self._selector.close()
        self._listener.close()
        for fork in self._forks.values():
            os.close(fork.process)
            fork.client.close()


def import_all(names: Iterable[str]) -> None:
    """Import what can be; who needs what cannot imports it himself and is told why."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # boundary: a library may raise anything; one less is slower
            sys.stderr.write(f"fork server: cannot import {name}: {error!r}\n")


def main(path: str) -> NoReturn:
    """Listen, import, fork."""
    die_with_parent()
    server = ForkServer(path)
    import_all(LIBRARIES)
    # Keeps the collector of a fork from touching, and so copying, what it shares.
    gc.collect()
    gc.freeze()
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
