"""The example's network, beside a Ray."""

import math
from collections.abc import Iterator
from typing import Any, cast

import torch  # noqa: TID253

from ml_platform.settings import PROJECT_ROOT
from ml_platform.training.api import Batch, TrainingRun
from ml_platform.training.model_code import load_module

FOLDER = PROJECT_ROOT / "ml_platform" / "defs" / "models" / "flight_delay"
PARAMETERS = {"members": 2, "width": 4, "embedding": 2, "dropout": 0.1, "confidence": 0.9}


class HeldOutRows:
    """A run that has nothing but rows for validation."""

    def batches(self, split: str, *, rows: int) -> Iterator[Batch]:
        assert split == "validation"
        yield Batch(
            numbers=torch.zeros(rows, 3),
            categories=torch.zeros(rows, 1, dtype=torch.int32),
            label=torch.ones(rows),
        )


def loss_with(value: float) -> float:
    module = load_module(FOLDER, "train")
    net: Any = module.build(3, (5,), PARAMETERS)
    torch.nn.init.constant_(net.linear.bias, value)
    return float(module.validation_loss(cast("TrainingRun", HeldOutRows()), net.eval()))


def test_weights_that_are_no_numbers_give_a_loss_that_can_be_reported() -> None:
    assert math.isnan(loss_with(math.nan))


def test_the_more_a_late_flight_is_expected_the_smaller_is_its_loss() -> None:
    assert loss_with(2.0) < loss_with(-2.0)
