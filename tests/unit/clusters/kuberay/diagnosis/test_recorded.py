"""What the diagnosis says while recordings of the real operator are played."""

from typing import NamedTuple

import pytest

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis
from tests.unit.clusters.kuberay.recorded import BEGIN_S, View, moments

IMAGE = "tb.local/absent:1"


class Case(NamedTuple):
    """A trouble of a recording, named within `by_s` seconds of it."""

    scenario: str
    key: str
    place: str
    said: tuple[str, ...]
    hint: str
    by_s: float
    subject: str = ""
    cause: Cause = Cause.START_FAILED


CASES = (
    Case(
        "rc-image-missing",
        f"image/worker/{IMAGE}",
        "group ifnp",
        (IMAGE, "could not be pulled yet", "no such host"),
        "correct the registry",
        2,
    ),
    Case(
        "rc-image-missing",
        f"image-never-pull/worker/{IMAGE}",
        "group never",
        (IMAGE, "may not be pulled"),
        "image_pull_policy",
        2,
    ),
    Case(
        "rc-unschedulable",
        "unschedulable/worker/bigcpu/cpu",
        "group bigcpu",
        ("the only node", "enough cpu", "64 asked for"),
        "less cpu",
        1,
    ),
    Case(
        "rc-unschedulable",
        "unschedulable/worker/gpu/nvidia.com/gpu",
        "group gpu",
        ("enough nvidia.com/gpu", "1 asked for"),
        "less nvidia.com/gpu",
        1,
    ),
    Case(
        "rc-quota",
        "quota/q",
        "group w",
        ("512Mi more", "2048Mi of 1700Mi", "348Mi too much"),
        "The cluster alone is more than the quota",
        2,
    ),
    Case(
        "rc-bad-serviceaccount",
        "service-account/nope",
        "head",
        ("nope does not exist",),
        "kubectl create serviceaccount nope",
        1,
    ),
    Case(
        "rc-crash-loop",
        "crash/head/ray-head",
        "head",
        ("ray-head", "exit code 2"),
        "kubectl logs rc1-head-<r1> -c ray-head",
        8,
    ),
    Case(
        "rc-invalid",
        "invalid/RayCluster",
        "cluster",
        ("RayVersion was not specified",),
        "Correct the cluster's spec",
        1,
        subject="inv-auth",
        cause=Cause.BAD_INPUT,
    ),
    Case(
        "rj-invalid",
        "invalid/RayJob",
        "cluster",
        ("TTLSecondsAfterFinished",),
        "Correct the cluster's spec",
        1,
        subject="inv-ttl",
        cause=Cause.BAD_INPUT,
    ),
    Case(
        "rj-name-too-long",
        "invalid/RayJob",
        "cluster",
        ("no more than 47 characters",),
        "Correct",
        1,
        subject="n",
        cause=Cause.BAD_INPUT,
    ),
    Case("rj-suspend-then-run", "suspended", "cluster", ("rj1 is suspended",), "patch rayjob", 1),
    Case(
        "rj-prerunning-deadline",
        "deadline/pre-running",
        "cluster",
        ("PreRunningDeadlineSeconds: 20",),
        "kept it from starting",
        20,
    ),
    Case(
        "rj-active-deadline",
        "deadline/active",
        "cluster",
        ("ActiveDeadlineSeconds: 65",),
        "limit of running",
        67,
        cause=Cause.OVER_LIMIT,
    ),
    Case(
        "rc-head-oomkilled-group",
        "oom/head/ray-head",
        "head",
        ("memory limit of 2Gi",),
        "more `memory`",
        59,
        cause=Cause.OUT_OF_MEMORY,
    ),
    Case(
        "rc-worker-oomkilled-group",
        "oom/worker/w/ray-worker",
        "group w",
        ("group w", "memory limit of 1Gi"),
        "more `memory`",
        47,
        cause=Cause.OUT_OF_MEMORY,
    ),
)

NORMAL = (
    *("rc-ready", "rc-suspend-resume", "rc-worker-pod-deleted", "rc-worker-oom-raymonitor"),
    *("rj-success", "rj-ttl", "rj-token-auth", "rj-user-error", "rj-user-error-backoff1"),
    *("rj-interactive-success", "rj-interactive-jobid-preset", "rj-operator-restarted"),
    *("rj-deleted-while-starting", "rj-deleted-while-running", "rj-k8sjobmode-success"),
    *("rj-same-name-recreated-immediately", "rj-worker-killed-while-running"),
    *("rj-worker-force-killed", "rj-interactive-deleted-while-running"),
)
WITH_A_NEW_HEAD = (
    "rc-head-pod-deleted",
    "rj-head-killed-while-running",
    "rj-interactive-head-killed",
    "rj-raycluster-deleted",
)


def told(case: Case, view: View = "core") -> list[tuple[float, Diagnosis]]:
    """The diagnosis of a case, whenever it stood."""
    return [
        (seen.at_s - BEGIN_S, one)
        for seen in moments(case.scenario, subject=case.subject, view=view)
        for one in diagnose(seen)
        if one.key == case.key
    ]


def keys_of(scenario: str, view: View = "core") -> list[list[str]]:
    """The keys of all moments."""
    return [[one.key for one in diagnose(seen)] for seen in moments(scenario, view=view)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.scenario}-{case.key}")
def test_a_trouble_is_named_with_place_particulars_and_the_next_thing_to_do(case: Case) -> None:
    at_s, first = told(case)[0]
    assert at_s <= case.by_s
    failure = first.failure
    assert (failure.cause, str(failure.place)) == (case.cause, case.place)
    assert [text for text in case.said if text not in failure.message] == []
    assert case.hint in failure.hint
    assert failure.evidence or case.key == "suspended"


@pytest.mark.parametrize("view", ["events.k8s.io", "both"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.scenario}-{case.key}")
def test_it_is_the_same_through_whichever_api_events_are_read(case: Case, view: View) -> None:
    assert told(case, view) == told(case)


@pytest.mark.parametrize("scenario", NORMAL)
def test_a_life_without_trouble_yields_nothing_but_that_it_is_suspended(scenario: str) -> None:
    assert {key for keys in keys_of(scenario) for key in keys} <= {"suspended"}


@pytest.mark.parametrize("scenario", WITH_A_NEW_HEAD)
def test_a_worker_that_restarts_for_a_new_head_ends_nothing(scenario: str) -> None:
    found = [one for seen in moments(scenario) for one in diagnose(seen)]
    assert {(one.key, one.state) for one in found} <= {("crash/worker/w/ray-worker", "starting")}


@pytest.mark.parametrize(
    ("scenario", "keys"),
    [
        ("rc-image-missing", {f"image/worker/{IMAGE}", f"image-never-pull/worker/{IMAGE}"}),
        (
            "rc-unschedulable",
            {"unschedulable/worker/bigcpu/cpu", "unschedulable/worker/gpu/nvidia.com/gpu"},
        ),
        ("rc-quota", {"quota/q"}),
        ("rc-bad-serviceaccount", {"service-account/nope"}),
        ("rc-crash-loop", {"crash/head/ray-head"}),
        ("rj-prerunning-deadline", {"unschedulable/worker/w/cpu", "deadline/pre-running"}),
        ("rj-driver-oomkilled-group", None),
    ],
)
def test_one_trouble_has_one_key_from_first_to_last(scenario: str, keys: set[str] | None) -> None:
    expected = keys or {"oom/head/ray-head", "crash/worker/w/ray-worker", "deadline/active"}
    assert {key for found in keys_of(scenario) for key in found} == expected


def test_an_image_that_is_pulled_in_vain_alternates_between_two_states_and_is_one_finding() -> None:
    found = told(CASES[0])
    assert {(one.state, one.give_up_after_s) for _, one in found} == {("starting", None)}


def test_a_service_account_that_comes_later_ends_the_finding() -> None:
    assert keys_of("rc-bad-serviceaccount")[-1] == []


def test_an_invalid_cluster_that_was_repaired_is_none_any_more() -> None:
    told_before = [seen for seen in moments("rc-invalid", subject="inv-auth") if seen.pods]
    repaired = [seen for seen in told_before if seen.ray_cluster and seen.ray_cluster["status"]]
    assert repaired
    assert [diagnose(seen) for seen in repaired] == [()] * len(repaired)


def test_a_crash_loop_ends_the_start_at_its_third_failure() -> None:
    broken = [
        (seen.at_s - BEGIN_S, one)
        for seen in moments("rc-crash-loop")
        for one in diagnose(seen)
        if one.state == "broken"
    ]
    at_s, first = broken[0]
    assert 29 < at_s < 30
    assert "3 times" in first.failure.message
    assert first.give_up_after_s == 0


def test_what_kept_it_from_starting_stands_before_the_deadline_that_ends_it() -> None:
    assert ["unschedulable/worker/w/cpu", "deadline/pre-running"] in keys_of(
        "rj-prerunning-deadline"
    )


def test_what_ends_the_start_stands_before_what_may_still_pass() -> None:
    image = next(seen for seen in moments("rc-image-missing") if len(diagnose(seen)) == 2)
    assert [one.state for one in diagnose(image)] == ["broken", "starting"]
