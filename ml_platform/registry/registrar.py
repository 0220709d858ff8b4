"""The registry as the stages see it: one namespace, in which a model has its short name.

`training` and `evaluation` come before `registry` in the flow and may not import it; the resource
`registry` gives them this.
"""

import tempfile
from pathlib import Path

from ml_platform.errors import RegistryError
from ml_platform.evaluation.asset import KeptModel
from ml_platform.evaluation.report import EvaluationReport
from ml_platform.registry.git import commit_of
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.models import Lineage, ModelVersion, Training
from ml_platform.settings import PROJECT_ROOT
from ml_platform.storage import Folder
from ml_platform.training.asset import Registered, TrainedModelFacts


def _download(uri: str, target: Path) -> Path:
    try:
        return Folder(uri).download(target)
    except FileNotFoundError as error:
        raise RegistryError(
            f"the trained model is not where it was written: {error}",
            hint="somebody has removed it; materialize with `retrain: true` to train it again.",
        ) from error


class ModelRegistry:
    """Registers what was trained, hands out what is judged, and keeps the judgement.

    Args:
        versions: The registry of all namespaces.
        namespace: The prefix of registered names.
    """

    def __init__(self, versions: Registry, namespace: str) -> None:
        self.versions = versions
        self._namespace = namespace

    def register(self, facts: TrainedModelFacts) -> Registered:
        """Keep a trained model as a version; the same inputs are the same version.

        Raises:
            RegistryError: the registry refused or does not answer.
        """
        result = facts.trained.result
        newest_first = reversed(facts.manifests)
        dbt_manifest, *older = dict.fromkeys(one.source.dbt_manifest for one in newest_first)
        lineage = Lineage(
            request=facts.request,
            inputs_hash=result.inputs_hash,
            encoding_hash=result.encoding_hash,
            libraries=result.libraries,
            dbt_manifest_hash=dbt_manifest,
            older_dbt_manifest_hashes=tuple(older),
            git_commit=commit_of(PROJECT_ROOT),
            image=facts.request.cluster.image,
            asset=facts.asset,
            dagster_run_id=facts.run_id,
        )
        with tempfile.TemporaryDirectory() as scratch:
            version = self.versions.register(
                self._name(facts.request.model),
                Training(
                    lineage=lineage,
                    history={record.epoch: record.metrics for record in result.history},
                    model_dir=_download(result.model_uri, Path(scratch) / "model"),
                ),
            )
        return Registered(version=version.version, url=self.versions.run_url(version))

    def candidate(self, model: str, partition: str) -> KeptModel:
        """The newest version of a partition.

        Raises:
            RegistryError: it was never trained.
        """
        return _kept(self.versions, self._newest(model, partition))

    def opponent(self, model: str, partition: str) -> KeptModel | None:
        """Whom the partition's model has to beat: the champion, or the one before if it is that."""
        found = self.versions.opponent(self._newest(model, partition))
        return None if found is None else _kept(self.versions, found)

    def record(self, report: EvaluationReport, pictures: dict[str, bytes]) -> str:
        """Keep a report beside its version; returns the page where people see it."""
        version = self._newest(report.model, report.partition)
        self.versions.log_evaluation(version, report, pictures)
        return self.versions.run_url(version)

    def evaluated(self, model: str, partition: str) -> tuple[ModelVersion, EvaluationReport]:
        """A partition's newest version and its evaluation.

        Raises:
            RegistryError: it was not trained, or not evaluated since.
        """
        candidate = self._newest(model, partition)
        report = self.versions.evaluation(candidate)
        if report is None:
            raise RegistryError(
                f"there is no evaluation of {model} for {partition}",
                hint=f"materialize {model}/evaluation for {partition} first.",
            )
        return candidate, report

    def _newest(self, model: str, partition: str) -> ModelVersion:
        found = self.versions.newest(self._name(model), partition)
        if found is None:
            raise RegistryError(
                f"there is no model {model} of {partition} in the registry",
                hint=f"materialize {model}/model for {partition} first.",
            )
        return found

    def _name(self, model: str) -> str:
        return f"{self._namespace}.{model}"


def _kept(registry: Registry, version: ModelVersion) -> KeptModel:
    return KeptModel(
        version=version.version,
        partition=version.partition,
        request=version.lineage.request,
        directory=registry.download(version),
    )
