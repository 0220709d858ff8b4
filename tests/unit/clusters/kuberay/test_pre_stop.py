"""The program that a pod runs when it is told to end, in a process namespace like a pod's."""

import os
import subprocess
import sys

import pytest

from ml_platform.clusters.kuberay.pre_stop import PROGRAM

SETTLE_S = 10
STARTS = """
import subprocess, sys, time
begun = [
    subprocess.Popen(["bash", "-c", 'exec -a "$0" sleep 60', title], stdout=subprocess.DEVNULL)
    for title in sys.argv[2:]
]
time.sleep(0.3)  # until each has its title
subprocess.run([sys.executable, "-I", "-S", "-c", sys.argv[1]], check=True)
time.sleep(0.1)
print(*("lives" if one.poll() is None else "ended" for one in begun))
"""


def after_stop(*titles: str) -> list[str]:
    """What became of processes of these titles, beside which the program ran."""
    own = ["unshare", "--pid", "--fork", "--mount-proc"]
    rootless = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    if subprocess.run([*own, *rootless, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process namespace may be made here")
    command = [*own, *rootless, sys.executable, "-c", STARTS, PROGRAM, *titles]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SETTLE_S)
    return ran.stdout.split()


def test_what_works_on_nothing_ends_at_once() -> None:
    titles = ("ray start --head", "gcs_server", "ray::DashboardAgent", "ray::IDLE", "raylet")
    assert after_stop(*titles) == ["ended"] * len(titles)


@pytest.mark.parametrize("title", ["ray::JobSupervisor", "ray::RayTrainWorker.execute"])
def test_where_something_works_nothing_is_ended(title: str) -> None:
    assert after_stop("ray start --head", title) == ["lives", "lives"]
