"""Whatever is taken out of a recording, piece by piece, the comparison misses it.

Each test plants every difference of one kind into a recording, one at a time, and lists those that
went unnoticed.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.kubernetes.conformance.compare import differences
from tests.kubernetes.conformance.normalise import OPERATOR, normalise
from tests.kubernetes.conformance.timeline import Entry, Timeline, recorded

SCENARIOS = (
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

everywhere = pytest.mark.parametrize("scenario", SCENARIOS)


def unnoticed(
    scenario: str, plants: Iterable[object], planted: Callable[[Entry, Any], Entry | None]
) -> list[object]:
    """The plants that the comparison does not see; `planted` puts one into an entry."""
    real = recorded(scenario)
    expected = normalise(real)

    def seen(plant: object) -> bool:
        entries = (planted(entry, plant) for entry in real.entries)
        kept = tuple(entry for entry in entries if entry is not None)
        return bool(differences(expected, normalise(replace(real, entries=kept))))

    return [plant for plant in sorted(set(plants), key=str) if not seen(plant)]


def entries(scenario: str, *kinds: str) -> list[Entry]:
    real: Timeline = recorded(scenario)
    return [entry for entry in real.entries if entry.kind in kinds]


def events(scenario: str) -> list[tuple[str, str]]:
    """Object and reason of the operator's Events; a stale cache's complaint is no behaviour."""
    return [
        (entry.name, entry.fields["reason"])
        for entry in entries(scenario, "Event")
        if entry.fields.get("reportingComponent") in OPERATOR
        and "already exists" not in entry.fields["message"]
    ]


def is_event(entry: Entry, plant: tuple[str, str]) -> bool:
    return entry.kind == "Event" and (entry.name, entry.fields["reason"]) == plant


def without(fields: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in keys}


@everywhere
def test_every_event_is_missed(scenario: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str]) -> Entry | None:
        return None if is_event(entry, plant) else entry

    assert unnoticed(scenario, events(scenario), planted) == []


@everywhere
@pytest.mark.parametrize("field", ["reason", "type", "action", "message"])
def test_every_event_is_read(scenario: str, field: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str]) -> Entry:
        other = {**entry.fields, field: "Other"}
        return replace(entry, fields=other) if is_event(entry, plant) else entry

    assert unnoticed(scenario, events(scenario), planted) == []


@everywhere
def test_every_label_is_missed(scenario: str) -> None:
    made = entries(scenario, "RayCluster", "Pod", "Service", "Secret")
    plants = [(entry.kind, key) for entry in made for key in entry.fields.get("labels") or {}]

    def planted(entry: Entry, plant: tuple[str, str]) -> Entry:
        kind, key = plant
        labels = entry.fields.get("labels") or {}
        if entry.kind != kind or key not in labels:
            return entry
        return replace(entry, fields={**entry.fields, "labels": without(labels, key)})

    assert unnoticed(scenario, plants, planted) == []


@everywhere
def test_every_owner_is_missed(scenario: str) -> None:
    owned = [e for e in entries(scenario, "RayCluster", "Pod", "Service", "Secret")]

    def planted(entry: Entry, plant: str) -> Entry:
        fields = without(entry.fields, "ownerReferences")
        return replace(entry, fields=fields) if entry.name == plant else entry

    plants = [entry.name for entry in owned if "ownerReferences" in entry.fields]
    assert unnoticed(scenario, plants, planted) == []


@everywhere
def test_every_condition_is_missed(scenario: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        conditions = entry.fields.get("conditions") or []
        kept = [condition for condition in conditions if condition["type"] != plant]
        changed = entry.kind == "RayCluster" and kept != conditions
        return replace(entry, fields={**entry.fields, "conditions": kept}) if changed else entry

    assert unnoticed(scenario, _conditions(scenario), planted) == []


@everywhere
def test_every_condition_has_its_place(scenario: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        conditions = entry.fields.get("conditions") or []
        last = sorted(conditions, key=lambda condition: bool(condition["type"] == plant))
        changed = entry.kind == "RayCluster" and last != conditions
        return replace(entry, fields={**entry.fields, "conditions": last}) if changed else entry

    # The one that is last already and the one that comes and goes have no place to lose.
    plants = set(_conditions(scenario)) - {"RayClusterSuspending", "ReplicaFailure"}
    assert unnoticed(scenario, plants, planted) == []


@everywhere
def test_every_state_of_a_job_is_missed(scenario: str) -> None:
    def planted(entry: Entry, plant: tuple[str, str | None]) -> Entry | None:
        return None if entry.kind == "RayJob" and _state(entry) == plant else entry

    plants = [_state(entry) for entry in entries(scenario, "RayJob") if _state(entry)[0]]
    assert unnoticed(scenario, plants, planted) == []


@everywhere
@pytest.mark.parametrize(
    "field", ["reason", "message", "finalizers", "failed", "succeeded", "rayJobInfo", "endTime"]
)
def test_every_field_of_a_job_is_missed(scenario: str, field: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry:
        fields = without(entry.fields, field)
        return (
            replace(entry, fields=fields)
            if (entry.kind, entry.name) == ("RayJob", plant)
            else entry
        )

    plants = [entry.name for entry in entries(scenario, "RayJob") if field in entry.fields]
    assert unnoticed(scenario, plants, planted) == []


@everywhere
def test_every_pod_that_stays_is_seen(scenario: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry | None:
        gone = entry.kind == "Pod" and entry.change == "DELETED" and entry.name == plant
        return None if gone else entry

    plants = [entry.name for entry in entries(scenario, "Pod") if entry.change == "DELETED"]
    assert unnoticed(scenario, plants, planted) == []


@everywhere
def test_every_pod_is_missed(scenario: str) -> None:
    def planted(entry: Entry, plant: str) -> Entry | None:
        return None if entry.kind == "Pod" and entry.name == plant else entry

    plants = [entry.name for entry in entries(scenario, "Pod")]
    assert unnoticed(scenario, plants, planted) == []


def _conditions(scenario: str) -> list[str]:
    return [
        condition["type"]
        for entry in entries(scenario, "RayCluster")
        for condition in entry.fields.get("conditions") or []
    ]


def _state(entry: Entry) -> tuple[str | None, str | None]:
    return entry.fields.get("jobDeploymentStatus"), entry.fields.get("jobStatus")
