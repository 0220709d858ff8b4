"""What may go wrong with one training; each is over when its block ends."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ml_platform.clusters.causes import Cause
from tests.kubernetes.faults.api_script import Answer, Cut
from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.matrix.phases import Phase
from tests.kubernetes.testbed.cluster import Cluster

AWAY_S: Final = 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault, and what it may lead to.

    Attributes:
        name: As the table has it.
        act: Begins it; a generator that is resumed once its phase goes on.
        befalls: Whether it can happen in a phase.
        causes: What a failed attempt may be put down to.
        of_step: Whether it ends the step; somebody comes for the training again then, as Dagster's
            retry does.
    """

    name: str
    act: Callable[[Case], Any]
    befalls: Callable[[Phase], bool] = lambda phase: True
    causes: tuple[Cause, ...] = ()
    of_step: bool = False


@contextmanager
def step_killed(case: Case) -> Iterator[None]:
    """SIGKILL, as of a node that dies."""
    assert case.step is not None
    case.step.kill()
    case.step.join()
    yield


@contextmanager
def step_interrupted(case: Case) -> Iterator[None]:
    """As by the button of the Dagster UI."""
    assert case.step is not None
    assert case.step.pid is not None
    os.kill(case.step.pid, signal.SIGINT)
    yield


def to_pods(kind: str, fault: Callable[[Cluster, str, str], None]) -> Callable[[Case], Any]:
    """A fault of `faults.pods` befalls the pod of the head or of the worker."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        for pod in case.pods(kind):
            fault(case.light.cluster, case.light.namespace, str(pod["metadata"]["name"]))
        yield

    return act


def deleted(kind: str) -> Callable[[Case], Any]:
    """Somebody deletes an object of KubeRay's with all that belongs to it."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        where = (f"--namespace={case.light.namespace}", "--wait=false")
        for one in case.objects(kind):
            case.light.cluster.kubectl("delete", kind, str(one["metadata"]["name"]), *where)
        yield

    return act


@contextmanager
def api_away(case: Case) -> Iterator[None]:
    """The API server answers nothing but 503, and its watches break."""
    with case.api.failing(Answer(status=503)):
        yield
        time.sleep(AWAY_S)


@contextmanager
def watches_cut(case: Case) -> Iterator[None]:
    """Every watch breaks off after its first line."""
    with case.api.failing(Cut(after_lines=1), path="watch="):
        yield
        time.sleep(AWAY_S)


@contextmanager
def storage_away(case: Case) -> Iterator[None]:
    """The storage breaks off every connection of the step's."""
    before, since = case.storage.before, time.monotonic()

    def refuse(method: str, path: str) -> None:
        before(method, path)
        if time.monotonic() - since < AWAY_S:
            raise ConnectionError

    case.storage.before = refuse
    yield


def _has_head(phase: Phase) -> bool:
    return phase.has_pods and phase.name != "pending"


_LOST: Final = (Cause.HEAD_LOST, Cause.START_FAILED, Cause.NODE_LOST)
_OF_WORKER: Final = (*_LOST, Cause.WORKER_LOST, Cause.OUT_OF_MEMORY)

FAULTS: Final = (
    Fault(name="step killed", act=step_killed, of_step=True),
    Fault(
        name="step interrupted",
        act=step_interrupted,
        of_step=True,
        causes=(Cause.CANCELLED,),
    ),
    Fault(
        name="head's pod deleted",
        act=to_pods("head", delete_pod),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
    ),
    Fault(
        name="head's container killed",
        act=to_pods("head", kill_container),
        befalls=_has_head,
        causes=_LOST,
    ),
    Fault(
        name="worker's pod deleted",
        act=to_pods("worker", delete_pod),
        befalls=lambda phase: phase.has_pods,
        causes=_OF_WORKER,
    ),
    Fault(
        name="worker's container killed",
        act=to_pods("worker", kill_container),
        befalls=_has_head,
        causes=_OF_WORKER,
    ),
    Fault(
        name="RayJob deleted",
        act=deleted("rayjob"),
        befalls=lambda phase: phase.has_cluster,
        causes=_LOST,
    ),
    Fault(
        name="RayCluster deleted",
        act=deleted("raycluster"),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
    ),
    Fault(name="API server away", act=api_away),
    Fault(name="watches cut", act=watches_cut),
    Fault(name="storage away", act=storage_away),
)
