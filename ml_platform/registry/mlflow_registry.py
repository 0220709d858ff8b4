"""Model versions, their curves and files, and the champion alias, kept in MLflow.

A version is created last, when everything else of it is there: a version is complete or absent.
"""

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ml_platform.errors import RegistryError
from ml_platform.evaluation.report import EvaluationReport
from ml_platform.registry.models import CHAMPION, Lineage, ModelVersion, Training
from ml_platform.registry.runs import MODEL_FOLDER, all_pages, ensure_registered_model, log_run
from ml_platform.registry.store import (
    RegistrySettings,
    error_code,
    open_client,
    registry_errors,
    store_lock,
)
from ml_platform.uris import local_path

EVALUATION_FOLDER: Final = "evaluation"
REPORT_FILE: Final = "report.json"

PARTITION_TAG: Final = "partition"
INPUTS_TAG: Final = "training_inputs"
LINEAGE_TAG: Final = "lineage"
REASON_TAG: Final = "promotion_reason"
PREVIOUS_TAG: Final = "previous_champion"
PROMOTED_TAG: Final = "promoted_at"
GATES_TAG: Final = "gates"


class Registry:
    """The models of one installation. Names are registered names: `settings.registered_name`.

    Args:
        settings: Where MLflow is.
        claim: Called with MLflow's client before anything else is asked of it.
        now: The present, for the time of a promotion.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        *,
        claim: Callable[[Any], None] = lambda client: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._claim = claim
        self._now = now

    def register(self, name: str, training: Training) -> ModelVersion:
        """Keep a trained model as a new version, or return the version of the very same inputs.

        Raises:
            RegistryError: the registry refused or does not answer; nothing half is left.
        """
        client = self._client
        with store_lock(self._settings), registry_errors(f"register a version of {name}"):
            same = self._search(name, {INPUTS_TAG: training.lineage.inputs_hash})
            if same:
                number = min(same)
            else:
                run_id = log_run(client, name, training, artifact_root=self._artifact_root)
                number = self._create_version(name, training.lineage, run_id)
        return self.get(name, number)

    def log_evaluation(
        self, version: ModelVersion, report: EvaluationReport, pictures: Mapping[str, bytes]
    ) -> None:
        """Keep a report, its scores as metrics and its pictures beside the version; the last wins.

        `pictures` are PNGs by name.

        Raises:
            RegistryError: the registry refused or does not answer.
        """
        client = self._client
        values = {
            f"holdout_{key}": value
            for key in ("roc_auc", "log_loss", "calibration_error", "brier")
            if (value := getattr(report.candidate, key)) is not None
        }
        with registry_errors(f"log the evaluation of {version}"):
            for key, value in values.items():
                client.log_metric(version.run_id, key, value)
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / REPORT_FILE).write_text(report.to_json())
                for title, png in pictures.items():
                    (Path(folder) / f"{title}.png").write_bytes(png)
                client.log_artifacts(version.run_id, folder, EVALUATION_FOLDER)
            passed = "passed" if report.passed else "failed"
            client.set_model_version_tag(version.name, str(version.version), GATES_TAG, passed)

    def evaluation(self, version: ModelVersion) -> EvaluationReport | None:
        """The newest report of a version, or None if it was never evaluated."""
        client = self._client
        if GATES_TAG not in version.tags:
            return None
        with (
            registry_errors(f"read the evaluation of {version}"),
            tempfile.TemporaryDirectory() as folder,
        ):
            file = f"{EVALUATION_FOLDER}/{REPORT_FILE}"
            return EvaluationReport.from_json(
                Path(client.download_artifacts(version.run_id, file, folder)).read_text()
            )

    def promote(self, version: ModelVersion, reason: str) -> ModelVersion:
        """Make a version the champion; one that is already stays so, with its first reason.

        Raises:
            RegistryError: the registry refused or does not answer.
        """
        client = self._client
        with store_lock(self._settings), registry_errors(f"promote {version}"):
            previous = self._aliases(version.name).get(CHAMPION)
            if previous != version.version:
                tags = {
                    REASON_TAG: reason,
                    PREVIOUS_TAG: "" if previous is None else str(previous),
                    PROMOTED_TAG: self._now().astimezone(UTC).isoformat(timespec="seconds"),
                }
                number = str(version.version)
                for key, value in tags.items():
                    client.set_model_version_tag(version.name, number, key, value)
                # Last: who is the champion has its reason, whenever this was interrupted.
                client.set_registered_model_alias(version.name, CHAMPION, number)
        return self.get(version.name, version.version)

    def champion(self, name: str) -> ModelVersion | None:
        """The champion of a model, or None before the first promotion."""
        number = self._aliases(name).get(CHAMPION)
        return None if number is None else self.get(name, number)

    def opponent(self, candidate: ModelVersion) -> ModelVersion | None:
        """Whom a candidate has to beat: the champion, or the one before if it is the champion.

        So an evaluation that is run again after a promotion comes to the same judgement.
        """
        champion = self.champion(candidate.name)
        if champion is None or champion.version != candidate.version:
            return champion
        previous = champion.tags.get(PREVIOUS_TAG, "")
        return self.get(candidate.name, int(previous)) if previous else None

    def newest(self, name: str, partition: str) -> ModelVersion | None:
        """The newest version of a partition, or None if it was never trained."""
        found = self._search(name, {PARTITION_TAG: partition})
        return self.get(name, max(found)) if found else None

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, newest first; none for a name that nobody registered."""
        client = self._client
        with registry_errors(f"list the versions of {name}"):
            found = all_pages(client.search_model_versions, f"name = '{name}'")
            experiment = client.get_experiment_by_name(name)
            runs = all_pages(client.search_runs, [experiment.experiment_id]) if experiment else []
        metrics = {run.info.run_id: run.data.metrics for run in runs}
        aliases = self._aliases(name)
        versions = [_version(one, aliases, metrics.get(one.run_id, {})) for one in found]
        return sorted(versions, key=lambda one: one.version, reverse=True)

    def get(self, name: str, version: int) -> ModelVersion:
        """One version.

        Raises:
            RegistryError: there is no such version; names those that there are.
        """
        from mlflow.exceptions import MlflowException

        client = self._client
        try:
            found = client.get_model_version(name, str(version))
            metrics = client.get_run(found.run_id).data.metrics
        except MlflowException as error:
            if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
                with registry_errors(f"read version {version} of {name}"):
                    raise
            known = ", ".join(str(one) for one in sorted(self._search(name, {}))[-10:])
            raise RegistryError(
                f"{name} has no version {version}; it has {known or 'none'}",
                hint="`mlp model list` shows all; take one of them.",
            ) from error
        return _version(found, self._aliases(name), metrics)

    def names(self) -> list[str]:
        """Names of all models with at least one version, sorted."""
        client = self._client
        with registry_errors("list the models"):
            return sorted(one.name for one in all_pages(client.search_registered_models))

    def download(self, version: ModelVersion) -> Path:
        """The folder of the version's files on this machine; not to be written to.

        Raises:
            RegistryError: the files are gone, or the registry does not answer.
        """
        client = self._client
        here = local_path(version.model_uri)
        if here is not None:
            if not here.is_dir():
                raise RegistryError(
                    f"the files of {version} are gone: there is no folder {here}",
                    hint="train the partition again: `mlp model reproduce` does it from lineage.",
                )
            return here
        kept = Path(self._settings.home) / "models" / version.run_id
        if not kept.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with (
                registry_errors(f"download {version}"),
                tempfile.TemporaryDirectory(dir=kept.parent) as folder,
            ):
                # Renamed when complete: another process sees all of the files or none.
                whole = Path(client.download_artifacts(version.run_id, MODEL_FOLDER, folder))
                with store_lock(self._settings):
                    if not kept.is_dir():
                        whole.rename(kept)
        return kept

    def run_url(self, version: ModelVersion) -> str:
        """The page where people see the version's run."""
        client = self._client
        with registry_errors(f"find the run of {version}"):
            experiment = client.get_run(version.run_id).info.experiment_id
        pages = self._settings.mlflow_pages
        return f"{pages}/#/experiments/{experiment}/runs/{version.run_id}"

    @cached_property
    def _client(self) -> Any:
        client = open_client(self._settings)
        self._claim(client)
        return client

    @property
    def _artifact_root(self) -> str | None:
        """Where runs keep files; a server decides for itself."""
        return self._settings.mlflow_artifact_root or None

    def _create_version(self, name: str, lineage: Lineage, run_id: str) -> int:
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{MODEL_FOLDER}"
        tags = {
            PARTITION_TAG: lineage.partition,
            INPUTS_TAG: lineage.inputs_hash,
            LINEAGE_TAG: lineage.model_dump_json(),
        }
        ensure_registered_model(self._client, name)
        mine = self._client.create_model_version(
            name, source, run_id=run_id, tags=tags, await_creation_for=0
        )
        # Another machine may have registered the same inputs meanwhile: the first one stays.
        first = min(self._search(name, {INPUTS_TAG: lineage.inputs_hash}))
        if first != int(mine.version):
            self._client.delete_model_version(name, str(mine.version))
            self._client.delete_run(run_id)
        return first

    def _search(self, name: str, tags: Mapping[str, str]) -> list[int]:
        """Numbers of the versions with these tags."""
        conditions = [f"name = '{name}'"]
        conditions += [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
        with registry_errors(f"search the versions of {name}"):
            found = all_pages(self._client.search_model_versions, " and ".join(conditions))
        return [int(one.version) for one in found]

    def _aliases(self, name: str) -> dict[str, int]:
        """Version by alias; none for a name that nobody registered."""
        from mlflow.exceptions import MlflowException

        with registry_errors(f"read the aliases of {name}"):
            try:
                found = self._client.get_registered_model(name).aliases
            except MlflowException as error:
                if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}
        return {alias: int(version) for alias, version in found.items()}


def _version(found: Any, aliases: Mapping[str, int], metrics: Mapping[str, float]) -> ModelVersion:
    number = int(found.version)
    tags = dict(found.tags)
    return ModelVersion(
        name=found.name,
        version=number,
        run_id=found.run_id,
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        partition=tags.get(PARTITION_TAG, ""),
        aliases=tuple(sorted(alias for alias, version in aliases.items() if version == number)),
        lineage_json=tags.pop(LINEAGE_TAG, ""),
        metrics=dict(metrics),
        model_uri=found.source,
        tags=tags,
    )
