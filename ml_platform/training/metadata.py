"""What Dagster shows of a training, as metadata."""

import re
from collections.abc import Iterable, Mapping

import dagster as dg

from ml_platform.clusters.causes import Failure
from ml_platform.training.listeners import EndedReport
from ml_platform.training.result import PhaseRecord


def failed_attempt(report: EndedReport, failure: Failure) -> Mapping[str, dg.MetadataValue]:
    """Its cause, what it went through, and the last lines of its job and of its cluster."""
    ended, claim = report.ended, report.claim
    return {
        "attempt": dg.MetadataValue.int(claim.number),
        "cause": dg.MetadataValue.text(failure.cause.value),
        "place": dg.MetadataValue.text(str(failure.place)),
        "next": dg.MetadataValue.text(failure.hint),
        "cluster": dg.MetadataValue.text(f"{claim.provisioner} {claim.cluster}"),
        "evidence": dg.MetadataValue.text("\n".join(failure.evidence)),
        "phases": phases_table(ended.phases),
        "log_tail": code_block(ended.log_tail),
        **{f"log of {source}": code_block(lines) for source, lines in report.logs.items()},
    }


def phases_table(phases: Iterable[PhaseRecord]) -> dg.TableMetadataValue:
    """What something went through, and how long each took."""
    return table(
        dg.TableRecord({"phase": one.name, "seconds": round(one.seconds, 2)}) for one in phases
    )


def table(records: Iterable[dg.TableRecord]) -> dg.TableMetadataValue:
    """A table, which may be empty: Dagster raises an error for one without rows and columns."""
    rows = list(records)
    return dg.MetadataValue.table(rows, schema=None if rows else dg.TableSchema(columns=[]))


def code_block(lines: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Lines as they are, whatever Markdown they hold."""
    kept = tuple(lines)
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return dg.MetadataValue.md("\n".join((fence, *kept, fence)))
