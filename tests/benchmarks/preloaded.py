"""Ray's own way to workers that have imported torch: started ahead, `preload_python_modules`.

A Ray of the provisioner `local` in all but two of its settings and the number of its CPUs, for Ray
starts a worker per CPU ahead; and its jobs bring no variables, as workers that were started ahead
serve only work without an environment of its own. The product has nothing of this.

`python -m tests.benchmarks.preloaded <folder>` is the keeper of such a Ray.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import Cluster, ClusterRequest, JobRuntime
from ml_platform.clusters.local.folder import ClusterFolder, LaunchRequest
from ml_platform.clusters.local.fork_server import LIBRARIES
from ml_platform.clusters.local.keeper import Commands, Keeper, ray_commands
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.settings import PROJECT_ROOT
from ml_platform.xray.records import Recorder

# Supervisor, controller and two workers, and two to spare.
CPUS: Final = 6
# A worker is Ray's already, so that these too can be imported ahead.
MODULES: Final = (*LIBRARIES, "ray.train", "ray.train.torch")
SETTINGS: Final = {
    "RAY_preload_python_modules": ",".join(MODULES),
    "RAY_prestart_worker_first_driver": "1",
}


class PreloadingProvisioner(LocalProvisioner):
    """A Ray on this machine that has started its workers ahead."""

    @contextmanager
    def acquire(self, request: ClusterRequest, recorder: Recorder) -> Iterator[Cluster]:
        """See `Provisioner.acquire`; starts its own keeper, which the provisioner then finds."""
        folder = ClusterFolder(self._home / request.name)
        folder.make()
        lease = folder.take_lease(request.holder)
        try:
            if folder.state() is None:
                launch = replace(self._launch_request(request.spec), cpus=CPUS)
                folder.write_launch_request(launch)
                start_keeper(folder)
                wait_for_state(folder)
            with super().acquire(request, recorder) as cluster:
                yield replace(cluster, runtime=JobRuntime(python=cluster.runtime.python))
        finally:
            lease.unlink(missing_ok=True)


def start_keeper(folder: ClusterFolder) -> None:
    """Start the keeper of this module, and return."""
    with folder.keeper_log.open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.preloaded", str(folder.path)],
            cwd=folder.path,
            env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=True,
        )


def wait_for_state(folder: ClusterFolder) -> None:
    """Until the keeper has said that it is there: else a second one would be started."""
    deadline = time.monotonic() + 60
    while folder.state() is None and time.monotonic() < deadline:
        time.sleep(0.1)


def preloading_commands(request: LaunchRequest, port: int, temp_dir: str) -> Commands:
    """Those of a real Ray, with two more settings."""
    usual = ray_commands(request, port, temp_dir)
    return replace(usual, ray=["env", *_assignments(SETTINGS), *usual.ray])


def _assignments(variables: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items()]


def main(path: str) -> None:
    """As the product's keeper, with other commands."""
    if os.fork():
        os._exit(0)
    folder = ClusterFolder(Path(path))
    with folder.kept() as alone:
        request = folder.launch_request()
        if alone and request is not None:
            Keeper(folder, request, commands=preloading_commands).keep()


if __name__ == "__main__":
    main(sys.argv[1])
