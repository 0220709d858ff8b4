"""What may go wrong with one training: what happens to it, and what can never start."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay.diagnosis.events import seconds
from ml_platform.clusters.kuberay.diagnosis.job import TAKEN_UP_S
from ml_platform.clusters.kuberay.diagnosis.slow import UNREACHED_S
from tests.kubernetes.faults import dns
from tests.kubernetes.faults.api_script import Answer, Cut, Delay, LoseAnswer, Truncate
from tests.kubernetes.faults.pods import kill_container
from tests.kubernetes.matrix import acts
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.matrix.phases import CREATED, STARTING, Phase

GONE_WITHIN_S: Final = 30.0


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
        evidence: When it could first be known; when it has happened unless given: a pod that is
            deleted works on for its grace.
        of_worker: Whether only a real Ray's training ends of it, and has to say why.
        of_step: Whether it ends the step; somebody comes for the training again then, as Dagster's
            retry does.
        of_node: Whether it befalls all that is there: it happens once, to cases in all phases.
        gone_within_s: How soon after the end of the step, or of the one that came for it, nothing
            is left on Kubernetes.
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
    of_worker: bool = False
    of_step: bool = False
    of_node: bool = False
    hopeless: bool = False
    gone_within_s: float = GONE_WITHIN_S


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


def _trains(phase: Phase) -> bool:
    """All have joined, and it trains: what is lost now is lost while somebody looks."""
    return phase.name == "running"


def _runs(phase: Phase) -> bool:
    return phase.runs


_LOGS: Final = "/logs"
_LOST: Final = (Cause.HEAD_LOST, Cause.START_FAILED, Cause.NODE_LOST)
_OF_WORKER: Final = (*_LOST, Cause.WORKER_LOST, Cause.OUT_OF_MEMORY)

FAULTS: Final = (
    Fault(name="step killed", act=acts.step_killed, befalls=_is_held, of_step=True),
    Fault(
        name="step interrupted",
        act=acts.step_interrupted,
        befalls=_is_held,
        of_step=True,
        causes=(Cause.CANCELLED,),
        says="^the step was interrupted",
        named_in=lambda phase: phase.name != "ended",
    ),
    Fault(
        name="head's pod deleted",
        act=acts.pods_deleted("head"),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        says="Its pod was deleted",
        named_in=_needs_head,
    ),
    Fault(
        name="head's container killed",
        act=acts.to_pods("head", kill_container),
        befalls=_has_head,
        causes=_LOST,
        says="Its container ended with exit code 137",
        named_in=_needs_head,
    ),
    Fault(
        name="worker's pod deleted",
        act=acts.pods_deleted("worker"),
        befalls=lambda phase: phase.has_pods,
        causes=_OF_WORKER,
        says="A pod of the group .* was deleted",
        named_in=_trains,
    ),
    Fault(
        name="worker's container killed",
        act=acts.to_pods("worker", kill_container),
        befalls=_has_head,
        causes=_OF_WORKER,
        says="A worker of the group .* ended with exit code 137",
        named_in=_trains,
        of_worker=True,
    ),
    Fault(
        name="RayJob deleted",
        act=acts.deleted("rayjobs"),
        befalls=lambda phase: phase.has_cluster and phase is not CREATED,
        causes=_LOST,
        says="Its RayJob was deleted|was deleted while it started",
        named_in=lambda phase: phase.name != "ended",
    ),
    Fault(
        name="RayCluster deleted",
        act=acts.deleted("rayclusters"),
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        says="Its RayCluster was deleted",
        named_in=_needs_head,
    ),
    Fault(
        name="API server away",
        act=acts.api_does(Answer(status=503)),
        says="the API server .* does not answer",
        # Elsewhere its watches go on, and nothing is asked.
        named_in=lambda phase: phase.name == "before create",
    ),
    # As one that starts, and has not read yet who may what.
    Fault(name="API server forbids", act=acts.api_does(Answer(status=403))),
    Fault(name="API server slow", act=acts.api_does(Delay(seconds=3))),
    Fault(name="answers lost", act=acts.api_does(LoseAnswer()), befalls=_is_held),
    Fault(name="watches cut", act=acts.api_does(Cut(after_lines=1), path="watch=")),
    Fault(name="watches truncated", act=acts.api_does(Truncate(after_lines=1), path="watch=")),
    Fault(name="logs refused", act=acts.api_does(Answer(status=500), path=_LOGS), befalls=_runs),
    Fault(name="logs late", act=acts.api_does(Delay(seconds=30), path=_LOGS), befalls=_runs),
    Fault(name="storage away", act=acts.storage_away),
    Fault(
        name="worker out of memory",
        act=acts.to_pods("worker", acts.out_of_memory),
        befalls=_has_head,
        causes=_OF_WORKER,
        says="went over (its|the) memory limit|ran out of memory",
        named_in=_trains,
        of_worker=True,
    ),
    Fault(
        name="head out of memory",
        act=acts.to_pods("head", acts.out_of_memory),
        befalls=_has_head,
        causes=(*_LOST, Cause.OUT_OF_MEMORY),
        says="on the head went over the memory limit|The head went over its memory limit",
        named_in=_needs_head,
    ),
    Fault(
        name="operator away",
        act=acts.no_operator,
        says="KubeRay has not taken up RayJob",
        named_in=lambda phase: phase.name == "before create",
        evidence=never_taken_up,
        of_node=True,
    ),
    Fault(
        name="node drained",
        act=acts.node_drained,
        befalls=lambda phase: phase.has_pods,
        causes=_LOST,
        says="was evicted through the API",
        named_in=_needs_head,
        evidence=said("^Killing"),
        of_node=True,
    ),
    Fault(
        name="node silent",
        act=acts.node_silent,
        befalls=lambda phase: phase.name in ("before create", "pending", "running"),
        causes=_LOST,
        says="with a taint that it does not tolerate",
        named_in=_waits_for_pods,
        evidence=said("^FailedScheduling .*taint"),
        of_node=True,
    ),
    Fault(
        name="quota full",
        act=acts.quota_full,
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
            act=acts.names_do(fault),
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
                acts.without_image,
                "nobody.invalid/has/this",
                "is not on the node, and may not be pulled",
            ),
            ("no such node", acts.without_node, "^FailedScheduling", "nobody=has-this"),
            (
                "no such service account",
                acts.without_account,
                'serviceaccount "nobody" not found',
                "The service account nobody",
            ),
            (
                "no Ray in the image",
                acts.without_ray,
                "^Started ",
                "The container ray-head of the head has failed",
            ),
            (
                "no such priority class",
                acts.without_priority,
                "nobody-has-this",
                "no priority class nobody-has-this",
            ),
            ("init container fails", acts.without_python, "^Failed ", "The init container"),
        )
    ),
)
