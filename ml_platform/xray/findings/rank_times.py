"""Where the time of each worker went, over a whole attempt."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ml_platform.xray.samples import StepTimes

LEAST_S: Final = 5.0
"""Of a worker that has to be measured: before that it opens files and makes its first graph."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankTimes:
    """The sums of one worker, in seconds.

    Attributes:
        rank: Which.
        node: Where it ran last; empty if it is not known.
        rows: That it trained on.
        batches: In so many batches.
        data_s: Waiting for data.
        step_s: In steps.
        cpu_s: Of that, with a CPU.
        waiting_s: Of that, without one, and while no worker wrote a checkpoint.
        checkpoint_s: Writing checkpoints.
    """

    rank: int
    node: str
    rows: int
    batches: int
    data_s: float
    step_s: float
    cpu_s: float
    waiting_s: float
    checkpoint_s: float

    @property
    def measured_s(self) -> float:
        """All that was measured, but for checkpoints between epochs."""
        return self.data_s + self.step_s

    @property
    def busy_s(self) -> float:
        """What it did itself: read and computed."""
        return self.data_s + self.cpu_s

    @property
    def waiting_share(self) -> float:
        """Of its steps."""
        return self.waiting_s / self.step_s if self.step_s else 0.0


def rank_times(steps: Iterable[StepTimes]) -> tuple[RankTimes, ...]:
    """The workers that were measured for long enough, by their rank."""
    by_rank: dict[int, list[StepTimes]] = {}
    for one in steps:
        by_rank.setdefault(one.rank, []).append(one)
    # While one writes, all wait for it in their next collective.
    checkpoint_s = max((_sum(of_one, "checkpoint_s") for of_one in by_rank.values()), default=0.0)
    found = []
    for rank, of_one in sorted(by_rank.items()):
        step_s, cpu_s = _sum(of_one, "step_s"), _sum(of_one, "cpu_s")
        found.append(
            RankTimes(
                rank=rank,
                node=of_one[-1].node,
                rows=sum(one.rows for one in of_one),
                batches=sum(one.batches for one in of_one),
                data_s=_sum(of_one, "data_s"),
                step_s=step_s,
                cpu_s=cpu_s,
                waiting_s=max(0.0, step_s - cpu_s - checkpoint_s),
                checkpoint_s=_sum(of_one, "checkpoint_s"),
            )
        )
    return tuple(one for one in found if one.measured_s >= LEAST_S)


def _sum(of_one: Iterable[StepTimes], name: str) -> float:
    return float(sum(getattr(one, name) for one in of_one))
