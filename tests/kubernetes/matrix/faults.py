"""What may go wrong with one training: what happens to it, and what can never start."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.events import seconds
from ml_platform.clusters.kuberay.diagnosis.job import TAKEN_UP_S
from ml_platform.clusters.kuberay.diagnosis.slow import UNREACHED_S
from ml_platform.clusters.spec import HeadGroup
from tests.kubernetes import pods
from tests.kubernetes.faults import dns, nodes, quota
from tests.kubernetes.faults.api_script import Action, Answer, Cut, Delay, LoseAnswer, Truncate
from tests.kubernetes.faults.components import operator_away
from tests.kubernetes.faults.memory import run_out_of_memory
from tests.kubernetes.faults.pods import delete_pod, kill_container
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.matrix.phases import CREATED, STARTING, Phase
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

AWAY_S: Final = 8.0
NEVER_READY_S: Final = 12.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A fault, and what it may lead to.

    Attributes:
        name: As the table has it.
        breaks: What is wrong from the start, before the step is sent.
        act: Begins it; a generator that is resumed once its phase goes on.
        befalls: Whether it can happen in a phase.
        causes: What a failed attempt may be put down to.
        says: What its message says then, and what is told while the training waits; a pattern.
        named_in: Whether it has to be named in a phase, within seconds of its evidence: where an
            attempt fails of it or the training waits for its end, and not where it goes on.
        evidence: When it could first be known; as soon as it happens unless given.
        of_step: Whether it ends the step; somebody comes for the training again then, as Dagster's
            retry does.
        of_node: Whether it befalls all that is there: it happens once, to cases in all phases.
        hopeless: Whether nothing can be trained: the step has to fail with one of the causes.
    """

    name: str
    breaks: Callable[[Case], None] = lambda case: None
    act: Callable[[Case], Any] = lambda case: nullcontext()
    befalls: Callable[[Phase], bool] = lambda phase: phase not in (STARTING, CREATED)
    causes: tuple[Cause, ...] = ()
    says: str = ""
    named_in: Callable[[Phase], bool] = lambda phase: False
    evidence: Callable[[Case], float | None] | None = None
    of_step: bool = False
    of_node: bool = False
    hopeless: bool = False


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


def pods_deleted(kind: str) -> Callable[[Case], Any]:
    """Somebody deletes the pod of the head or of the worker; it is gone when the phase goes on."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        pods = case.pods(kind)
        for pod in pods:
            delete_pod(case.light.cluster, case.light.namespace, str(pod["metadata"]["name"]))
        case.wait_until_gone(pods)
        yield

    return act


def deleted(kind: str) -> Callable[[Case], Any]:
    """Somebody deletes an object of KubeRay's; its pods are gone when the phase goes on."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        where = (f"--namespace={case.light.namespace}", "--wait=false")
        pods = case.objects("pods")
        for one in case.objects(kind):
            case.light.cluster.kubectl("delete", kind, str(one["metadata"]["name"]), *where)
        case.wait_until_gone(pods)
        yield

    return act


def api_does(action: Action, **which: Any) -> Callable[[Case], Any]:
    """The API server, or what is between, does this to the step's requests for a while."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        with case.api.failing(action, **which):
            yield
            time.sleep(AWAY_S)

    return act


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


def out_of_memory(cluster: Cluster, namespace: str, pod: str) -> None:
    """A container's limit is reached, and all of it dies."""
    run_out_of_memory(cluster, namespace, pod, whole=True)


@contextmanager
def no_operator(case: Case) -> Iterator[None]:
    """KubeRay is away; what it has made runs on."""
    with operator_away(case.testbed.kuberay):
        yield
        time.sleep(AWAY_S)


@contextmanager
def node_drained(case: Case) -> Iterator[None]:
    """The node's pods are evicted, and it takes no new ones for a while."""
    ours = labels.selector(case.config.environment)
    with nodes.drained(case.light.cluster, selector=ours):
        yield
        time.sleep(AWAY_S)


@contextmanager
def node_silent(case: Case) -> Iterator[None]:
    """The node is NotReady, and so are its pods, which run on unseen."""
    with nodes.not_ready(case.testbed.node):
        yield
        time.sleep(AWAY_S)


@contextmanager
def quota_full(case: Case) -> Iterator[None]:
    """The namespace takes no more pods for a while, which those of others use up."""
    with _others(case), quota.filled(case.light.cluster, case.light.namespace):
        yield
        time.sleep(AWAY_S)


@contextmanager
def _others(case: Case) -> Iterator[None]:
    """Pods that are not the case's: as many as its cluster has, or it would never have room."""
    cluster, namespace = case.light.cluster, case.light.namespace
    names = [f"other-{number}" for number in range(1 + case.request.cluster.worker_count)]
    pods.create(cluster, *(pods.pod(cluster, namespace, one, ["sleep", "600"]) for one in names))
    try:
        yield
    finally:
        where = (f"--namespace={namespace}", "--grace-period=0", "--force")
        cluster.kubectl("delete", "pods", *names, *where)


def names_do(fault: Callable[[Node], AbstractContextManager[None]]) -> Callable[[Case], Any]:
    """A fault of `faults.dns` befalls all pods for a while."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        with fault(case.testbed.node):
            yield
            time.sleep(AWAY_S)

    return act


def without_image(case: Case) -> None:
    """Its image does not exist."""
    case.want(image="nobody.invalid/has/this:1")


def without_node(case: Case) -> None:
    """No node has the labels that its pods ask for."""
    case.choose_nodes({"nobody": "has-this"})
    case.config = replace(case.config, limits=replace(case.config.limits, start_s=NEVER_READY_S))


def without_account(case: Case) -> None:
    """Its service account does not exist."""
    case.config = replace(case.config, service_account="nobody")


def without_ray(case: Case) -> None:
    """There is no Ray in the image, so the head ends at once, again and again."""
    path = [{"name": "PATH", "value": "/usr/bin:/bin"}]
    head = case.request.cluster.head
    case.want(head=HeadGroup(memory=head.memory, pod={"env": path}))


def without_python(case: Case) -> None:
    """There is no Python in its image: its worker's init container fails, again and again."""
    case.want(image=case.light.cluster.another_image)


def without_priority(case: Case) -> None:
    """Its priority class does not exist."""
    case.want(priority="nobody-has-this")


def said(pattern: str) -> Callable[[Case], float | None]:
    """When an Event about the case's objects first said so."""
    return lambda case: case.first_said(pattern)


def never_taken_up(case: Case) -> float | None:
    """When an operator should have said something of the case's RayJob."""
    made = (one["metadata"]["creationTimestamp"] for one in case.objects("rayjobs"))
    return next((seconds(one) + TAKEN_UP_S for one in made), None)


def head_unreached(case: Case) -> float | None:
    """When workers should have reached the head."""
    ready = (
        condition["lastTransitionTime"]
        for pod in case.pods("head")
        for condition in pod["status"].get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] == "True"
    )
    return next((seconds(one) + UNREACHED_S for one in ready), None)


def _has_head(phase: Phase) -> bool:
    return phase.has_pods and phase.name != "pending"


def _needs_head(phase: Phase) -> bool:
    """The training ends with its head."""
    return _has_head(phase) and phase.name != "ended"


def _starts(phase: Phase) -> bool:
    return phase is STARTING


def _needs_names(phase: Phase) -> bool:
    """Pods begin, or tell each other that they are there."""
    return phase.name in ("before create", "pending", "running")


def _waits_for_pods(phase: Phase) -> bool:
    """Its pods are yet to begin."""
    return phase.name in ("before create", "queued", "pending")


def _is_held(phase: Phase) -> bool:
    return phase is not STARTING


def _runs(phase: Phase) -> bool:
    return phase.runs


_LOGS: Final = "/logs"
_LOST: Final = (Cause.HEAD_LOST, Cause.START_FAILED, Cause.NODE_LOST)
_OF_WORKER: Final = (*_LOST, Cause.WORKER_LOST, Cause.OUT_OF_MEMORY)

FAULTS: Final = (
    Fault(name="step killed", act=step_killed, befalls=_is_held, of_step=True),
    Fault(
        name="step interrupted",
        act=step_interrupted,
        befalls=_is_held,
        of_step=True,
        causes=(Cause.CANCELLED,),
        named_in=lambda phase: phase.name != "ended",
    ),
    Fault(
        name="head's pod deleted",
        act=pods_deleted("head"),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        named_in=_needs_head,
    ),
    Fault(
        name="head's container killed",
        act=to_pods("head", kill_container),
        befalls=_has_head,
        causes=_LOST,
        named_in=_needs_head,
    ),
    Fault(
        name="worker's pod deleted",
        act=pods_deleted("worker"),
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
        act=deleted("rayjobs"),
        befalls=lambda phase: phase.has_cluster and phase is not CREATED,
        causes=_LOST,
        named_in=lambda phase: phase.name != "ended",
    ),
    Fault(
        name="RayCluster deleted",
        act=deleted("rayclusters"),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        named_in=_needs_head,
    ),
    Fault(name="API server away", act=api_does(Answer(status=503))),
    # As one that starts, and has not read yet who may what.
    Fault(name="API server forbids", act=api_does(Answer(status=403))),
    Fault(name="API server slow", act=api_does(Delay(seconds=3))),
    Fault(name="answers lost", act=api_does(LoseAnswer()), befalls=_is_held),
    Fault(name="watches cut", act=api_does(Cut(after_lines=1), path="watch=")),
    Fault(name="watches truncated", act=api_does(Truncate(after_lines=1), path="watch=")),
    Fault(name="logs refused", act=api_does(Answer(status=500), path=_LOGS), befalls=_runs),
    Fault(name="logs late", act=api_does(Delay(seconds=30), path=_LOGS), befalls=_runs),
    Fault(name="storage away", act=storage_away),
    Fault(
        name="worker out of memory",
        act=to_pods("worker", out_of_memory),
        befalls=_has_head,
        causes=_OF_WORKER,
    ),
    Fault(
        name="head out of memory",
        act=to_pods("head", out_of_memory),
        befalls=_has_head,
        causes=(*_LOST, Cause.OUT_OF_MEMORY),
        named_in=_needs_head,
    ),
    Fault(
        name="operator away",
        act=no_operator,
        says="KubeRay has not taken up RayJob",
        named_in=lambda phase: phase.name == "before create",
        evidence=never_taken_up,
        of_node=True,
    ),
    Fault(
        name="node drained",
        act=node_drained,
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        named_in=_needs_head,
        evidence=said("^Killing"),
        of_node=True,
    ),
    Fault(
        name="node silent",
        act=node_silent,
        befalls=lambda phase: phase.name in ("before create", "pending", "running"),
        causes=_LOST,
        says="with a taint that it does not tolerate",
        named_in=_waits_for_pods,
        evidence=said("^FailedScheduling .*taint"),
        of_node=True,
    ),
    Fault(
        name="quota full",
        act=quota_full,
        befalls=lambda phase: phase.name in ("before create", "queued"),
        causes=(Cause.START_FAILED,),  # where there are no pods, none is ever allowed
        says="Quota full has no room for",
        named_in=_waits_for_pods,
        evidence=said("exceeded quota"),
        of_node=True,
    ),
    *(
        Fault(
            name=name,
            act=names_do(fault),
            befalls=_needs_names,
            causes=_OF_WORKER,
            says="cannot reach the head",
            named_in=_waits_for_pods,
            evidence=head_unreached,
            of_node=True,
        )
        for name, fault in (("DNS silent", dns.silent), ("names unknown", dns.forgetful))
    ),
    *(
        Fault(
            name=name,
            breaks=breaks,
            befalls=_starts,
            causes=(Cause.START_FAILED,),
            says=says,
            named_in=_starts,
            evidence=said(evidence),
            hopeless=True,
        )
        for name, breaks, evidence, says in (
            (
                "no such image",
                without_image,
                "nobody.invalid/has/this",
                "is not on the node, and may not be pulled",
            ),
            ("no such node", without_node, "^FailedScheduling", "nobody=has-this"),
            (
                "no such service account",
                without_account,
                'serviceaccount "nobody" not found',
                "The service account nobody",
            ),
            (
                "no Ray in the image",
                without_ray,
                "^Started ",
                "The container ray-head of the head has failed",
            ),
            (
                "no such priority class",
                without_priority,
                "nobody-has-this",
                "no priority class nobody-has-this",
            ),
            ("init container fails", without_python, "^Failed ", "The init container"),
        )
    ),
)
