"""What Dagster shows of a training, as metadata."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import dagster as dg

from ml_platform.clusters.causes import Failure
from ml_platform.training.listeners import EndedReport
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import PhaseRecord


def failed_attempt(
    report: EndedReport, failure: Failure, *, xray_page: str
) -> Mapping[str, dg.MetadataValue]:
    """Its cause, what it went through, and the last lines of its job and of its cluster."""
    ended, claim = report.ended, report.claim
    return {
        "attempt": dg.MetadataValue.int(claim.number),
        "xray": dg.MetadataValue.url(xray_page),
        "cause": dg.MetadataValue.text(failure.cause.value),
        "place": dg.MetadataValue.text(str(failure.place)),
        "next": dg.MetadataValue.text(failure.hint),
        "cluster": dg.MetadataValue.text(f"{claim.provisioner} {claim.cluster}"),
        "evidence": dg.MetadataValue.text("\n".join(failure.evidence)),
        "phases": phases_table(ended.phases),
        "log_tail": code_block(ended.log_tail),
        **{f"log of {source}": code_block(lines) for source, lines in report.logs.items()},
    }


def training_page(xray_url: str, request: TrainingRequest) -> str:
    """The page of a training in X-Ray, with the story of all its attempts."""
    chosen = urlencode({"partition": request.partition})
    return f"{xray_url.rstrip('/')}/trainings/{request.inputs_hash()}?{chosen}"


def attempt_page(xray_url: str, request: TrainingRequest, number: int) -> str:
    """The page of one of its attempts."""
    return f"{xray_url.rstrip('/')}/attempts/{request.inputs_hash()}-{number}"


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
