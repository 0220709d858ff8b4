"""How far an attempt is that runs, and how long it still takes, by its epochs; pure.

How many epochs there are is known where `training.parameters` in `defs.yaml` has `epochs`, as the
example and the folder of `mlp model new` do. A model that stops early needs fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.samples import StepTimes
from ml_platform.xray.words import span

NEARLY: Final = 0.99
"""Of an epoch that takes longer than those before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far an attempt is, as its first worker measured last.

    Attributes:
        epoch: That it is in, from 1.
        epochs: All that there are at most; None if it is not known, as are the others then.
        percent: Of them.
        left_s: At most, at the pace of the epochs that this attempt has trained; None before the
            first is over.
    """

    epoch: int
    epochs: int | None = None
    percent: float | None = None
    left_s: float | None = None

    @property
    def told(self) -> str:
        """It in words: `epoch 3 of 20, 12 %, at most 4 min 10 s left`."""
        if self.epochs is None or self.percent is None:
            return f"epoch {self.epoch}"
        told = f"epoch {self.epoch} of {self.epochs}, {self.percent:.0f} %"
        return told if self.left_s is None else f"{told}, at most {span(self.left_s)} left"


def progress(
    attempt: AttemptRecord, steps: Sequence[StepTimes], *, now_s: float
) -> Progress | None:
    """How far it is; None if it has ended, or no batch of it was measured yet.

    Args:
        attempt: Which.
        steps: Of one worker: the first that it measured, and the newest, oldest first.
        now_s: Now, in seconds since 1970.
    """
    if not attempt.is_open or not steps:
        return None
    first, last = steps[0], steps[-1]
    epochs = _epochs(attempt)
    if epochs is None or last.epoch >= epochs:
        return Progress(epoch=last.epoch + 1)
    before = [one.at_s for one in steps if one.epoch < last.epoch]
    if not before:
        return Progress(
            epoch=last.epoch + 1, epochs=epochs, percent=round(100.0 * last.epoch / epochs, 1)
        )
    # The newest ones may all be of one epoch: then it began after the first of them at the latest.
    began_s = before[-1] if len(before) > 1 else min(steps[1].at_s, last.at_s)
    an_epoch_s = (began_s - _began_s(first)) / (last.epoch - first.epoch)
    share = min(NEARLY, (last.at_s - began_s) / an_epoch_s) if an_epoch_s > 0 else 0.0
    done = last.epoch + share
    ends_at_s = last.at_s + (epochs - done) * an_epoch_s
    return Progress(
        epoch=last.epoch + 1,
        epochs=epochs,
        percent=round(100.0 * done / epochs, 1),
        left_s=max(0.0, ends_at_s - now_s),
    )


def _epochs(attempt: AttemptRecord) -> int | None:
    parameters = attempt.limits.get("parameters")
    found = parameters.get("epochs") if isinstance(parameters, dict) else None
    is_count = isinstance(found, int) and not isinstance(found, bool) and found > 0
    return found if is_count else None


def _began_s(first: StepTimes) -> float:
    """When the worker began its first batch."""
    return first.at_s - first.data_s - first.step_s
