"""What must be true of snapshots before anything trains on them; sentences for a person.

A day is judged by what must be so of every day, and a window by what must be so of all its rows: a
day may have one label only. Pure functions from manifests to a `CheckResult`; those of a day are
shown as asset checks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ml_platform.errors import TrainingSetError
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import pyarrow as pa

SUSPICIOUS_AUC: Final = 0.95
"""A single feature that ranks the label this well has most likely seen it."""
HONEST_AUC: Final = 0.85
"""What an honest feature may well reach: only what chance cannot make of it is suspicious."""
STANDARD_ERRORS: Final = 3.0
FEWEST_OF_A_LABEL: Final = 10
"""Rows of a window's rarer label: of fewer nothing can be learnt, and no validation be drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """Outcome of a check, as a sentence."""

    passed: bool
    sentence: str


def blocking(manifest: SnapshotManifest, spec: FeaturesSpec) -> dict[str, CheckResult]:
    """What must be so before anything reads a snapshot, by the name of the asset check."""
    knowledge = no_late_knowledge(manifest, spec)
    return {
        "not_empty": not_empty(manifest, spec),
        "schema_as_contract": schema_as_contract(manifest, spec),
        "label_present": label_present(manifest, spec),
        "no_leak": no_leaking_feature([manifest], spec) if knowledge.passed else knowledge,
    }


def require_sound(manifests: Sequence[SnapshotManifest], spec: FeaturesSpec, *, what: str) -> None:
    """Check again that nothing blocks: Dagster's checks hold back only their own run.

    Raises:
        TrainingSetError: a snapshot does not pass; names the day and says why.
    """
    for manifest in manifests:
        failing = [one.sentence for one in blocking(manifest, spec).values() if not one.passed]
        if failing:
            day = manifest.partition
            raise TrainingSetError(
                f"{what} needs the training set of {day}, which does not pass its checks: "
                f"{'; '.join(failing)}",
                hint=f"mend {spec.table} or defs.yaml, then run `mlp backfill {manifest.name} "
                f"--from {manifests[0].partition} --to {manifests[-1].partition} "
                "--through training_set --all`.",
            )


def require_trainable(
    manifests: Sequence[SnapshotManifest], spec: FeaturesSpec, *, what: str
) -> None:
    """Check that the days of a window have together what a training needs.

    Raises:
        TrainingSetError: too few rows of a label, or a number that foretells it; says which.
    """
    checked = (labels_in_window(manifests, spec), no_leaking_feature(manifests, spec))
    failing = [one.sentence for one in checked if not one.passed]
    if failing:
        raise TrainingSetError(
            f"{what} cannot be done on {manifests[0].partition} … {manifests[-1].partition}: "
            f"{'; '.join(failing)}",
            hint=f"take a longer window (training.window_days), or look at {spec.table}.",
        )


def labels_in_window(manifests: Sequence[SnapshotManifest], spec: FeaturesSpec) -> CheckResult:
    """Enough rows of either label, over all days."""
    rows = sum(one.rows for one in manifests)
    positives = sum(one.positives for one in manifests)
    return CheckResult(
        passed=min(positives, rows - positives) >= FEWEST_OF_A_LABEL,
        sentence=f"{spec.label} is 1 in {positives:,} of {rows:,} rows and 0 in "
        f"{rows - positives:,}; at least {FEWEST_OF_A_LABEL} of either are needed",
    )


def not_empty(manifest: SnapshotManifest, spec: FeaturesSpec) -> CheckResult:
    """There are rows, or the model says that a day may have none."""
    rows = f"{manifest.rows:,} rows of {manifest.source.table} on {manifest.partition}"
    if manifest.rows or manifest.rows_without_label:
        return CheckResult(passed=manifest.rows > 0, sentence=rows)
    allowed = spec.empty_days == "allowed"
    so = "which `features.empty_days` allows" if allowed else "and the model allows no empty day"
    return CheckResult(passed=allowed, sentence=f"{rows}, {so}")


def schema_as_contract(manifest: SnapshotManifest, spec: FeaturesSpec) -> CheckResult:
    """The snapshot has just the columns that the model's `defs.yaml` names, in its types."""
    found = {column.name: column.type for column in manifest.columns}
    wanted = (
        dict.fromkeys(spec.numbers, "float")
        | dict.fromkeys(spec.categories, "string")
        | {spec.label: "int8"}
    )
    wrong = [
        f"{name} is {found.get(name, 'missing')}, wanted {kind}"
        for name, kind in wanted.items()
        if found.get(name) != kind
    ]
    wrong += [f"{name} was not asked for" for name in found if name not in spec.columns]
    if wrong:
        return CheckResult(passed=False, sentence=f"the schema differs: {'; '.join(wrong)}")
    return CheckResult(
        passed=True,
        sentence=f"all {len(found)} columns are as contracted (schema {manifest.schema_hash})",
    )


def label_present(manifest: SnapshotManifest, spec: FeaturesSpec) -> CheckResult:
    """Enough rows have a label, whichever: that both are there is judged by window."""
    total = manifest.rows + manifest.rows_without_label
    share = manifest.rows_without_label / total if total else 0.0
    rate = manifest.positives / manifest.rows if manifest.rows else 0.0
    sentence = (
        f"{spec.label} is 1 in {rate:.1%} of {manifest.rows:,} rows; "
        f"{manifest.rows_without_label:,} rows ({share:.1%}) without it are left out"
    )
    return CheckResult(passed=share <= spec.unlabelled_at_most, sentence=sentence)


def no_late_knowledge(manifest: SnapshotManifest, spec: FeaturesSpec) -> CheckResult:
    """No row has a feature that was known only after its event."""
    late = manifest.late_knowledge_rows
    if late:
        return CheckResult(
            passed=False,
            sentence=f"{late:,} of {manifest.rows:,} rows have features known only after the "
            f"event: {spec.known_at} is later than {spec.event_time}",
        )
    return CheckResult(
        passed=True,
        sentence=f"every feature of all {manifest.rows:,} rows was known by {spec.event_time}",
    )


def no_leaking_feature(manifests: Sequence[SnapshotManifest], spec: FeaturesSpec) -> CheckResult:
    """No single number foretells the label so well that it must have seen it.

    Of few rows of a label any number foretells it by chance: on a day with a single positive, one
    number of noise in ten has a ROC AUC over 0.95. So a number is suspicious only if chance cannot
    have made that of an honest one.
    """
    strengths = {name: _strength(name, manifests) for name in spec.numbers}
    suspects = [name for name, (area, limit) in strengths.items() if area > limit]
    if suspects:
        named = ", ".join(f"{name} ({strengths[name][0]:.3f})" for name in suspects)
        return CheckResult(
            passed=False,
            sentence=f"too good to be true alone (ROC AUC over {SUSPICIOUS_AUC}): {named}; "
            f"is it known before {spec.event_time}?",
        )
    best = max(strengths, key=lambda name: strengths[name][0], default="")
    if not best:
        return CheckResult(passed=True, sentence="there are no numbers")
    area, limit = strengths[best]
    few = ", of too few rows of a label to tell" if area > SUSPICIOUS_AUC or limit > 1 else ""
    return CheckResult(
        passed=True,
        sentence=f"no number foretells {spec.label} alone; the best is {best} with a ROC AUC of "
        f"{area:.3f}{few}",
    )


def foretells(rows: "pa.Table", spec: FeaturesSpec) -> dict[str, tuple[float, int, int]]:
    """How well each number of `rows` alone ranks the label.

    Returns:
        By column the ROC AUC of its better direction, and by how many rows of label 1 and of label
        0 it was ranked: those in which the number is known.
    """
    import numpy as np

    label = rows.column(spec.label).to_numpy()
    found = {}
    for name in spec.numbers:
        values = rows.column(name).to_numpy()
        known = np.isfinite(values)
        area = rank_auc(label[known], values[known])
        positives = int(label[known].sum())
        found[name] = (max(area, 1 - area), positives, int(known.sum()) - positives)
    return found


def _strength(name: str, manifests: Sequence[SnapshotManifest]) -> tuple[float, float]:
    """A number's mean ROC AUC over the days, by pairs of rows, and from where on it is suspicious.

    The mean of the better direction of each day is at most too high, for noise three quarters.
    """
    days = [one.ranked(name) for one in manifests]
    days = [(area, ones, zeros) for area, ones, zeros in days if ones and zeros]
    pairs = sum(ones * zeros for _, ones, zeros in days)
    if not pairs:
        return 0.5, math.inf
    area = sum(area * ones * zeros for area, ones, zeros in days) / pairs
    variance = sum((ones * zeros / pairs) ** 2 * _variance(ones, zeros) for _, ones, zeros in days)
    return area, max(SUSPICIOUS_AUC, HONEST_AUC + STANDARD_ERRORS * variance**0.5)


def _variance(ones: int, zeros: int, area: float = HONEST_AUC) -> float:
    """Of a ROC AUC (Hanley and McNeil 1982, Radiology 143:29-36)."""
    both_ones = area / (2 - area) - area**2
    both_zeros = 2 * area**2 / (1 + area) - area**2
    spread = area * (1 - area) + (ones - 1) * both_ones + (zeros - 1) * both_zeros
    return spread / (ones * zeros)


def rank_auc(label: "object", values: "object") -> float:
    """ROC AUC of one column by ranks (Mann and Whitney); 0.5 when a class is missing."""
    import numpy as np

    y = np.asarray(label)
    x = np.asarray(values)
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    ranks = mean_rank[inverse]
    area = float(ranks[y == 1].sum()) - positives * (positives + 1) / 2
    return area / (positives * negatives)
