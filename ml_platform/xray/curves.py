"""What a training reported of its epochs, and which of its metrics tells most; pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ml_platform.training.result import TrainingResult

_HELD_OUT = ("val", "test", "eval")
"""How metrics of rows that were held out begin, or are called in part, in most training code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """The metrics of an attempt's epochs.

    Attributes:
        metrics: Of the last epoch.
        epochs: Of each epoch, oldest first, under `epoch` its number.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    epochs: tuple[Mapping[str, float], ...] = ()

    @property
    def main(self) -> "Metric | None":
        """The metric that tells most; None if nothing was reported."""
        name = main_name(self.metrics)
        return Metric(name=name, value=self.metrics[name]) if name else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric, as `train.py` calls it."""

    name: str
    value: float


def curves_of(result: TrainingResult) -> Curves:
    """The curves of a training's result; what is no number is left out, no database takes it."""
    epochs = tuple(
        {"epoch": float(one.epoch)} | {n: v for n, v in one.metrics.items() if math.isfinite(v)}
        for one in result.history
    )
    last = dict(epochs[-1]) if epochs else {}
    last.pop("epoch", None)
    return Curves(metrics=last, epochs=epochs)


def main_name(names: Iterable[str]) -> str:
    """The first that is of rows held out, else the first; empty if there is none."""
    known = list(names)
    held_out = [one for one in known if any(word in one.lower() for word in _HELD_OUT)]
    return next(iter([*held_out, *known]), "")
