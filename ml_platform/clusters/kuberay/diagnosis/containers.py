"""Containers that do not come up: configuration, init containers, checks of GPUs, crashes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay.diagnosis.diagnoses import MAY_COME_S, Diagnosis, State, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.images import image_trouble
from ml_platform.clusters.kuberay.diagnosis.memory import died_of_memory, memory_failure
from ml_platform.clusters.kuberay.diagnosis.pods import Container, Pod, describe, line_of

FAILURES: Final = 3
"""A container that has failed so often, in place or in pods made anew, will fail again."""
OF_NODE: Final = {
    "preflight-dcgm-diag": "DCGM's diagnosis of the GPUs",
    "preflight-nccl-loopback": "the NCCL test between the GPUs of the node",
}
"""NVSentinel's init containers that test the node they are on."""
OF_GANG: Final = "preflight-nccl-allreduce"
"""Its init container that tests all nodes together: whose fails may be the one that waited."""

_NOT_MADE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_NOT_STARTED: Final = "RunContainerError"
"""It was made, but its program does not start: the kubelet counts that as a run that failed."""
_NOT_RUN: Final = frozenset({126, 127, 128})
"""A shell's and a runtime's own codes: nothing of the program has run."""
_KILLED: Final = frozenset({137, 143})
"""Of SIGKILL and SIGTERM: somebody has ended it before it had anything to say."""
_CODES: Final = {
    126: "its command cannot be executed",
    127: "its command does not exist",
    128: "its program could not be started",
    137: "it was killed",
    139: "it crashed with a segmentation fault",
    143: "it was told to end",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What else is known of a pod's containers.

    Attributes:
        events: What was said of the pod.
        recreations: How often each of the group's pods was made anew, on average, or the pods of
            its node, one after another.
        logs: Last lines by `pod/container`.
        gang: Nodes that took part in the test of the gang.
    """

    events: tuple[EventSeen, ...] = ()
    recreations: int = 0
    logs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gang: tuple[str, ...] = ()


def gang_of(pods: Iterable[Pod]) -> tuple[str, ...]:
    """The nodes that take part in the test of the gang."""
    there = {
        pod.node
        for pod in pods
        if any(one.name == OF_GANG and (one.running or one.ended) for one in pod.containers())
    }
    return tuple(sorted(there - {""}))


def container_troubles(pod: Pod, told: Told) -> Iterator[Diagnosis]:
    """What is wrong with the containers of a pod that is to stay."""
    for container in pod.containers():
        if container.ready and container.running is not None and not container.init:
            continue
        if found := image_trouble(pod, container, told.events):
            yield found
        elif container.waiting_reason in _NOT_MADE:
            yield _not_made(pod, container)
        elif container.failures:
            yield _failing(pod, container, told)
        elif container.waiting_reason == _NOT_STARTED:
            yield _not_made(pod, container)


def _not_made(pod: Pod, container: Container) -> Diagnosis:
    return diagnosis(
        f"container-config/{pod.where}/{container.name}",
        "starting",
        pod.place,
        f"Container {container.name} of the {pod.place} cannot be made: "
        f"{container.waiting_message or container.waiting_reason}",
        f"Make what it names (a secret, a config map, a command), or correct the group: "
        f"{describe(pod)}",
        evidence=[line_of(pod, container)],
        give_up_after_s=MAY_COME_S,
    )


def _failing(pod: Pod, container: Container, told: Told) -> Diagnosis:
    times = container.failures + told.recreations
    broken = times >= FAILURES and container.running is None
    state: State = "broken" if broken else "starting"
    runs = f"{container.failures} failures, {_how(container)}"
    evidence = [line_of(pod, container, runs), *_last_lines(pod, container, told)]
    # First, as a check that was killed, or never ran, has found nothing out about its node.
    if died_of_memory(container):
        return _out_of_memory(pod, container, state, evidence)
    is_check = container.name == OF_GANG or container.name in OF_NODE
    code = (container.ended or {}).get("exitCode")
    if is_check and (code in _NOT_RUN or code in _KILLED):
        return _check_said_nothing(pod, container, state, evidence)
    if container.name == OF_GANG:
        return _gang_failed(pod, container, told, state, evidence)
    if container.name in OF_NODE:
        return diagnosis(
            f"preflight/{container.name}/{pod.where}",
            state,
            Place(kind="node", name=pod.node),
            f"Node {pod.node} did not pass {OF_NODE[container.name]}: {_how(container)}.",
            f"Take the node out (kubectl cordon {pod.node}) and start again; read the check's log: "
            f"{_log(pod, container)}",
            evidence=evidence,
            give_up_after_s=MAY_COME_S,
        )
    kind = "init container" if container.init else "container"
    count = f"{times} times" if times > 1 else "once"
    return diagnosis(
        f"{'init' if container.init else 'crash'}/{pod.where}/{container.name}",
        state,
        pod.place,
        f"The {kind} {container.name} of the {pod.place} has failed {count}: {_how(container)}.",
        f"Read its log: {_log(pod, container)}",
        evidence=evidence,
    )


def _check_said_nothing(
    pod: Pod, container: Container, state: State, evidence: list[str]
) -> Diagnosis:
    """Of a check that never ran, or was ended by somebody: its node is not known to be at fault."""
    key, what, hint = (
        (
            "preflight-killed",
            "was ended by somebody else, and not at its memory limit",
            "See who ends it (an eviction, a deletion, a probe or time limit of the check's own): "
            f"{describe(pod)}; its log: {_log(pod, container)}",
        )
        if (container.ended or {}).get("exitCode") in _KILLED
        else (
            "preflight-not-run",
            "could not run",
            "Correct its image or its command where NVSentinel's preflight is configured; its log: "
            f"{_log(pod, container)}",
        )
    )
    return diagnosis(
        f"{key}/{container.name}/{pod.where}",
        state,
        pod.place,
        f"The check {container.name} of the {pod.place} {what}: {_how(container)}. That "
        "says nothing of its node.",
        hint,
        evidence=evidence,
        give_up_after_s=MAY_COME_S,
    )


def _gang_failed(
    pod: Pod, container: Container, told: Told, state: State, evidence: list[str]
) -> Diagnosis:
    nodes = ", ".join(told.gang) or pod.node
    return diagnosis(
        f"preflight/{OF_GANG}/{pod.where}",
        state,
        pod.place,
        f"The NCCL test between the nodes of the gang failed: {_how(container)}. "
        f"These nodes took part: {nodes}.",
        "One of them, or the network between them, is at fault, and this does not tell which: the "
        f"checks' logs may ({_log(pod, container)}); else start again on half of the nodes.",
        evidence=evidence,
        give_up_after_s=MAY_COME_S,
    )


def _out_of_memory(pod: Pod, container: Container, state: State, evidence: list[str]) -> Diagnosis:
    if not container.init:
        failure = memory_failure(pod, container)
        return diagnosis(
            f"oom/{pod.where}/{container.name}",
            state,
            failure.place,
            failure.message,
            failure.hint,
            evidence=(*failure.evidence, *evidence),
            cause=failure.cause,
        )
    limit = f" of {container.memory_limit}" if container.memory_limit else ""
    # Not OUT_OF_MEMORY: its limit is not the group's, so climbing the memory ladder is no help.
    return diagnosis(
        f"init-oom/{pod.where}/{container.name}",
        state,
        pod.place,
        f"The init container {container.name} of the {pod.place} was killed at its memory limit"
        f"{limit}.",
        "Switch KubeRay's own off (ENABLE_INIT_CONTAINER_INJECTION=false in the operator), or use "
        "an image with compiled bytecode."
        if container.name == "wait-gcs-ready"
        else "Raise the memory limit of that init container.",
        evidence=evidence,
    )


def _how(container: Container) -> str:
    ended = container.ended or {}
    code = ended.get("exitCode")
    reason = ended.get("reason") or ""
    words = [f"exit code {code}"]
    if code in _CODES:
        words.append(_CODES[code])
    if reason not in ("", "Error", "Completed"):
        words.append(reason)
    return ", ".join(words)


def _last_lines(pod: Pod, container: Container, told: Told) -> Sequence[str]:
    """Of its log, if the caller has read it; else what it left as its termination message."""
    lines = told.logs.get(f"{pod.name}/{container.name}")
    return lines or ((container.ended or {}).get("message") or "").splitlines()


def _log(pod: Pod, container: Container) -> str:
    namespace = pod.raw["metadata"].get("namespace")
    where = f" -n {namespace}" if namespace else ""
    previous = " --previous" if container.restarts else ""
    return f"kubectl logs {pod.name}{where} -c {container.name}{previous}"
