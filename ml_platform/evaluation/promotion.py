"""Whether a candidate becomes the champion: a pure decision, carried out by the registry."""

from dataclasses import dataclass

from ml_platform.evaluation.report import EvaluationReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """The decision, and its reason as a sentence for a person."""

    promote: bool
    reason: str


def decide(report: EvaluationReport) -> Promotion:
    """Promote if every gate passed, unless the champion is the model of a later day.

    The second condition keeps a backfill of old days, or days that finish out of order, from
    putting an old model in the place of a newer one.
    """
    incumbent, verdicts = report.incumbent, report.verdicts
    failed = [verdict.sentence for verdict in verdicts if not verdict.passed]
    if failed:
        reason = f"{len(failed)} of {len(verdicts)} gates failed: {'; '.join(failed)}"
        return Promotion(promote=False, reason=reason)
    if incumbent is not None and incumbent.partition > report.partition:
        reason = (
            f"the champion, version {incumbent.version}, is the model of {incumbent.partition}, "
            f"a later day than {report.partition}"
        )
        return Promotion(promote=False, reason=reason)
    if not verdicts:
        return Promotion(promote=True, reason="the model has no gates")
    sentences = "; ".join(verdict.sentence for verdict in verdicts)
    return Promotion(promote=True, reason=f"every gate passed: {sentences}")
