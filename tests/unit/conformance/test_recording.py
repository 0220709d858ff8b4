"""How a timeline is made: parts of objects, anonymous names, who is who, the other mode."""

from typing import Any

from tests.kubernetes.conformance.adapt import as_interactive
from tests.kubernetes.conformance.fields import relative_to, relevant_fields
from tests.kubernetes.conformance.normalise import normalise
from tests.kubernetes.conformance.stable_names import StableNames
from tests.kubernetes.conformance.texts import normalise_text
from tests.kubernetes.conformance.timeline import Draft, Entry, recorded


def recorded_part(kind: str, item: dict[str, Any], *, first: bool = False) -> dict[str, Any]:
    return relevant_fields(kind, item, first=first, relative=relative_to(0.0))


def test_a_rayjob_is_recorded_by_its_status() -> None:
    item = {
        "metadata": {"name": "rj1", "finalizers": ["f"]},
        "spec": {"suspend": False},
        "status": {
            "jobDeploymentStatus": "Running",
            "failed": 0,
            "succeeded": 0,
            "startTime": "1970-01-01T00:00:05Z",
            "rayClusterStatus": {"state": "ready"},
        },
    }
    assert recorded_part("RayJob", item) == {
        "finalizers": ["f"],
        "jobDeploymentStatus": "Running",
        "failed": 0,
        "succeeded": 0,
        "startTime": 5.0,
        "rayClusterState": "ready",
        "suspend": False,
    }


def test_a_pod_is_recorded_with_more_when_it_is_new() -> None:
    item = {
        "metadata": {"name": "p", "labels": {"ray.io/cluster": "rc1", "other": "x"}},
        "spec": {"containers": [{"name": "ray-head"}], "restartPolicy": "Always"},
        "status": {"phase": "Pending"},
    }
    assert recorded_part("Pod", item) == {"phase": "Pending"}
    assert recorded_part("Pod", item, first=True) == {
        "labels": {"ray.io/cluster": "rc1"},
        "phase": "Pending",
        "restartPolicy": "Always",
        "containerNames": ["ray-head"],
    }


def test_random_suffixes_become_numbers_in_order_of_appearance() -> None:
    draft = Draft(scenario="s", namespace="c-s")
    draft.learn("Pod", {"metadata": {"name": "rc1-head-x7k2p", "generateName": "rc1-head-"}})
    draft.learn(
        "RayCluster",
        {"metadata": {"name": "rj1-bcdfg", "ownerReferences": [{"name": "rj1"}]}},
    )
    for name in ("rj1-bcdfg", "rc1-head-x7k2p", "rj1-bcdfg"):
        draft.entries.append({"t": 0, "kind": "Pod", "name": name, "change": "ADDED"})
    draft.entries[0]["part"] = {"message": "in c-s"}
    entries = draft.finished().entries
    assert [e.name for e in entries] == ["rj1-<r1>", "rc1-head-<r2>", "rj1-<r1>"]
    assert entries[0].fields == {"message": "in <ns>"}


def test_texts_of_one_class_are_equal() -> None:
    assert normalise_text(
        "StartTime: 2026-11-22 06:16:39 +0000 UTC. ActiveDeadlineSeconds: 70"
    ) == normalise_text("StartTime: 2027-01-02 03:04:05 +0000 UTC. ActiveDeadlineSeconds: 25")
    assert normalise_text('pods "rc1-w-worker-2n482" is forbidden') == normalise_text(
        'pods "rc1-w-worker-r7p5s" is forbidden'
    )
    assert normalise_text("no more than 47 characters") != normalise_text(
        "no more than 53 characters"
    )


def test_a_worker_and_its_successor_have_numbers() -> None:
    names = StableNames()
    labels = {"ray.io/cluster": "rj1-<r1>", "ray.io/group": "w"}
    pods = [Entry(0, "Pod", name, "ADDED", {"labels": labels}) for name in ("a-<r2>", "b-<r3>")]
    assert [names.of(pod) for pod in pods] == ["Pod/rj1-<r>#1/w[1]", "Pod/rj1-<r>#1/w[2]"]
    event = Entry(1, "Event", "Pod/a-<r2>", "ADDED", {})
    assert names.of(event) == "Pod/rj1-<r>#1/w[1]"


def test_a_cluster_that_is_made_again_has_another_life() -> None:
    names = StableNames()
    made = Entry(0, "RayCluster", "rc1", "ADDED", {})
    assert names.of(made) == "RayCluster/rc1#1"
    assert names.of(made) == "RayCluster/rc1#1 (life 2)"


def test_a_job_recorded_in_http_mode_waits_for_its_submission() -> None:
    behaviour = as_interactive(normalise(recorded("rj-success")))
    states = [
        state.get("jobDeploymentStatus")
        for state in behaviour.tracks["RayJob/rj1"]
        if isinstance(state, dict)
    ]
    assert states[2:5] == ["Initializing", "Waiting", "Running"]
    assert "jobId" not in behaviour.tracks["RayJob/rj1"][3]
    assert "jobId" in behaviour.tracks["RayJob/rj1"][4]
    labels = behaviour.facts["RayCluster/rj1-<r>#1 made"]["labels"]
    assert labels["ray.io/job-submission-mode"] == "InteractiveMode"


def test_only_the_submission_differs_between_the_modes() -> None:
    http = as_interactive(normalise(recorded("rj-success")))
    interactive = normalise(recorded("rj-interactive-success"))
    assert http.tracks["RayJob/rj1"] == interactive.tracks["RayJob/rj1"]
