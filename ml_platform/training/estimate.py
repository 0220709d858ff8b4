"""What a training will take, judged by the earlier ones of the same model."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.training.request import RESULT_FILE
from ml_platform.training.result import TrainingResult

NEWEST: Final = 20
START_S: Final = 20.0
"""Starting a cluster and submitting, which the result of a training does not know."""
FIXED_PHASES: Final = ("import", "encode")
GIB: Final = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Expected time and resources of a training.

    Attributes:
        seconds: From the start of the cluster to the model.
        trainings: How many earlier ones this is judged by.
        cpu_hours: CPUs of head and workers, for that time.
        gpu_hours: GPUs of the workers.
        gib_hours: Memory of head and workers.
        price: In the currency of the prices; None where none is known.
    """

    seconds: float
    trainings: int
    cpu_hours: float
    gpu_hours: float
    gib_hours: float
    price: float | None


def estimate(
    earlier: Sequence[TrainingResult],
    *,
    rows: int,
    cluster: ClusterSpec,
    price_per_hour: float | None,
) -> Estimate | None:
    """The estimate for a training on `rows` rows; None when there was no earlier training.

    Args:
        earlier: Results of trainings of the model.
        rows: Of the window.
        cluster: On which it would run.
        price_per_hour: Of that cluster, head and workers; None where it is not known.
    """
    fixed, per_row = [], []
    for result in earlier:
        seconds = {phase.name: phase.seconds for phase in result.phases}
        if result.status == "succeeded" and result.rows and seconds.get("fit"):
            fixed.append(sum(seconds.get(name, 0.0) for name in FIXED_PHASES))
            per_row.append(seconds["fit"] / result.rows)
    if not per_row:
        return None
    expected_s = START_S + median(fixed) + median(per_row) * rows
    hours = expected_s / 3600
    return Estimate(
        seconds=expected_s,
        trainings=len(per_row),
        cpu_hours=hours * cluster.cpus,
        gpu_hours=hours * cluster.gpus,
        gib_hours=hours * cluster.memory_bytes / GIB,
        price=None if price_per_hour is None else hours * price_per_hour,
    )


def history(settings: Settings, model: str) -> list[TrainingResult]:
    """Results of the model's newest trainings, by partition."""
    trainings = Folder(f"{settings.storage_root}/trainings/{model}")
    found: list[TrainingResult] = []
    for partition in reversed(trainings.names()):
        for inputs in trainings.names(partition):
            try:
                content = trainings.read(f"{partition}/{inputs}/{RESULT_FILE}")
            except FileNotFoundError:  # it is running, or was cut
                continue
            found.append(TrainingResult.model_validate_json(content))
        if len(found) >= NEWEST:
            break
    return found
