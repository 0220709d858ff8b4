"""Who may say no before an attempt begins: budgets, which belong to a later stage."""

from collections.abc import Sequence
from typing import Protocol

from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest


class Allowance(Protocol):
    """Asked before each attempt is claimed: nothing of it is made, and nothing was spent."""

    def __call__(self, request: TrainingRequest, owner: Owner) -> Sequence[str]:
        """Lines that people are to be told, as that a budget is nearly spent; often none.

        Raises:
            BudgetError: the attempt may not begin.
        """


def unlimited(request: TrainingRequest, owner: Owner) -> Sequence[str]:
    """Nobody counts."""
    return ()
