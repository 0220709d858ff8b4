"""How a Ray on this machine is started: its command, its environment, and why it did not start."""

import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.clusters.jobs.runtime import RUNTIME
from ml_platform.clusters.local import fork_client
from ml_platform.errors import ClusterStartError
from ml_platform.processes import MARK
from ml_platform.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from ml_platform.clusters.local.folder import LaunchRequest, State

LOCALHOST: Final = "127.0.0.1"
# Unix sockets have a path of at most 107 bytes, of which Ray's own part under its folder is 71.
LONGEST_TEMP_DIR: Final = 107 - 71 - len("/mlp-12345678")
# Variables that would change what Ray, the platform or Dagster do, depending on who came first.
FOREIGN_PREFIXES: Final = ("RAY_", "MLP_", "DAGSTER_")
# A keeper that a job starts must not count as part of that job's cluster.
FOREIGN_NAMES: Final = (
    MARK,
    fork_client.SOCKET_VARIABLE,
    "PYTHONPATH",
    "PYTHONWARNINGS",
    "PYTHONSTARTUP",
)
LOG_LINES: Final = 20
OURS: Final = RUNTIME | {
    # Two seconds by default, for which every `ray.train.report` would wait.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",
    # One process less: nobody takes this machine's only node away for another's sake.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # Spinning threads starve the other worker when both share two cores: 57 s became 13 s.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""What all processes of a local Ray are given; also its fork server, which reads them at import."""


def make_temp_dir() -> str:
    """A new folder for Ray, short enough for the sockets in it, for its owner only.

    Raises:
        ClusterStartError: there is no folder that is short enough.
    """
    for parent in (tempfile.gettempdir(), "/tmp"):
        if len(os.fsencode(parent)) <= LONGEST_TEMP_DIR and Path(parent).is_dir():
            return tempfile.mkdtemp(prefix="mlp-", dir=parent)
    raise ClusterStartError(
        f"no temporary folder is short enough for Ray's sockets: {tempfile.gettempdir()}",
        hint=f"set TMPDIR to a folder of at most {LONGEST_TEMP_DIR} characters.",
    )


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def start_command(request: "LaunchRequest", *, port: int, temp_dir: str) -> list[str]:
    """`ray start` for `request`, in the foreground, every port free or chosen by Ray."""
    return [
        *(
            sys.executable,
            "-m",
            "ml_platform.clusters.local.ray_command",
            "start",
            "--head",
            "--block",
        ),
        *("--node-ip-address", LOCALHOST, "--port", "0"),
        *("--include-dashboard", "true", "--dashboard-host", LOCALHOST),
        *("--dashboard-port", str(port), "--dashboard-agent-listen-port", "0"),
        *("--min-worker-port", "0", "--max-worker-port", "0"),
        *(
            "--num-cpus",
            str(request.cpus),
            "--object-store-memory",
            str(request.object_store_bytes),
        ),
        *("--temp-dir", temp_dir, "--disable-usage-stats", "--no-monitor"),
    ]


def fork_server_command(temp_dir: str) -> list[str]:
    """The fork server for this Ray's workers and drivers."""
    module = "ml_platform.clusters.local.fork_server"
    return [sys.executable, "-m", module, _fork_server_socket(temp_dir)]


def driver_python(*, fork_server: bool) -> tuple[str, ...]:
    """The Python of drivers; one that the fork server forks need not import the libraries."""
    return (sys.executable, fork_client.__file__) if fork_server else (sys.executable,)


def _fork_server_socket(temp_dir: str) -> str:
    return f"{temp_dir}/forks"


def start_environment(
    environ: Mapping[str, str],
    *,
    mark: str,
    token_file: Path,
    temp_dir: str,
    fork_server: bool = False,
) -> dict[str, str]:
    """The environment of Ray's processes, and so of the jobs: the same whoever starts it."""
    return (
        clean_environment(environ)
        | OURS
        | ({fork_client.SOCKET_VARIABLE: _fork_server_socket(temp_dir)} if fork_server else {})
        | {
            MARK: mark,
            "PYTHONPATH": str(PROJECT_ROOT),
            # Python's own sockets, which Ray's dashboard and many a job make, lie in there: one
            # too long for Ray's is soon too long for theirs.
            "TMPDIR": str(Path(temp_dir).parent),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token_file),
            # Without it Ray replaces 127.0.0.1 by the machine's address: all interfaces.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_START_HOOK": f"{__name__}.before_ray_starts",
        }
    )


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what depends on who came first."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(FOREIGN_PREFIXES) and name not in FOREIGN_NAMES
    }


def job_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What every job on a local Ray gets beside its Ray's own, before what its entry point asks."""
    paths = [str(PROJECT_ROOT), environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def before_ray_starts(parameters: Any, head: bool) -> None:
    """Called by `ray start`: no Ray Client server, as nobody uses it; maybe forked workers."""
    parameters.ray_client_server_port = None
    if fork_client.SOCKET_VARIABLE in os.environ:
        parameters.setup_worker_path = fork_client.__file__


def why_it_failed(state: "State", ray_out: Path) -> str:
    """The end of the log that says why Ray ended: its own, and the first component's that spoke."""
    logs = Path(state.temp_dir) / "session_latest" / "logs"
    components = ("gcs_server.err", "raylet.err", "dashboard.err", "dashboard_agent.err")
    parts = [end_of(ray_out)] + [end_of(logs / name) for name in components]
    told = [part for part in parts if part]
    return "\n".join(told[:2]) or f"{ray_out.name} is empty"


def end_of(log: Path) -> str:
    """The last lines of a log under its name; empty if it is empty or not there."""
    try:
        lines = log.read_text(errors="replace").rstrip().splitlines()
    except OSError:
        return ""
    if not lines:
        return ""
    return "\n".join([f"--- {log.name}", *lines[-LOG_LINES:]])
