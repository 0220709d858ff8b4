"""Pods that no node takes, from the scheduler's own text."""

import re
from collections.abc import Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.pods import Pod
from ml_platform.clusters.kuberay.quantities import as_text, quantity

_HEADING: Final = re.compile(r"0/(?P<nodes>\d+) nodes are available: (?P<reasons>.*)", re.DOTALL)
_LACKS: Final = re.compile(r"Insufficient (?P<resource>\S+)")
_TAINT: Final = re.compile(r"untolerated taint(?:\(s\)| \{(?P<taint>[^}]*)\})")
_NOT_WELL: Final = re.compile(
    r"node\.kubernetes\.io/(not-ready|unreachable|network-unavailable|out-of-service"
    r"|(?:memory|disk|pid)-pressure)|node\.cloudprovider\.kubernetes\.io/uninitialized"
)
"""Taints that nodes get by themselves and lose again."""
_OTHER_PODS: Final = re.compile(r"pods? (?:anti-)?affinity|pods? topology spread", re.IGNORECASE)
_VOLUME_ELSEWHERE: Final = re.compile(r"volume(?:'s)? node affinity", re.IGNORECASE)
_WAYS_OUT: Final = {
    "cordoned": "Wait until the nodes take pods again (kubectl uncordon), or add nodes.",
    "not-well": "Wait: nodes are not ready, or recover. If it lasts: kubectl get nodes.",
    "taint": "Add a toleration under the group's `pod`, or use nodes without the taint.",
    "volume-elsewhere": "Its volume is where no free node is: use a volume, or nodes, of the same "
    "zone (kubectl get pv).",
    "pods": "Its affinity to other pods, under the group's `pod`, leaves no node: loosen it, or "
    "add nodes.",
    "labels": "Compare with `kubectl get nodes --show-labels`: correct the group, or label nodes.",
    "volumes": "Look at the group's volumes: kubectl get pvc.",
    "other": "Look at the nodes: kubectl describe nodes.",
}
"""What to do, by what a reason is about; where resources lack, that comes first."""
_SCALER: Final = frozenset({"NotTriggerScaleUp", "TriggeredScaleUp"})


def unschedulable(pod: Pod, said: tuple[EventSeen, ...]) -> Iterator[Diagnosis]:
    """Why the scheduler finds no node; it tries again by itself, and nodes may be added."""
    condition = pod.condition("PodScheduled")
    if condition.get("status") != "False":
        return
    text = condition.get("message") or ""
    if condition.get("reason") == "SchedulingGated":
        yield diagnosis(
            f"gated/{pod.where}",
            "queued",
            pod.place,
            f"Pods of the {pod.place} wait until their scheduling gates are removed: {text}",
            "Nothing, if a queue has set them; else see spec.schedulingGates of the pod.",
            evidence=[f"Pod {pod.name}: {text}"],
        )
    elif condition.get("reason") == "Unschedulable":
        yield _unschedulable(pod, text, said)


def _unschedulable(pod: Pod, text: str, said: tuple[EventSeen, ...]) -> Diagnosis:
    heading = _HEADING.match(text)
    nodes = int(heading["nodes"]) if heading else 0
    # Behind the first full stop stands what preemption would bring.
    first = heading["reasons"].split(". ")[0].rstrip(".") if heading else text
    reasons = [_reason(one) for one in re.split(r", (?=\d+ )", first)]
    lacking = {m["resource"]: count for count, why in reasons if (m := _LACKS.search(why))}
    # Taints, selectors and affinity are looked at first: what only lacks a resource passed these.
    close = max(lacking.values(), default=0)
    parts = [_in_words(pod, count, why) for count, why in reasons]
    where = {0: "on any node", 1: "on the only node"}.get(nodes, f"on any of {nodes} nodes")
    message = f"A pod of the {pod.place} does not fit {where}: {'; '.join(parts)}."
    if lacking and close < nodes:
        message += f" {close} of {nodes} would do but for that."
    scaler = [event for event in said if event.reason in _SCALER]
    if scaler and scaler[-1].reason == "TriggeredScaleUp":
        message += " A node is being added."
    elif scaler:
        message += f" No node is being added: {scaler[-1].message}"
    # Counts change as nodes come and go; that a taint is in its way and not its size is new.
    kinds = ",".join(sorted({_kind(why) for _, why in reasons}))
    return diagnosis(
        f"unschedulable/{pod.where}/{kinds}",
        "starting",
        pod.place,
        message,
        _hint(lacking, [why for _, why in reasons]),
        evidence=[f"Pod {pod.name}: {text}", *map(str, scaler)],
    )


def _reason(text: str) -> tuple[int, str]:
    count, _, why = text.partition(" ")
    return (int(count), why) if count.isdigit() else (0, text)


def _kind(why: str) -> str:
    """What a reason is about, as a part of a key."""
    if match := _LACKS.search(why):
        return match["resource"]
    if "unschedulable" in why:
        return "cordoned"
    if "taint" in why:
        return "not-well" if _NOT_WELL.search(why) else "taint"
    if _VOLUME_ELSEWHERE.search(why):
        return "volume-elsewhere"
    if _OTHER_PODS.search(why):
        return "pods"
    if "affinity" in why or "selector" in why:
        return "labels"
    return "volumes" if "olume" in why or "persistentvolumeclaim" in why else "other"


def _in_words(pod: Pod, count: int, why: str) -> str:
    many = f"{count} " if count else ""
    if match := _LACKS.search(why):
        wanted = _requested(pod, match["resource"])
        wants = f" ({wanted} asked for)" if wanted else ""
        return f"{many}without enough {match['resource']} left{wants}"
    if match := _TAINT.search(why):
        taint = (match["taint"] or "").rstrip(" :")
        if _NOT_WELL.search(taint):
            return f"{many}not well, {taint}"
        return f"{many}with a taint that it does not tolerate{f', {taint}' if taint else ''}"
    if "affinity/selector" in why or "node selector" in why:
        return f"{many}not of the wanted kind ({_selector(pod)})"
    return f"{many}{why.removeprefix('node(s) ')}"


def _selector(pod: Pod) -> str:
    wanted = [f"{key}={value}" for key, value in (pod.spec.get("nodeSelector") or {}).items()]
    affinity: dict[str, Any] = (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    wanted += [
        " ".join(filter(None, (one["key"], one["operator"], ",".join(one.get("values") or ()))))
        for term in required.get("nodeSelectorTerms") or ()
        for one in (*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ()))
    ]
    return ", ".join(wanted) or "node selector or affinity"


def _requested(pod: Pod, resource: str) -> str:
    asked = []
    for container in pod.spec.get("containers") or ():
        resources = container.get("resources") or {}
        amounts = (resources.get("limits") or {}) | (resources.get("requests") or {})
        if resource in amounts:
            asked.append(str(amounts[resource]))
    return as_text(sum(map(quantity, asked)), asked[0]) if asked else ""


def _hint(lacking: dict[str, int], reasons: list[str]) -> str:
    if lacking:
        names = ", ".join(lacking)
        return f"Ask for less {names} or fewer workers, wait until others end, or add nodes."
    return " ".join(dict.fromkeys(_WAYS_OUT[_kind(why)] for why in reasons))
