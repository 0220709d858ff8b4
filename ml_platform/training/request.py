"""What a training is asked to do: everything that decides its outcome, as one file.

The request is written to object storage, with the code beside it, before a job is submitted. Its
hash names the work: the same request is the same training, after any crash.
"""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from ml_platform.clusters.interface import JobKey
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.stages import asset_name
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.spec import FeaturesSpec

LIBRARIES: Final = ("torch", "ray", "numpy", "pyarrow", "safetensors")
NOT_DECIDING: Final = {
    "worker_retries",
    "infrastructure_retries",
    "checkpoint_every_s",
    "max_runtime_s",
    "no_progress_s",
}
"""Of `training` in `defs.yaml`: what may change without making it another training."""
PACKAGE_ROOT: Final = Path(__file__).resolve().parent.parent
TRAININGS_FOLDER: Final = "trainings"
"""In the storage root; below it a folder by model, partition and training."""
REQUEST_FILE: Final = "request.json"
RESULT_FILE: Final = "result.json"
CODE_FOLDER: Final = "code"
"""Beside the request and beside the weights: the Python files of the model's folder."""


class SnapshotRef(BaseModel):
    """One day of the training set, by its immutable version."""

    model_config = ConfigDict(frozen=True)

    partition: str
    version: str
    rows: int


class TrainingRequest(BaseModel):
    """All that goes into a training.

    Attributes:
        model: Name of the model.
        partition: Its partition, the last day of the window.
        cluster: On what it was asked to run; of this, only the number of workers and their GPUs
            decide the outcome.
        code: Where the model's folder lay when the request was made, for people; its files are
            beside the request.
        code_version: Hash of the folder's Python files but `evaluate.py`.
        platform_version: Version of this package that made the request.
        retrain: Empty, or what makes a training of equal inputs a new one: the id of the run that
            a person started to train again.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1, 2] = 2
    model: str
    partition: str
    storage_root: str
    snapshots: tuple[SnapshotRef, ...]
    features: FeaturesSpec
    training: TrainingSpec
    cluster: ClusterSpec
    code: str
    code_version: str
    platform_version: str = ""
    retrain: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_schema(cls, values: Any) -> Any:
        """Requests that the registry keeps from before `attempt` meant one try at a training."""
        if isinstance(values, dict) and "attempt" in values:
            values = dict(values)
            values["retrain"] = values.pop("attempt")
        return values

    def inputs_hash(self) -> str:
        """Sixteen hex digits over what decides the outcome; no path and no library version."""
        snapshots = [snapshot.version for snapshot in self.snapshots]
        rows = {"model": self.model, "snapshots": snapshots, "retrain": self.retrain}
        return _short_hash(rows | self._recipe())

    def recipe_hash(self) -> str:
        """Sixteen hex digits over what people wrote, `defs.yaml` and code, without the rows."""
        return _short_hash(self._recipe())

    def _recipe(self) -> dict[str, Any]:
        return {
            # Which days have rows, the snapshots say.
            "features": self.features.model_dump(mode="json", exclude={"empty_days"}),
            "training": self.training.model_dump(mode="json", exclude=NOT_DECIDING),
            "workers": {
                "count": self.cluster.worker_count,
                "gpus": self.cluster.groups[0].gpus,
            },
            "code": self.code_version,
        }

    def job_key(self) -> JobKey:
        """The name of this work."""
        return JobKey(
            asset=asset_name(self.model, "model"),
            partition=self.partition,
            training=self.inputs_hash(),
        )

    @property
    def folder_uri(self) -> str:
        """Where the training is kept: request, code, attempts, result."""
        folder = f"{TRAININGS_FOLDER}/{self.model}/{self.partition}/{self.inputs_hash()}"
        return f"{self.storage_root}/{folder}"

    @property
    def code_folder(self) -> Path:
        """The model's folder on the machine that made the request."""
        return PACKAGE_ROOT / self.code


def _short_hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def code_reference(folder: Path) -> str:
    """`folder` as `TrainingRequest.code` wants it."""
    resolved = folder.resolve()
    return (
        str(resolved.relative_to(PACKAGE_ROOT))
        if resolved.is_relative_to(PACKAGE_ROOT)
        else str(resolved)
    )


def code_version(folder: Path, *, without: tuple[str, ...] = ("evaluate.py",)) -> str:
    """Twelve hex digits over a model's Python files; by default those that train."""
    digest = hashlib.sha256()
    for name, content in python_files(folder):
        if name not in without:
            digest.update(f"{name}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:12]


def python_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """A model's Python files, those of its subfolders too: relative paths and contents, sorted."""
    for name in python_names(folder):
        yield name, (folder / name).read_bytes()


def python_names(folder: Path) -> list[str]:
    """Relative paths of a model's Python files, sorted; links that lead nowhere too."""
    names = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return sorted(name.as_posix() for name in names if "__pycache__" not in name.parts)


def library_versions() -> dict[str, str]:
    """Versions of what computes, by name."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version()} | versions
