"""Differences that are planted into a recording are found; the recording itself has none."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.kubernetes.conformance.compare import Allowance, differences, turning_points
from tests.kubernetes.conformance.normalise import normalise
from tests.kubernetes.conformance.pace import disorder, off_pace
from tests.kubernetes.conformance.timeline import TRACES, Entry, recorded

Change = Callable[[Entry], Entry | None]

ALL = sorted(path.stem for path in TRACES.glob("*.json"))


def compared(scenario: str, change: Change) -> list[str]:
    """What is found after `change` was done to every entry of a recording."""
    real = recorded(scenario)
    entries = [change(copy.deepcopy(entry)) for entry in real.entries]
    kept = sorted((e for e in entries if e is not None), key=lambda e: e.t)
    observed = replace(real, entries=tuple(kept))
    return [
        *differences(normalise(real), normalise(observed)),
        *disorder(real, observed),
        *off_pace(real, observed),
    ]


def with_fields(entry: Entry, **fields: object) -> Entry:
    return replace(entry, fields={**entry.fields, **fields})


@pytest.mark.parametrize("scenario", ALL)
def test_a_recording_does_not_differ_from_itself(scenario: str) -> None:
    assert compared(scenario, lambda entry: entry) == []


def test_another_reason_is_found() -> None:
    def change(entry: Entry) -> Entry:
        return with_fields(entry, reason="AppFailed") if entry.fields.get("endTime") else entry

    (found,) = compared("rj-interactive-never-submitted", change)
    assert "RayJob/rj1" in found
    assert "AppFailed" in found


def test_a_state_that_is_left_out_is_found() -> None:
    def change(entry: Entry) -> Entry | None:
        waits = entry.fields.get("jobDeploymentStatus") == "Waiting"
        return None if entry.kind == "RayJob" and waits else entry

    assert any("RayJob/rj1" in found for found in compared("rj-interactive-success", change))


def test_another_message_is_found() -> None:
    def change(entry: Entry) -> Entry:
        if entry.fields.get("jobDeploymentStatus") != "ValidationFailed":
            return entry
        return with_fields(entry, message="invalid")

    found = compared("rj-invalid", change)
    assert any(text.startswith("RayJob/inv-ttl") for text in found)


def test_an_event_that_is_missing_is_found() -> None:
    def change(entry: Entry) -> Entry | None:
        return None if entry.fields.get("reason") == "DeletedRayCluster" else entry

    (found,) = compared("rj-interactive-success", change)
    assert "event DeletedRayCluster" in found


def test_a_second_try_after_a_good_create_is_passed_over() -> None:
    real = recorded("rc-ready")
    created = next(e for e in real.entries if e.fields.get("reason") == "CreatedService")
    again = {"reason": "FailedToCreateService", "type": "Warning", "message": "… already exists"}
    observed = replace(real, entries=(*real.entries, with_fields(created, **again)))
    assert differences(normalise(real), normalise(observed)) == []


def test_events_that_are_not_folded_are_found() -> None:
    def change(entry: Entry) -> Entry:
        folded = entry.fields.get("series")
        fields = {key: value for key, value in entry.fields.items() if key != "series"}
        return replace(entry, fields=fields) if folded else entry

    (found,) = compared("rc-ready", change)
    assert "event CreatedWorkerPod" in found


def test_a_missing_label_is_found() -> None:
    def change(entry: Entry) -> Entry:
        labels = entry.fields.get("labels") or {}
        kept = {key: value for key, value in labels.items() if key != "ray.io/is-ray-node"}
        return with_fields(entry, labels=kept) if entry.kind == "Pod" and labels else entry

    found = compared("rc-ready", change)
    assert len([text for text in found if "made" in text]) == 3


def test_another_owner_is_found() -> None:
    def change(entry: Entry) -> Entry:
        owned = entry.kind == "Pod" and "ownerReferences" in entry.fields
        return with_fields(entry, ownerReferences=["RayJob/rj1"]) if owned else entry

    assert any("ownerReferences" in found for found in compared("rc-unschedulable", change))


def test_another_death_is_found() -> None:
    found = compared("rc-head-oomkilled-group", _without_oom)
    assert any("deaths" in text for text in found)


def test_a_pod_that_stays_is_found() -> None:
    def change(entry: Entry) -> Entry | None:
        gone = entry.kind == "Pod" and entry.change == "DELETED" and "worker" in entry.name
        return None if gone else entry

    found = compared("rj-interactive-success", change)
    assert any("w[1] ends" in text for text in found)


def test_a_condition_that_is_not_sticky_is_found() -> None:
    def change(entry: Entry) -> Entry:
        for condition in entry.fields.get("conditions") or []:
            lost = entry.fields.get("readyWorkerReplicas") is None
            if condition["type"] == "RayClusterProvisioned" and lost:
                condition["status"] = "False"
        return entry

    found = compared("rc-head-pod-deleted", change)
    assert any("RayClusterProvisioned" in text for text in found)


def test_a_cluster_that_is_deleted_too_early_is_off_pace() -> None:
    real = recorded("rj-interactive-success")
    gone = next(e.t for e in real.entries if e.kind == "RayCluster" and e.change == "DELETED")

    def change(entry: Entry) -> Entry:
        return replace(entry, t=entry.t - 4) if gone <= entry.t < gone + 4 else entry

    found = compared("rj-interactive-success", change)
    assert any(text.startswith("pace: from 'RayJob/rj1 is Complete'") for text in found)


@pytest.mark.parametrize("late_s", [5, -5])
def test_a_ttl_that_is_off_by_five_seconds_is_off_pace(late_s: float) -> None:
    real = recorded("rj-ttl")
    told = next(e.t for e in real.entries if e.fields.get("reason") == "DeletedRayCluster")

    def change(entry: Entry) -> Entry:
        return replace(entry, t=entry.t + late_s) if entry.t >= told else entry

    found = compared("rj-ttl", change)
    assert any(text.startswith("pace: from 'RayJob/rj1 is Complete'") for text in found)


def test_a_step_that_waits_for_the_next_look_is_off_pace() -> None:
    real = recorded("rj-interactive-success")
    waits = next(e.t for e in real.entries if e.fields.get("jobDeploymentStatus") == "Waiting")

    def change(entry: Entry) -> Entry:
        return replace(entry, t=entry.t + 2) if entry.t >= waits else entry

    (found,) = compared("rj-interactive-success", change)
    assert found.startswith("pace: from 'RayCluster/rj1-<r>#1 state ready' to 'RayJob/rj1 is Wait")


def test_a_deadline_that_fires_late_is_off_pace() -> None:
    def change(entry: Entry) -> Entry:
        late = entry.fields.get("reason") == "DeadlineExceeded" or entry.t > 71
        return replace(entry, t=entry.t + 10) if late else entry

    found = compared("rj-interactive-active-deadline", change)
    assert any("after its deadline" in text for text in found)


def test_a_replacement_that_comes_before_the_end_of_its_predecessor_is_disorder() -> None:
    real = recorded("rc-head-pod-deleted")
    made = [e.t for e in real.entries if e.kind == "Pod" and e.change == "ADDED"][-1]

    def change(entry: Entry) -> Entry:
        return replace(entry, t=entry.t - 2) if entry.t == made else entry

    assert any(text.startswith("order:") for text in compared("rc-head-pod-deleted", change))


def test_an_allowed_difference_is_passed_over() -> None:
    real, other = normalise(recorded("rc-ready")), normalise(recorded("rc-ready"))
    other.facts["left behind"] = {"Secret": ["s"]}
    assert differences(real, other)
    assert not differences(real, other, [Allowance(where="left behind", because="a test")])


def test_counts_are_compared_where_they_turn() -> None:
    assert turning_points([0, 1, 2, 1, 2]) == turning_points([0, 2, 2, 1, 1, 2]) == [0, 2, 1, 2]
    assert turning_points([0, 1, 0]) != turning_points([0, 1])


def test_what_is_left_behind_is_compared() -> None:
    real = recorded("rc-ready")
    dirty = replace(real, end={**real.end, "left_after_delete": {"Service": ["rc1-head-svc"]}})
    assert any(
        text.startswith("left behind") for text in differences(normalise(real), normalise(dirty))
    )


def _without_oom(entry: Entry) -> Entry:
    for container in entry.fields.get("containers") or []:
        for states in ("state", "lastState"):
            ended = (container.get(states) or {}).get("terminated")
            if ended and ended.get("reason") == "OOMKilled":
                ended["reason"] = "Error"
    return entry
