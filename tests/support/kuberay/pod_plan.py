"""What a pass does about the pods of a RayCluster: steps in their order, decided without acting."""

from dataclasses import dataclass
from typing import Final

from tests.support.kuberay.api import Object
from tests.support.kuberay.cluster_status import SUSPENDED, SUSPENDING
from tests.support.kuberay.conditions import is_true
from tests.support.kuberay.names import GROUP, HEAD_GROUP, NODE_TYPE, REPLICA_INDEX
from tests.support.kuberay.spec import desired, groups


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteAll:
    """Delete every pod of a cluster that is being suspended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Delete one pod; `note` is what the Event says besides its name."""

    group: str
    name: str
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateHead:
    """Create the head pod."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateWorker:
    """Create a worker pod at this place in its group."""

    group: str
    index: int


Step = DeleteAll | Delete | CreateHead | CreateWorker


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Steps to take, and why the pass counts as failed afterwards."""

    steps: tuple[Step, ...] = ()
    failure: str = ""


NOTHING: Final = Plan()


def plan_pods(cluster: Object, pods: list[Object], unsettled: frozenset[str]) -> Plan:
    """Steps for this pass.

    Args:
        cluster: The RayCluster.
        pods: Its pods, those that are terminating included: a successor is made only when its
            predecessor is gone.
        unsettled: Groups of which the last creation or deletion is not visible yet.
    """
    conditions = (cluster.get("status") or {}).get("conditions") or []
    if is_true(conditions, SUSPENDING):
        return Plan(steps=(DeleteAll(),))
    if is_true(conditions, SUSPENDED) or cluster["spec"].get("suspend"):
        return NOTHING
    head = _head_plan(pods, unsettled)
    if head.failure:
        return head
    steps = list(head.steps)
    for group in groups(cluster):
        if group["groupName"] in unsettled:
            continue
        workers = [p for p in pods if p["metadata"]["labels"].get(GROUP) == group["groupName"]]
        plan = _group_plan(group, workers)
        steps += plan.steps
        if plan.failure:
            return Plan(steps=tuple(steps), failure=plan.failure)
    return Plan(steps=tuple(steps))


def _head_plan(pods: list[Object], unsettled: frozenset[str]) -> Plan:
    if HEAD_GROUP in unsettled:
        return NOTHING
    heads = [pod for pod in pods if pod["metadata"]["labels"].get(NODE_TYPE) == "head"]
    if not heads:
        return Plan(steps=(CreateHead(),))
    if len(heads) > 1:
        found = [pod["metadata"]["name"] for pod in heads]
        return Plan(failure=f"more than one head: {', '.join(found)}")
    if must_go(heads[0]):
        return Plan(steps=(_delete(heads[0], HEAD_GROUP),), failure="the head Pod has ended")
    return NOTHING


def _group_plan(group: Object, workers: list[Object]) -> Plan:
    name = group["groupName"]
    ended = [pod for pod in workers if must_go(pod)]
    if ended:
        return Plan(
            steps=tuple(_delete(pod, name) for pod in ended),
            failure=f"{len(ended)} workers of group {name} have ended",
        )
    missing = desired(group) - len(workers)
    if missing < 0:
        return Plan(
            steps=tuple(
                Delete(group=name, name=pod["metadata"]["name"], note="")
                for pod in workers[:-missing]
            )
        )
    taken = {pod["metadata"]["labels"].get(REPLICA_INDEX) for pod in workers}
    free = [index for index in range(desired(group) + len(workers)) if str(index) not in taken]
    return Plan(steps=tuple(CreateWorker(group=name, index=index) for index in free[:missing]))


def must_go(pod: Object) -> bool:
    """Ended for good: a crash loop, a missing image and a pod without a node are left alone."""
    phase = (pod.get("status") or {}).get("phase")
    if phase in ("Failed", "Succeeded"):
        return True
    never = pod["spec"].get("restartPolicy") == "Never"
    return phase == "Running" and never and terminated(pod) is not None


def terminated(pod: Object) -> Object | None:
    """How the Ray container ended, None while it has not."""
    ray = pod["spec"]["containers"][0]["name"]
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status["name"] == ray:
            ended: Object | None = (status.get("state") or {}).get("terminated")
            return ended
    return None


def _delete(pod: Object, group: str) -> Delete:
    note = (
        f"; Pod status: {pod['status']['phase']}; Pod restart policy: "
        f"{pod['spec'].get('restartPolicy')}; Ray container terminated status: "
        f"{_as_go_prints(terminated(pod))}"
    )
    return Delete(group=group, name=pod["metadata"]["name"], note=note)


def _as_go_prints(ended: Object | None) -> str:
    if ended is None:
        return "nil"
    fields = {
        "ExitCode": ended.get("exitCode", 0),
        "Signal": ended.get("signal", 0),
        "Reason": ended.get("reason", ""),
        "Message": ended.get("message", ""),
        "StartedAt": ended.get("startedAt", ""),
        "FinishedAt": ended.get("finishedAt", ""),
        "ContainerID": ended.get("containerID", ""),
    }
    told = ",".join(f"{name}:{value}" for name, value in fields.items())
    return f"&ContainerStateTerminated{{{told},}}"
