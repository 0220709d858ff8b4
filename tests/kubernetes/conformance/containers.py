"""What the containers of a scenario's pods are doing."""

from tests.kubernetes.conformance.run import Run
from tests.support.kuberay.api import Object


def runs(run: Run, node_type: str, *, restarted: bool = False) -> bool:
    """Whether a container of the head or of a worker runs, if asked for after a restart."""
    return any(_runs(container) for container in _of(run, node_type, restarted))


def runs_in(pod: Object) -> bool:
    """Whether a container of this pod runs."""
    return any(_runs(container) for container in _in(pod))


def is_ready(run: Run, node_type: str, *, restarted: bool = False) -> bool:
    """Whether one is ready, if asked for after a restart."""
    return any(container.get("ready") for container in _of(run, node_type, restarted))


def restarts(run: Run, node_type: str) -> int:
    """How often they were restarted, all together."""
    return sum(c.get("restartCount", 0) for c in _of(run, node_type, restarted=False))


def _of(run: Run, node_type: str, restarted: bool) -> list[Object]:
    return [
        container
        for pod in run.pods(node_type)
        for container in _in(pod)
        if not restarted or container.get("restartCount", 0) > 0
    ]


def _in(pod: Object) -> list[Object]:
    """Init containers left out."""
    return (pod.get("status") or {}).get("containerStatuses") or []


def _runs(container: Object) -> bool:
    return "running" in (container.get("state") or {})
