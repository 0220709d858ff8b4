"""A quota that does not allow one more object: which, of what, by how much, and whether ever."""

import re
from collections.abc import Iterable
from typing import Final

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
from ml_platform.clusters.kuberay.diagnosis.pods import Pod
from ml_platform.clusters.kuberay.quantities import as_text, quantity

_EXCEEDED: Final = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>\S+), used: (?P<used>\S+), "
    r"limited: (?P<limited>\S+)"
)


def over_quota(text: str, place: Place, what: str, pods: Iterable[Pod]) -> Diagnosis | None:
    """What the API server said, if that was it.

    Args:
        text: Its words.
        place: Whose objects they are.
        what: What it did not make.
        pods: Those that the cluster has.
    """
    match = _EXCEEDED.search(text)
    if match is None:
        return None
    there = tuple(pods)
    requested, used, limited = (_amounts(match[k]) for k in ("requested", "used", "limited"))
    sentences, never = [], []
    for resource, more in requested.items():
        held, limit = used.get(resource, "0"), limited.get(resource, "0")
        over = quantity(held) + quantity(more) - quantity(limit)
        sentences.append(
            f"{resource}: {more} more would make {as_text(quantity(held) + quantity(more), more)} "
            f"of {limit}, {as_text(over, more)} too much"
        )
        mine = _held_by(there, resource)
        if quantity(more) + min(mine, quantity(held)) > quantity(limit):
            never.append(resource)
    if never:
        hint = f"The cluster alone is more than the quota: ask for less {', '.join(never)}, or "
        hint += "have the quota raised."
    else:
        hint = "Wait until others have ended, stop what is not needed (`mlp cluster ls`), or "
        hint += "have the quota raised."
    return diagnosis(
        f"quota/{match['quota']}",
        "broken" if never else "starting",
        place,
        f"Quota {match['quota']} has no room for {what}: {'; '.join(sentences)}.",
        hint,
        evidence=[text],
        operator_pauses=not never,
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
