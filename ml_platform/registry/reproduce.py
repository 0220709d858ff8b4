"""`mlp model reproduce`: trains a version again from its lineage, and compares the weights."""

import importlib.metadata
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import ClustersAccess
from ml_platform.errors import RegistryError
from ml_platform.registry.listing import find_version
from ml_platform.registry.owner import open_registry
from ml_platform.registry.weights import Reproduction, compare
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.launch import train
from ml_platform.training.listeners import Listeners
from ml_platform.training.record import Owner
from ml_platform.training.request import (
    CODE_FOLDER,
    TrainingRequest,
    code_reference,
    code_version,
)

TOLERANCE: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a repeated training differs from the version.

    Attributes:
        model: The model.
        version: Its version.
        partition: The day whose model it is.
        workers: How many workers trained; with one, on CPU, the weights are bitwise the same.
        reproduction: The difference.
        tolerance: The difference of two weights that is let pass.
        libraries: Libraries of another version than at the first training: before and now.
    """

    model: str
    version: int
    partition: str
    workers: int
    reproduction: Reproduction
    tolerance: float
    libraries: dict[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether the model came out as it was, within the tolerance."""
        return self.reproduction.largest_difference <= self.tolerance


def reproduce(
    settings: Settings,
    clusters: ClustersAccess,
    model: str,
    number: int,
    *,
    tolerance: float = TOLERANCE,
    listeners: Listeners | None = None,
) -> Comparison:
    """Train a version again with the code, the snapshots and the parameters of its lineage.

    Raises:
        RegistryError: there is no such version, or its code is not as it was.
        TrainingError: the training failed.
        TrainingSetError: a snapshot of its window is gone.
    """
    registry = open_registry(settings)
    version = find_version(registry, settings, model, number)
    kept = registry.download(version)
    with tempfile.TemporaryDirectory(prefix="reproduce-") as scratch:
        # A copy: Python writes beside what it imports, and the registry's files stay as they are.
        code = Path(scratch) / model
        shutil.copytree(kept / CODE_FOLDER, code, ignore=shutil.ignore_patterns("__pycache__"))
        original = version.lineage.request
        if code_version(code) != original.code_version:
            raise RegistryError(
                f"the code kept with {version} is not what trained it: {code_version(code)}, "
                f"wanted {original.code_version}",
                hint=f"look at {kept / CODE_FOLDER}; somebody has changed it.",
            )
        request = asked_again(original, code, settings)
        try:
            trained = train(
                request,
                clusters.provisioner,
                owner=Owner(run=request.retrain, root=request.retrain),
                listeners=listeners or Listeners(on_log=lambda line: None),
                code=code,
            )
            again = Folder(trained.result.model_uri).download(Path(scratch) / "again")
        finally:
            Folder(request.folder_uri).remove()
        last = trained.result.history[-1].metrics if trained.result.history else {}
        return Comparison(
            model=model,
            version=version.version,
            partition=version.partition,
            workers=request.cluster.worker_count,
            reproduction=compare(kept, again, first_metrics=version.metrics, second_metrics=last),
            tolerance=tolerance,
            libraries={
                name: (before, trained.result.libraries.get(name, "not there"))
                for name, before in version.lineage.libraries.items()
                if trained.result.libraries.get(name) != before
            },
        )


def asked_again(original: TrainingRequest, code: Path, settings: Settings) -> TrainingRequest:
    """The same training, asked for anew: by this version of the platform, in today's storage."""
    return original.model_copy(
        update={
            "retrain": f"reproduce-{uuid.uuid4().hex[:12]}",
            "code": code_reference(code),
            "code_version": code_version(code),
            "platform_version": importlib.metadata.version("ml_platform"),
            "storage_root": settings.storage_root,
        }
    )
