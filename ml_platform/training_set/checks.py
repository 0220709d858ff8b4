"""What must be true of a snapshot before anything trains on it; sentences for a person.

Pure functions from a manifest to a `Finding`; Dagster shows them as asset checks.
"""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Outcome of a check, as a sentence."""

    passed: bool
    sentence: str


def blocking(manifest: SnapshotManifest, spec: FeaturesSpec) -> dict[str, Finding]:
    """What must be so before anything reads a snapshot, by the name of the asset check."""
    knowledge = no_late_knowledge(manifest, spec)
    return {
        "not_empty": not_empty(manifest),
        "schema_as_contract": schema_as_contract(manifest, spec),
        "label_present": label_present(manifest, spec),
        "no_leak": no_leaking_feature(manifest, spec) if knowledge.passed else knowledge,
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


def not_empty(manifest: SnapshotManifest) -> Finding:
    """There are rows."""
    return Finding(
        passed=manifest.rows > 0,
        sentence=f"{manifest.rows:,} rows of {manifest.source.table} on {manifest.partition}",
    )


def schema_as_contract(manifest: SnapshotManifest, spec: FeaturesSpec) -> Finding:
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
        return Finding(passed=False, sentence=f"the schema differs: {'; '.join(wrong)}")
    return Finding(
        passed=True,
        sentence=f"all {len(found)} columns are as contracted (schema {manifest.schema_hash})",
    )


def label_present(manifest: SnapshotManifest, spec: FeaturesSpec) -> Finding:
    """Enough rows have a label, and both classes are there."""
    total = manifest.rows + manifest.rows_without_label
    share = manifest.rows_without_label / total if total else 1.0
    both = 0 < manifest.positives < manifest.rows
    rate = manifest.positives / manifest.rows if manifest.rows else 0.0
    sentence = (
        f"{spec.label} is 1 in {rate:.1%} of {manifest.rows:,} rows; "
        f"{manifest.rows_without_label:,} rows ({share:.1%}) without it are left out"
    )
    return Finding(passed=both and share <= spec.unlabelled_at_most, sentence=sentence)


def no_late_knowledge(manifest: SnapshotManifest, spec: FeaturesSpec) -> Finding:
    """No row has a feature that was known only after its event."""
    late = manifest.late_knowledge_rows
    if late:
        return Finding(
            passed=False,
            sentence=f"{late:,} of {manifest.rows:,} rows have features known only after the "
            f"event: {spec.known_at} is later than {spec.event_time}",
        )
    return Finding(
        passed=True,
        sentence=f"every feature of all {manifest.rows:,} rows was known by {spec.event_time}",
    )


def no_leaking_feature(manifest: SnapshotManifest, spec: FeaturesSpec) -> Finding:
    """No single number foretells the label so well that it must have seen it."""
    strengths = {name: manifest.foretells.get(name, 0.5) for name in spec.numbers}
    suspects = [f"{name} ({one:.3f})" for name, one in strengths.items() if one > SUSPICIOUS_AUC]
    if suspects:
        return Finding(
            passed=False,
            sentence=f"too good to be true alone (ROC AUC over {SUSPICIOUS_AUC}): "
            f"{', '.join(suspects)}; is it known before {spec.event_time}?",
        )
    best = max(strengths, key=lambda name: strengths[name], default="none")
    return Finding(
        passed=True,
        sentence=f"no number foretells {spec.label} alone; the best is {best} "
        f"with a ROC AUC of {strengths.get(best, 0.5):.3f}",
    )


def foretells(rows: "pa.Table", spec: FeaturesSpec) -> dict[str, float]:
    """How well each number of `rows` alone ranks the label; see `SnapshotManifest.foretells`."""
    import numpy as np

    label = rows.column(spec.label).to_numpy()
    found = {}
    for name in spec.numbers:
        values = rows.column(name).to_numpy()
        known = np.isfinite(values)
        area = rank_auc(label[known], values[known])
        found[name] = max(area, 1 - area)
    return found


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
