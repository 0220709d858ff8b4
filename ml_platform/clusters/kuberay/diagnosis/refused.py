"""Pods that the API server refuses to make: quota, service account, admission.

The text stands in RayCluster's condition ReplicaFailure, which KubeRay removes when it has made the
pod. Its own tries come ever more slowly, minutes apart after a while.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.findings import Finding, finding
from ml_platform.clusters.kuberay.diagnosis.pods import Pod, pods_of
from ml_platform.clusters.kuberay.quantities import as_text, quantity
from ml_platform.clusters.kuberay.seen import Seen

_NO_ACCOUNT: Final = "AutoscalerServiceAccountNotFound"
_FAILED: Final = frozenset({"FailedToCreateHeadPod", "FailedToCreateWorkerPod", _NO_ACCOUNT})
_CLUSTER_FAILED: Final = "FailedToCreateRayCluster"
_QUOTA: Final = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>\S+), used: (?P<used>\S+), "
    r"limited: (?P<limited>\S+)"
)
_ACCOUNT: Final = re.compile(
    r'serviceaccount "(?P<name>[^"]*)" not found|ServiceAccount (?P<other>\S+) is not found'
)
_PRIORITY: Final = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_DENIED: Final = (
    re.compile(r'admission webhook "(?P<by>[^"]+)" denied the request'),
    re.compile(r"ValidatingAdmissionPolicy '(?P<by>[^']+)'.* denied request"),
    re.compile(r'violates (?P<by>PodSecurity) "'),
    re.compile(r"(?P<by>(?:maximum|minimum) \S+ usage per (?:Container|Pod)) is "),
    re.compile(r"failed quota: (?P<by>[^:]+): must specify"),
    re.compile(r"is (?P<by>invalid): "),
)


def refused(seen: Seen, events: tuple[EventSeen, ...]) -> Iterator[Finding]:
    """Pods, or the whole RayCluster, that the API server would not make."""
    for head, text in _texts(seen, events):
        yield _finding(text, _place(seen, head, text), seen)


def _texts(seen: Seen, events: tuple[EventSeen, ...]) -> Iterator[tuple[bool | None, str]]:
    """Whether it was the head (None: the RayCluster), and what the API server said."""
    cluster = seen.ray_cluster
    if cluster is None:
        status = ((seen.ray_job or {}).get("status") or {}).get("jobDeploymentStatus")
        for event in events if status == "Initializing" else ():
            if event.reason == _CLUSTER_FAILED:
                yield None, event.message
        return
    conditions = (cluster.get("status") or {}).get("conditions") or ()
    failures = [c for c in conditions if c["type"] == "ReplicaFailure" and c["status"] == "True"]
    for failure in failures:
        if "Create" in failure.get("reason", ""):
            yield "Head" in failure["reason"], failure.get("message", "").partition("\n")[2]
    if not conditions:
        # With conditions and without this one, what an Event tells has been overcome.
        for event in events:
            if event.reason in _FAILED and event.name == cluster["metadata"]["name"]:
                yield "Worker" not in event.reason, event.message


def _place(seen: Seen, head: bool | None, text: str) -> Place:
    if head is None or seen.ray_cluster is None:
        return Place(kind="cluster")
    if head:
        return Place(kind="head")
    groups = (seen.ray_cluster.get("spec") or {}).get("workerGroupSpecs") or ()
    names = [group["groupName"] for group in groups]
    # What stands before -worker- is cut to 50 characters in a pod's name, so it may be missing.
    said = [name for name in names if f"-{name}-worker-" in text]
    found = said or (names if len(names) == 1 else [])
    return Place(kind="group", name=max(found, key=len, default=""))


def _finding(text: str, place: Place, seen: Seen) -> Finding:
    where = {"head": "head", "cluster": "cluster"}.get(place.kind, f"worker/{place.name}")
    if match := _QUOTA.search(text):
        return _over_quota(match, text, place, seen)
    if match := _ACCOUNT.search(text):
        name = match["name"] or match["other"]
        return finding(
            f"service-account/{name}",
            "broken",
            place,
            f"The service account {name} does not exist, so no pod for the {place} can be made.",
            f"Make it (kubectl create serviceaccount {name}), or name another in the "
            "configuration of the clusters.",
            evidence=[text],
        )
    if match := _PRIORITY.search(text):
        return finding(
            f"priority/{match['name']}",
            "broken",
            place,
            f"There is no priority class {match['name']}.",
            "Name one of `kubectl get priorityclasses` as the cluster's `priority`.",
            evidence=[text],
        )
    for pattern in _DENIED:
        if match := pattern.search(text):
            return finding(
                f"admission/{where}/{match['by']}",
                "broken",
                place,
                f"Admission refuses the pods of the {place} ({match['by']}): {text}",
                "Change the cluster's spec so that the rule holds, or ask whoever set the rule.",
                evidence=[text],
            )
    return finding(
        f"create/{where}",
        "starting",
        place,
        f"The API server does not make a pod for the {place}: {text}",
        "KubeRay tries again by itself, ever more seldom; if it lasts, look at the API server.",
        evidence=[text],
    )


def _over_quota(match: re.Match[str], text: str, place: Place, seen: Seen) -> Finding:
    requested, used, limited = (_amounts(match[k]) for k in ("requested", "used", "limited"))
    sentences, never = [], []
    for resource, more in requested.items():
        held, limit = used.get(resource, "0"), limited.get(resource, "0")
        over = quantity(held) + quantity(more) - quantity(limit)
        sentences.append(
            f"{resource}: {more} more would make {as_text(quantity(held) + quantity(more), more)} "
            f"of {limit}, {as_text(over, more)} too much"
        )
        mine = _held_by(pods_of(seen), resource)
        if quantity(more) + min(mine, quantity(held)) > quantity(limit):
            never.append(resource)
    message = f"Quota {match['quota']} does not allow another pod: {'; '.join(sentences)}."
    if never:
        hint = f"The cluster alone is more than the quota: ask for less {', '.join(never)}, or "
        hint += "have the quota raised."
    else:
        hint = "Wait until others have ended, stop what is not needed (`mlp cluster ls`), or "
        hint += "have the quota raised."
    return finding(
        f"quota/{match['quota']}",
        "broken" if never else "starting",
        place,
        message,
        hint,
        evidence=[text],
    )


def _amounts(text: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in text.split(",") if "=" in one)


def _held_by(pods: Iterable[Pod], resource: str) -> float:
    """What these pods take of a quota's resource; 0 for one that is not counted so."""
    live = [pod for pod in pods if pod.phase not in ("Succeeded", "Failed")]
    if resource in ("pods", "count/pods"):
        return len(live)
    kind, _, name = resource.partition(".")
    if kind not in ("requests", "limits"):
        kind, name = "requests", resource
    return sum(
        quantity(((container.get("resources") or {}).get(kind) or {}).get(name, "0"))
        for pod in live
        for container in pod.spec.get("containers") or ()
    )
