"""Whether a candidate becomes the champion: a pure decision, carried out by the registry."""

from dataclasses import dataclass

from ml_platform.evaluation.report import EvaluationReport, Incumbent


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """The decision, and its reason as a sentence for a person."""

    promote: bool
    reason: str


def decide(report: EvaluationReport, champion: Incumbent | None) -> Promotion:
    """Promote if every gate passed, unless that would be against a newer or an unjudged champion.

    A backfill of old days, days that finish out of order, and a champion that is materialized once
    more must not put an old model in the place of a newer one.

    Args:
        report: The candidate's evaluation.
        champion: The version that serves now, which may have changed since the evaluation.
    """
    results = report.gate_results
    failed = [result.sentence for result in results if not result.passed]
    if failed:
        return _stays(f"{len(failed)} of {len(results)} gates failed: {'; '.join(failed)}")
    if champion is not None and champion.partition > report.partition:
        return _stays(
            f"the champion, version {champion.version}, is the model of {champion.partition}, "
            f"a later day than {report.partition}"
        )
    if champion not in (report.incumbent, _candidate(report)):
        return _stays(
            f"the champion changed after the evaluation of {report.partition}: it was judged "
            f"beside {report.incumbent or 'none'}, and now there is {champion or 'none'}; "
            f"materialize {report.model}/evaluation once more"
        )
    if not results:
        return Promotion(promote=True, reason="the model has no gates")
    sentences = "; ".join(result.sentence for result in results)
    return Promotion(promote=True, reason=f"every gate passed: {sentences}")


def _stays(reason: str) -> Promotion:
    return Promotion(promote=False, reason=reason)


def _candidate(report: EvaluationReport) -> Incumbent | None:
    """The evaluated version as a champion, which it is when it was promoted before."""
    if report.version is None:
        return None
    return Incumbent(version=report.version, partition=report.partition)
