"""What a diagnosis says of a cluster: one trouble with its cause, place, evidence and next step."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Final, Literal

from ml_platform.clusters.causes import Cause, Failure, Place

State = Literal["queued", "starting", "broken", "lost"]
MAY_COME_S: Final = 60.0
"""What is wrong may be mended a moment later: a secret is made after its cluster, rights and
classes come with an installation, a check of a GPU passes when it is repeated."""
MOST_EVIDENCE: Final = 20
"""Lines of a diagnosis that hundreds of pods share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """One trouble of a cluster.

    Attributes:
        key: Under which repetitions are one, `kind/place/…`: no pod's name, no number that changes.
        state: `queued`: waits in a queue. `starting`: not ready, and may become so by itself.
            `broken`: will not; is given up at once. `lost`: was ready, and its job runs on or not.
        failure: What a person needs to know of it.
        give_up_after_s: 0: at once. A number: if it still stands so many seconds after it was first
            seen. None: only the clock for starting, or for the queue, decides.
        news: What may change of it while it stands, and is worth to be said again when it does: a
            place in a queue.
        says_only_when: It tells that its time is over, and what else stands tells why.
        operator_pauses: KubeRay tries again by itself, ever more seldom.
    """

    key: str
    state: State
    failure: Failure
    give_up_after_s: float | None = None
    news: str = ""
    says_only_when: bool = False
    operator_pauses: bool = False


def diagnosis(
    key: str,
    state: State,
    place: Place,
    message: str,
    hint: str,
    *,
    evidence: Iterable[str] = (),
    cause: Cause = Cause.START_FAILED,
    give_up_after_s: float | None = None,
    news: str = "",
    says_only_when: bool = False,
    operator_pauses: bool = False,
) -> Diagnosis:
    """A diagnosis; `give_up_after_s` is for one that is not broken."""
    return Diagnosis(
        key=key,
        state=state,
        give_up_after_s=0.0 if state == "broken" else give_up_after_s,
        news=news,
        says_only_when=says_only_when,
        operator_pauses=operator_pauses,
        failure=Failure(
            cause=cause,
            place=place,
            message=message,
            hint=hint,
            evidence=tuple(line for line in dict.fromkeys(evidence) if line),
        ),
    )


def where_of(place: Place) -> str:
    """A place as part of a key: `head`, `cluster` or `worker/<group>`."""
    return place.kind if place.kind in ("head", "cluster") else f"worker/{place.name}"


def without_repetitions(diagnoses: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """One for each key, where the first of it stood: the worst of them, with evidence of others."""
    by_key: dict[str, Diagnosis] = {}
    for one in diagnoses:
        known = by_key.setdefault(one.key, one)
        if known is not one:
            worst, other = (one, known) if _left_s(one) < _left_s(known) else (known, one)
            lines = [*dict.fromkeys((*worst.failure.evidence, *other.failure.evidence))]
            evidence = {"evidence": tuple(lines[:MOST_EVIDENCE])}
            by_key[one.key] = replace(worst, failure=worst.failure.model_copy(update=evidence))
    return tuple(by_key.values())


def _left_s(one: Diagnosis) -> float:
    return inf if one.give_up_after_s is None else one.give_up_after_s
