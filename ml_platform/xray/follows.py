"""What follows an attempt that failed, by the rules of the loop that would try it again; pure."""

from collections.abc import Sequence

from pydantic import ValidationError

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.ladder import Decision, EndedAttempt, decide
from ml_platform.training.claims import budgets_of
from ml_platform.training.spec import TrainingSpec
from ml_platform.xray.attempt import AttemptRecord


def what_follows(attempts: Sequence[AttemptRecord]) -> Decision | None:
    """The decision after the last of a training's attempts, oldest first, which has failed.

    None where it cannot be told, as a newer program has recorded what this one does not know. The
    decision itself is not recorded; who looks long after may have other rules than the loop had.
    """
    root = attempts[-1].root
    failed = [one for one in attempts if one.status == "failed" and one.root == root]
    try:
        ended = [_for_ladder(one) for one in failed]
        limits = TrainingSpec.model_validate(attempts[-1].limits)
    except (ValueError, ValidationError):
        return None
    return decide(ended, budgets_of(limits, sum(one.ran_s or 0.0 for one in failed)))


def _for_ladder(attempt: AttemptRecord) -> EndedAttempt:
    kind, _, name = attempt.cause_place.partition(" ")
    return EndedAttempt(
        cause=Cause(attempt.cause),
        place=Place.model_validate({"kind": kind, "name": name}),
        progressed=attempt.progressed,
        worker_restarts=attempt.worker_restarts,
        rung=attempt.rung,
    )
