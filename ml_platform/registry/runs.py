"""Writes a finished training as an MLflow run: parameters, curves, files."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ml_platform.registry.models import Lineage, Training
from ml_platform.registry.store import error_code

MODEL_FOLDER: Final = "model"
LINEAGE_FILE: Final = "lineage.json"
# MLflow's own limits for one call and one value.
METRICS_PER_CALL: Final = 1000
PARAMETER_MAX_CHARACTERS: Final = 6000


def log_run(client: Any, name: str, training: Training, *, artifact_root: str | None) -> str:
    """A finished run of experiment `name` with all of `training`; returns its id.

    Interrupted, it is deleted again: a run that stays is complete, but for one whose process was
    killed, and no version points to that.
    """
    lineage = training.lineage
    run = client.create_run(
        _experiment(client, name, artifact_root),
        run_name=f"{lineage.partition} {lineage.inputs_hash}",
        tags={"partition": lineage.partition, "dagster_run_id": lineage.dagster_run_id},
    )
    run_id = str(run.info.run_id)
    try:
        for key, value in _parameters(lineage).items():
            client.log_param(run_id, key, value[:PARAMETER_MAX_CHARACTERS])
        metrics = list(_metrics(training, timestamp_ms=run.info.start_time))
        for first in range(0, len(metrics), METRICS_PER_CALL):
            client.log_batch(run_id, metrics=metrics[first : first + METRICS_PER_CALL])
        client.log_artifacts(run_id, str(training.model_dir), MODEL_FOLDER)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / LINEAGE_FILE).write_text(lineage.model_dump_json(indent=2) + "\n")
            client.log_artifact(run_id, f"{folder}/{LINEAGE_FILE}")
        client.set_terminated(run_id, "FINISHED")
    except BaseException:  # an interrupt too
        client.delete_run(run_id)
        raise
    return run_id


def ensure_registered_model(client: Any, name: str) -> None:
    """Create the name that versions are kept under, if it is not there."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise


def all_pages(search: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Everything that a paged search of MLflow's client finds."""
    page = search(*arguments)
    found = list(page)
    while page.token:
        page = search(*arguments, page_token=page.token)
        found += page
    return found


def _experiment(client: Any, name: str, artifact_root: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        location = f"{artifact_root}/{name}" if artifact_root else None
        try:
            # Without the tag MLflow shows the pages for language models.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(client.create_experiment(name, artifact_location=location, tags=tags))
        except MlflowException as error:
            if error_code(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def _parameters(lineage: Lineage) -> dict[str, str]:
    """What MLflow compares runs by: the model's own parameters and the platform's."""
    request = lineage.request
    values = {
        **request.training.model_dump(mode="json", exclude={"parameters"}),
        **{f"parameters.{key}": value for key, value in request.training.parameters.items()},
        "workers": request.cluster.worker_count,
        "code_version": request.code_version,
        "dbt_manifest": lineage.dbt_manifest_hash,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    }


def _metrics(training: Training, *, timestamp_ms: int) -> Iterator[Any]:
    from mlflow.entities import Metric

    for epoch, values in sorted(training.history.items()):
        for key, value in values.items():
            yield Metric(key=key, value=float(value), timestamp=timestamp_ms, step=epoch)
