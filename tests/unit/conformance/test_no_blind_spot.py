"""Whatever is taken out of a recording, piece by piece, the comparison misses it.

Each test plants every difference of one kind into a recording, one at a time, and lists those that
went unnoticed.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.kubernetes.conformance.compare import differences
from tests.kubernetes.conformance.stories import OPERATOR, tell
from tests.kubernetes.conformance.timeline import Entry, Timeline, recorded

SITUATIONS = (
    "rc-ready",
    "rc-quota",
    "rc-suspend-resume",
    "rc-worker-pod-deleted",
    "rj-interactive-head-killed",
    "rj-interactive-never-submitted",
    "rj-interactive-success",
    "rj-invalid",
    "rj-suspend-while-running",
    "rj-token-auth",
)

everywhere = pytest.mark.parametrize("situation", SITUATIONS)


def unnoticed(
    situation: str, plants: Iterable[object], planted: Callable[[Entry, Any], Entry | None]
) -> list[object]:
    """The plants that the comparison does not see; `planted` puts one into an entry."""
    real = recorded(situation)
    expected = tell(real)

    def seen(plant: object) -> bool:
        entries = (planted(entry, plant) for entry in real.entries)
        kept = tuple(entry for entry in entries if entry is not None)
        return bool(differences(expected, tell(replace(real, entries=kept))))

    return [plant for plant in sorted(set(plants), key=str) if not seen(plant)]


def entries(situation: str, *kinds: str) -> list[Entry]:
    real: Timeline = recorded(situation)
    return [entry for entry in real.entries if entry.kind in kinds]


def events(situation: str) -> list[tuple[str, str]]:
    """Object and reason of the operator's Events; a stale cache's complaint is no behaviour."""
    return [
        (entry.name, entry.part["reason"])
        for entry in entries(situation, "Event")
        if entry.part.get("reportingComponent") in OPERATOR
        and "already exists" not in entry.part["message"]
    ]


def is_event(entry: Entry, plant: tuple[str, str]) -> bool:
    return entry.kind == "Event" and (entry.name, entry.part["reason"]) == plant


def without(part: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in keys}


@everywhere
def test_every_event_is_missed(situation: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str]) -> Entry | None:
        return None if is_event(entry, plant) else entry

    assert unnoticed(situation, events(situation), planted) == []


@everywhere
@pytest.mark.parametrize("field", ["reason", "type", "action", "message"])
def test_every_event_is_read(situation: str, field: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str]) -> Entry:
        other = {**entry.part, field: "Other"}
        return replace(entry, part=other) if is_event(entry, plant) else entry

    assert unnoticed(situation, events(situation), planted) == []


@everywhere
def test_every_label_is_missed(situation: str) -> None:
    made = entries(situation, "RayCluster", "Pod", "Service", "Secret")
    plants = [(entry.kind, key) for entry in made for key in entry.part.get("labels") or {}]

    def planted(entry: Entry, plant: tuple[str, str]) -> Entry:
        kind, key = plant
        labels = entry.part.get("labels") or {}
        if entry.kind != kind or key not in labels:
            return entry
        return replace(entry, part={**entry.part, "labels": without(labels, key)})

    assert unnoticed(situation, plants, planted) == []


@everywhere
def test_every_owner_is_missed(situation: str) -> None:
    owned = [e for e in entries(situation, "RayCluster", "Pod", "Service", "Secret")]

    def planted(entry: Entry, plant: str) -> Entry:
        part = without(entry.part, "ownerReferences")
        return replace(entry, part=part) if entry.name == plant else entry

    plants = [entry.name for entry in owned if "ownerReferences" in entry.part]
    assert unnoticed(situation, plants, planted) == []


@everywhere
def test_every_condition_is_missed(situation: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        conditions = entry.part.get("conditions") or []
        kept = [condition for condition in conditions if condition["type"] != plant]
        changed = entry.kind == "RayCluster" and kept != conditions
        return replace(entry, part={**entry.part, "conditions": kept}) if changed else entry

    assert unnoticed(situation, _conditions(situation), planted) == []


@everywhere
def test_every_condition_has_its_place(situation: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        conditions = entry.part.get("conditions") or []
        last = sorted(conditions, key=lambda condition: bool(condition["type"] == plant))
        changed = entry.kind == "RayCluster" and last != conditions
        return replace(entry, part={**entry.part, "conditions": last}) if changed else entry

    # The one that is last already and the one that comes and goes have no place to lose.
    plants = set(_conditions(situation)) - {"RayClusterSuspending", "ReplicaFailure"}
    assert unnoticed(situation, plants, planted) == []


@everywhere
def test_every_state_of_a_job_is_missed(situation: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str | None]) -> Entry | None:
        return None if entry.kind == "RayJob" and _state(entry) == plant else entry

    plants = [_state(entry) for entry in entries(situation, "RayJob") if _state(entry)[0]]
    assert unnoticed(situation, plants, planted) == []


@everywhere
@pytest.mark.parametrize(
    "field", ["reason", "message", "finalizers", "failed", "succeeded", "rayJobInfo", "endTime"]
)
def test_every_field_of_a_job_is_missed(situation: str, field: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        part = without(entry.part, field)
        return replace(entry, part=part) if (entry.kind, entry.name) == ("RayJob", plant) else entry

    plants = [entry.name for entry in entries(situation, "RayJob") if field in entry.part]
    assert unnoticed(situation, plants, planted) == []


@everywhere
def test_every_pod_that_stays_is_seen(situation: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry | None:
        gone = entry.kind == "Pod" and entry.change == "DELETED" and entry.name == plant
        return None if gone else entry

    plants = [entry.name for entry in entries(situation, "Pod") if entry.change == "DELETED"]
    assert unnoticed(situation, plants, planted) == []


@everywhere
def test_every_pod_is_missed(situation: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry | None:
        return None if entry.kind == "Pod" and entry.name == plant else entry

    plants = [entry.name for entry in entries(situation, "Pod")]
    assert unnoticed(situation, plants, planted) == []


def _conditions(situation: str) -> list[str]:
    return [
        condition["type"]
        for entry in entries(situation, "RayCluster")
        for condition in entry.part.get("conditions") or []
    ]


def _state(entry: Entry) -> tuple[str | None, str | None]:
    return entry.part.get("jobDeploymentStatus"), entry.part.get("jobStatus")
