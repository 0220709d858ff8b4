"""What runs in a case's pods: a stand-in for Ray, whose driver does to the record what the real one
does, or Ray and a real training.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.storage import Folder
from ml_platform.training.request import TrainingRequest
from tests.kubernetes.light_clusters import LightClusters
from tests.support import trainings
from tests.support.attempts.head import EPOCHS

_MARKED: Final = trainings.TROUBLED.parent / "marked"
_REAL_SIZE: Final = ClusterSpec(
    provisioner="ephemeral", head=HeadGroup(memory="3Gi"), workers=WorkerGroup(memory="2Gi")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ray:
    """What runs in the pods, and how long all takes with it.

    Attributes:
        name: As results have it.
        training: A training of its own; its code may lie in a folder.
        config: How clusters are made; takes more keys of it.
        marks: Where its driver leaves `trained/<one>-<epoch>` and heeds `hold`.
        within_s: How long each wait may take.
        at_once: How many cases this machine holds.
        together: How many of those that one fault of the node befalls, and that wait for its end.
    """

    name: str
    training: Callable[[LightClusters, Path], TrainingRequest]
    config: Callable[..., KubeRayConfig]
    marks: Callable[[TrainingRequest], Folder]
    within_s: float
    at_once: int
    together: int


def _real_training(light: LightClusters, folder: Path) -> TrainingRequest:
    root, code = f"{light.bucket}/{folder.name}", folder / "code"
    shutil.copytree(_MARKED, code)
    shutil.copy(trainings.TROUBLED / "evaluate.py", code)  # it learns the same
    return trainings.request(
        root, cluster=_REAL_SIZE, code=code, epochs=EPOCHS, marks=f"{root}/marks"
    )


STAND_IN: Final = Ray(
    name="stand-in",
    training=LightClusters.training,
    config=LightClusters.config,
    marks=lambda request: Folder(request.folder_uri),
    within_s=60.0,
    at_once=7,
    together=7,
)
REAL: Final = Ray(
    name="real",
    training=_real_training,
    config=LightClusters.real_ray,
    marks=lambda request: Folder(str(request.training.parameters["marks"])),
    within_s=240.0,
    at_once=2,
    together=1,
)
