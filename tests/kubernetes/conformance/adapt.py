"""What a recording in HTTPMode would look like in InteractiveMode, where only who submits differs.

The operator then waits (`Waiting`, without a job id) where it would submit, and goes on when the id
is written.
"""

from typing import Any

from tests.kubernetes.conformance.normalise import Behaviour

MODE = "ray.io/job-submission-mode"
WITHOUT_ID = frozenset({"Initializing", "Suspending", "Waiting"})


def as_interactive(behaviour: Behaviour) -> Behaviour:
    """The behaviour with `Waiting` put in and the mode's label changed."""
    tracks = {
        name: _job_track(values) if name.startswith("RayJob/") else values
        for name, values in behaviour.tracks.items()
    }
    facts = {name: _fact(value) for name, value in behaviour.facts.items()}
    return Behaviour(tracks=tracks, facts=facts)


def _job_track(values: list[Any]) -> list[Any]:
    adapted: list[Any] = []
    submitted = False
    for value in values:
        if not isinstance(value, dict):
            adapted.append(value)
            continue
        state = value.get("jobDeploymentStatus")
        submitted = submitted or state == "Running"
        new = {key: item for key, item in value.items() if submitted or key != "jobId"}
        if state in WITHOUT_ID and "jobStatus" not in value:
            new.pop("jobId", None)
        previous = adapted[-1] if adapted else None
        if state == "Running" and _state_of(previous) == "Initializing":
            waiting = {key: item for key, item in new.items() if key != "jobId"}
            adapted.append(waiting | {"jobDeploymentStatus": "Waiting"})
        adapted.append(new)
    return adapted


def _state_of(value: Any) -> str:
    return str(value.get("jobDeploymentStatus", "")) if isinstance(value, dict) else ""


def _fact(value: Any) -> Any:
    if isinstance(value, dict) and MODE in (value.get("labels") or {}):
        return {**value, "labels": {**value["labels"], MODE: "InteractiveMode"}}
    return value
