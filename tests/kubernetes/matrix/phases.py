"""Moments of a training, each of which is held for as long as a fault needs it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.kubernetes.faults.api_script import Hold, HoldAnswer
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.cluster import ClusterError
from tests.support.attempts.head import EPOCHS

NODE: Final = layout.NODE


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A moment, and how a training is brought to it.

    Attributes:
        name: As the table has it.
        held: Sends the step and waits until it is there; from the end of the block on it goes on.
        has_pods: Whether there are pods of its cluster.
        has_cluster: Whether there is anything of it on Kubernetes.
        runs: Whether the driver has begun.
        holds_step: Whether the step itself is held, and learns nothing before it goes on.
    """

    name: str
    held: Callable[[Case], Any]
    has_cluster: bool = True
    has_pods: bool = True
    runs: bool = False
    holds_step: bool = False


@contextmanager
def starting(case: Case) -> Iterator[None]:
    """The step makes its cluster, and nothing holds it."""
    case.send()
    yield


@contextmanager
def before_create(case: Case) -> Iterator[None]:
    """The step is about to make its cluster."""
    with _api_held(case, "POST", "/rayjobs"):
        case.send()
        case.wait_until(lambda: case.asked("POST", "/rayjobs"))
        yield


@contextmanager
def created(case: Case) -> Iterator[None]:
    """The cluster is made, and the step has not heard of it."""
    go_on = threading.Event()
    held = HoldAnswer(until=go_on)
    with case.api.failing(held, method="POST", path="/rayjobs", times=1):
        case.send()
        case.wait_until(lambda: case.objects("rayjobs"))
        try:
            yield
        finally:
            go_on.set()


@contextmanager
def queued(case: Case) -> Iterator[None]:
    """The cluster waits in a queue, as Kueue makes it wait: suspended."""
    case.send()
    case.wait_until(lambda: case.objects("rayjobs"))
    _suspend(case, wanted=True)
    case.wait_until(lambda: _deployment(case) == "Suspended")
    try:
        yield
    finally:
        _suspend(case, wanted=False)


@contextmanager
def pending(case: Case) -> Iterator[None]:
    """Pods wait for a node that is yet to come."""
    label = f"held-{case.request.inputs_hash()[:12]}"
    case.choose_nodes({label: "yes"})
    case.send()
    case.wait_until(lambda: case.objects("pods"))
    try:
        yield
    finally:
        case.light.cluster.kubectl("label", "node", NODE, f"{label}=yes")


@contextmanager
def ready(case: Case) -> Iterator[None]:
    """The cluster is ready, and nothing was submitted."""
    with _storage_held(case, "/ready.json") as reached:
        case.send()
        case.wait_until(reached.is_set)
        yield


@contextmanager
def submitted(case: Case) -> Iterator[None]:
    """The job is submitted, and Kubernetes does not know of it."""
    with _api_held(case, "PATCH", "/rayjobs", skip=1):
        case.send()
        case.wait_until(lambda: case.asked("PATCH", "/rayjobs") > 1)
        case.wait_until(case.trained)
        yield


@contextmanager
def running(case: Case) -> Iterator[None]:
    """All epochs but the last are trained, and their checkpoints written."""
    case.marks.create("hold", b"")
    case.send()
    case.wait_until(lambda: len(case.trained()) == EPOCHS - 1)
    try:
        yield
    finally:
        case.marks.remove("hold")


@contextmanager
def ended(case: Case) -> Iterator[None]:
    """The model is there, and the step has not said so."""
    with _storage_held(case, "/ended.json") as reached:
        case.send()
        case.wait_until(reached.is_set)
        yield


STARTING: Final = Phase(name="starting", held=starting, has_cluster=False, has_pods=False)
"""For what never becomes ready."""
CREATED: Final = Phase(name="created", held=created, has_pods=False, holds_step=True)
PHASES: Final = (
    STARTING,
    Phase(
        name="before create",
        held=before_create,
        has_cluster=False,
        has_pods=False,
        holds_step=True,
    ),
    CREATED,
    Phase(name="queued", held=queued, has_pods=False),
    Phase(name="pending", held=pending),
    Phase(name="ready", held=ready, holds_step=True),
    Phase(name="submitted", held=submitted, runs=True, holds_step=True),
    Phase(name="running", held=running, runs=True),
    Phase(name="ended", held=ended, runs=True, holds_step=True),
)


def _deployment(case: Case) -> str:
    return "".join(
        str(job.get("status", {}).get("jobDeploymentStatus")) for job in case.objects("rayjobs")
    )


def _suspend(case: Case, *, wanted: bool) -> None:
    text = f'{{"spec": {{"suspend": {str(wanted).lower()}}}}}'
    where = f"--namespace={case.light.namespace}"
    patch = (where, "--type=merge", f"--patch={text}")
    for job in case.objects("rayjobs"):
        with contextlib.suppress(ClusterError):  # it is gone meanwhile
            case.light.cluster.kubectl("patch", "rayjob", str(job["metadata"]["name"]), *patch)


@contextmanager
def _api_held(case: Case, method: str, path: str, *, skip: int = 0) -> Iterator[None]:
    """What the step asks of the API server waits, also when it asks once more.

    It is lost if the step has ended meanwhile.
    """
    go_on = threading.Event()
    hold = Hold(until=go_on, lost=lambda: not case.step_lives())
    with ExitStack() as stack:
        stack.callback(go_on.set)
        stack.enter_context(case.api.failing(hold, method=method, path=path, skip=skip))
        yield


@contextmanager
def _storage_held(case: Case, name: str) -> Iterator[threading.Event]:
    """What the step writes of this name waits; it is lost if the step has ended meanwhile."""
    reached, go_on = threading.Event(), threading.Event()

    def before(method: str, path: str) -> None:
        if method == "POST" and path.endswith(name) and not go_on.is_set():
            reached.set()
            go_on.wait()
            if not case.step_lives():
                raise ConnectionError

    case.storage.before = before
    try:
        yield reached
    finally:
        go_on.set()
