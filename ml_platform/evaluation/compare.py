"""Evaluate a candidate: put its predictions beside its rivals' and ask the gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.gates import GateSpec, judge
from ml_platform.evaluation.metrics import Scored, difference, score
from ml_platform.evaluation.report import (
    METRICS,
    RIVAL_TITLES,
    BaselineRows,
    EvaluationReport,
    Incumbent,
    Rival,
    RivalName,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """One held-out partition as the candidate and each rival see it, in the same row order."""

    partition: str
    candidate: Scored
    rivals: Mapping[RivalName, Scored]


def evaluate(
    *,
    model: str,
    version: int | None,
    partition: str,
    held_out: Sequence[HeldOut],
    gates: Sequence[GateSpec],
    incumbent: Incumbent | None = None,
    baseline_rows: BaselineRows | None = None,
) -> EvaluationReport:
    """Scores, paired differences and gates of a candidate over its held-out partitions.

    `incumbent` is the champion, also when it is no rival: one that was trained on held-out days
    cannot be compared fairly, and is left out of `HeldOut.rivals`.

    Raises:
        EvaluationError: nothing is held out, a rival misses a partition or saw other rows, or a
            gate asks for a rival that is not there.
    """
    if not held_out:
        raise EvaluationError(
            f"{model} of {partition} has no held-out partition to be evaluated on",
            hint="set evaluation.holdout_days to 1 or more.",
        )
    candidate = pooled([day.candidate for day in held_out])
    report = EvaluationReport(
        model=model,
        version=version,
        partition=partition,
        holdout=tuple(day.partition for day in held_out),
        candidate=score(candidate),
        by_partition={day.partition: score(day.candidate) for day in held_out},
        rivals=tuple(_rival(name, candidate, held_out) for name in _rival_names(held_out)),
        incumbent=incumbent,
        baseline_rows=baseline_rows,
    )
    return report.model_copy(update={"gate_results": tuple(judge(gate, report) for gate in gates)})


def pooled(days: Sequence[Scored]) -> Scored:
    """The rows of several days as one."""
    import numpy as np

    return Scored(
        np.concatenate([day.labels for day in days]),
        np.concatenate([day.probabilities for day in days]),
    )


def _rival_names(held_out: Sequence[HeldOut]) -> list[RivalName]:
    for day in held_out:
        if set(day.rivals) != set(held_out[0].rivals):
            raise EvaluationError(
                f"the rivals differ between {held_out[0].partition} "
                f"({', '.join(sorted(held_out[0].rivals)) or 'none'}) and {day.partition} "
                f"({', '.join(sorted(day.rivals)) or 'none'})",
                hint="score every rival on every held-out partition.",
            )
    return [name for name in RIVAL_TITLES if name in held_out[0].rivals]


def _rival(name: RivalName, candidate: Scored, held_out: Sequence[HeldOut]) -> Rival:
    rival = pooled([day.rivals[name] for day in held_out])
    return Rival(
        name=name,
        scores=score(rival),
        differences={metric: difference(metric, candidate, rival) for metric in METRICS},
    )
