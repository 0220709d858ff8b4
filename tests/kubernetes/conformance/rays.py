"""What runs in the pods of a scenario: the stand-in, or a real Ray of the cluster's image.

The stand-in makes the suite quick. With `MLP_CONFORMANCE_RAY=real` the same scenarios are observed
as they were recorded; those in which a whole container dies of memory are the stand-in's alone, as
a kernel with cgroup v1 kills one process only.
"""

import os
import shlex
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tests.support.kuberay import ray_stand_in

VARIABLE: Final = "MLP_CONFORMANCE_RAY"
STAND_IN: Final = "ray-stand-in"
FOLDER: Final = "/stand-in"
PATH: Final = f"{FOLDER}:/usr/local/bin:/usr/bin:/bin:/home/ray/anaconda3/bin"


class CannotBeRun(Exception):
    """This Ray cannot do what the scenario is about, here."""


class Ray(Protocol):
    """Entrypoints of jobs, and what the containers need."""

    @property
    def patience(self) -> float:
        """By how much longer than the stand-in it takes to start."""

    @property
    def pod_slots(self) -> int:
        """How many pods may be there at once."""

    @property
    def quick(self) -> str:
        """Succeeds so late that it is seen running."""

    def container(self, role: str) -> dict[str, Any]:
        """Fields of a container."""

    def slow(self, *, reachable: bool = False, deaf: bool = False) -> dict[str, str]:
        """Environment of a container that is not ready before the scenario ends.

        Args:
            reachable: A head that workers find nevertheless.
            deaf: It does not end on SIGTERM.
        """

    def late(self, seconds: int) -> dict[str, str]:
        """Environment of a worker that waits so long for the head."""

    def deadline(self, quick_s: int, recorded_s: int) -> int:
        """A deadline that lets the cluster start first."""

    def task(self, seconds: int) -> str:
        """A task of this length on a worker, repeated if that is lost."""

    def eats(self, who: str) -> str:
        """Takes all memory: `task`, `worker`, `driver`, `head`.

        Raises:
            CannotBeRun: the kernel would not end what is asked for.
        """


@dataclass(frozen=True, slots=True)
class StandIn:
    """See `tests.support.kuberay.ray_stand_in`."""

    patience: float = 1.0
    # Two cores start about two pods a second, and every worker asks for 0.2 of a core.
    pod_slots: int = 14
    # Twice the operator's 3 s between two looks.
    quick: str = "sleep 6"

    def container(self, role: str) -> dict[str, Any]:
        """Found first on the PATH, with probes that find it ready within a second."""
        check = {"httpGet": {"path": "/api/healthz", "port": ray_stand_in.AGENT_PORT}}
        often = {"periodSeconds": 1, "timeoutSeconds": 3}
        return {
            "env": {"PATH": PATH},
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"memory": "128Mi"},
            "volumeMounts": [{"name": STAND_IN, "mountPath": FOLDER}],
            "readinessProbe": {**check, **often, "failureThreshold": 3},
            "livenessProbe": {**check, **often, "failureThreshold": 7200},
        }

    def slow(self, *, reachable: bool = False, deaf: bool = False) -> dict[str, str]:
        """An hour is more than any scenario takes."""
        env = {"STAND_IN_STARTUP_S": "3600", "STAND_IN_GCS_S": "0" if reachable else "3600"}
        return env | ({"STAND_IN_DEAF": "yes"} if deaf else {})

    def late(self, seconds: int) -> dict[str, str]:
        """In its init container."""
        return {"STAND_IN_JOIN_S": str(seconds)}

    def deadline(self, quick_s: int, recorded_s: int) -> int:
        """The short one."""
        return quick_s

    def task(self, seconds: int) -> str:
        """The stand-in's own kind of task."""
        return f"ray task {seconds}"

    def eats(self, who: str) -> str:
        """In a child process, or in the container's first process."""
        commands = {"task": "ray task eat", "worker": "ray task eat-all"}
        return (commands | {"driver": "ray eat", "head": "ray eat-all"})[who]


@dataclass(frozen=True, slots=True)
class RealRay:
    """Ray itself, with the entrypoints of the recordings."""

    patience: float = 4.0
    # One cluster at a time: a Ray takes a core for 20 s to start, and ends if that takes a minute.
    pod_slots: int = 2
    quick: str = (
        "python -c 'import ray; ray.init(); print(ray.get(ray.remote(lambda: 7).remote()))'"
    )

    def container(self, role: str) -> dict[str, Any]:
        """Memory as recorded; probes are those that KubeRay injects. No memory monitor of Ray's."""
        request, limit = ("1Gi", "2Gi") if role == "ray-head" else ("512Mi", "1Gi")
        return {
            "env": {"RAY_memory_monitor_refresh_ms": "0"},
            "requests": {"cpu": "100m", "memory": request},
            "limits": {"memory": limit},
        }

    def slow(self, *, reachable: bool = False, deaf: bool = False) -> dict[str, str]:
        """It is slow by itself."""
        return {}

    def late(self, seconds: int) -> dict[str, str]:
        """It is late by itself."""
        return {}

    def deadline(self, quick_s: int, recorded_s: int) -> int:
        """The long one."""
        return recorded_s

    def task(self, seconds: int) -> str:
        """With the retries that Ray gives by default."""
        return _python(f"import time; time.sleep({seconds})", on="worker")

    def eats(self, who: str) -> str:
        """One process."""
        hog = "a = []\n    while True: a.append(b'x' * (64 << 20))"
        if who in ("worker", "head"):
            raise CannotBeRun("cgroup v1 kills one process of a container, not all of it")
        return _python(hog, on="worker" if who == "task" else "head")


def chosen() -> Ray:
    """What the environment asks for."""
    return RealRay() if os.environ.get(VARIABLE) == "real" else StandIn()


def _python(body: str, *, on: str) -> str:
    call = "ray.get(ray.remote(work).remote())" if on == "worker" else "work()"
    program = f"import ray\ndef work():\n    {body}\nray.init()\n{call}"
    return f"python -c {shlex.quote(program)}"
