"""The fork server of a local Ray: has imported what a training needs, and forks it at once.

    python -m ml_platform.clusters.local.fork_server <socket>

It listens before it imports, so nobody has to wait for a file. Each connection of `fork_client`
brings three streams and what to run, and gets the fork's process id and, at its end, its exit code;
a connection that breaks ends its fork. SIGTERM ends the server and all forks.
"""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn

from ml_platform.clusters.local.fork_spares import RAY_MODULES, Spares
from ml_platform.clusters.local.forks import (
    STREAMS,
    Forks,
    Request,
    import_all,
    receive,
    settle,
)
from ml_platform.processes import die_with_parent

# What Ray Train, torch and a training import. Not Ray itself, see `fork_spares`. Nothing of ours,
# which may be edited while the server lives.
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
    "aiohttp",
    "anyio",
    "dagster_pipes",
    "fsspec.implementations.local",
    "google.protobuf.json_format",
    "grpc.aio",
    "jsonschema",
    "pydantic",
    "pydantic.v1",
    "requests",
    "rich.live",
    "safetensors.torch",
    "starlette.datastructures",
    "starlette.exceptions",
    "tabulate",
    "tensorboardX",
    "yaml",
)
LISTEN_BACKLOG: Final = 64
# Spares are prepared when nobody has come for this long: not while a training starts.
QUIET_S: Final = 2.0


class WarmServer:
    """Forks for whoever connects to a socket.

    Args:
        path: Where the socket is made.
        spare_modules: What spares import.
        quiet_s: After how many seconds without anybody spares are prepared.
    """

    def __init__(
        self,
        path: str,
        *,
        spare_modules: tuple[str, ...] = RAY_MODULES,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._forks = Forks()
        self._spares = Spares(self._forks, spare_modules)
        self._quiet_s = quiet_s
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        Path(path).chmod(0o600)
        self._listener.listen(LISTEN_BACKLOG)
        self._forks.watch(self._listener, self._admit)

    def serve(self) -> NoReturn:
        """Fork until SIGTERM."""
        # Forks die with their parent; spares inherit this.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        prepared = True
        while True:
            if self._forks.wait(None if prepared else self._quiet_s):
                prepared = False
            else:
                prepared = self._spares.prepare()

    def _admit(self) -> None:
        client = self._listener.accept()[0]
        try:
            content, streams = receive(client, STREAMS)
        except (OSError, ValueError):
            client.close()  # it died while it asked
            return
        request = Request(client=client, content=content, streams=streams)
        if not self._spares.hand_over(request):
            self._forks.fork_for(request)


def main(path: str) -> NoReturn:
    """Listen, import, fork."""
    die_with_parent()
    server = WarmServer(path)
    import_all(LIBRARIES)
    settle()
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
