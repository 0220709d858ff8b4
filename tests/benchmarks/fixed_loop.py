"""The training that is measured: the example's network on one day's window, for a fixed time.

Early stopping is off, so that every contestant does the same work; one thread each, because that is
what Ray gives a worker of one CPU.
"""

from dataclasses import dataclass, replace
from typing import Final

from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.training.plan import ModelPlan

MODEL: Final = "flight_delay"
FIRST_DAY: Final = "2013-03-15"
SECOND_DAY: Final = "2013-03-16"
THREADS: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopTime:
    """One run of the loop.

    Attributes:
        loop_s: Seconds from before the first row is read to after the last step.
        rows: Rows that were trained on, over all epochs.
        validation_loss: Of the last epoch; tells that the contestants did the same work.
    """

    loop_s: float
    rows: int
    validation_loss: float

    @property
    def rows_per_s(self) -> float:
        """Rows trained on in a second."""
        return self.rows / self.loop_s


def fixed_plan(plan: ModelPlan, *, epochs: int, workers: int = 1) -> ModelPlan:
    """`plan` with a fixed number of epochs on `workers` workers."""
    parameters = plan.training.parameters | {"epochs": epochs, "patience": epochs}
    return replace(
        plan,
        training=plan.training.model_copy(update={"parameters": parameters}),
        # Those of the head are for Ray Data, beside those that the workers hold.
        cluster=ClusterSpec(head=HeadGroup(cpus=2 + workers), workers=WorkerGroup(count=workers)),
    )


def trained_rows(rows: int, validation_every: int, epochs: int) -> int:
    """Rows trained on in all epochs, of a window of `rows`."""
    held = len(range(validation_every // 2, rows, validation_every))
    return (rows - held) * epochs
