"""The asset check `xray_findings`: what slows a training, makes it dear or endangers it.

It is judged in the training's step, out of the attempt's own folder, and stands beside the model:
it warns and blocks nothing. Neither storage nor database may fail the training with it, or hold it
up for more than a few seconds.
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import dagster as dg

from ml_platform.errors import reason_of
from ml_platform.settings import Settings
from ml_platform.training.asset import TrainingCheck
from ml_platform.training.metadata import training_page
from ml_platform.training.record import TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.findings.judges import loud_names
from ml_platform.xray.listing import loud_findings
from ml_platform.xray.parallel import Deadline, ask_all
from ml_platform.xray.prices import prices_of
from ml_platform.xray.reading import AttemptRef, read_attempt
from ml_platform.xray.sample_gathering import gather_samples
from ml_platform.xray.store import open_store

NAME: Final = "xray_findings"
WITHIN_S: Final = 5.0
"""A step waits so long for it at most; a day of 64 workers is not read by then."""


def findings_check(
    settings: Settings, *, within_s: float = WITHIN_S, now: Callable[[], float] = time.time
) -> TrainingCheck:
    """The check of a model whose trainings the store of these settings knows."""

    def judge(request: TrainingRequest, number: int) -> dg.AssetCheckResult:
        where: dict[str, dg.MetadataValue[Any]] = {
            "partition": dg.MetadataValue.text(request.partition),
            "xray": dg.MetadataValue.url(training_page(settings.xray_url, request)),
        }
        try:
            loud = loud_names(settings.xray_findings)
            if not loud:
                return _passed("No finding is turned on: MLP_XRAY_FINDINGS names them.", where)
            found = _found(settings, request, number, loud, within_s=within_s, now=now)
        except Exception as error:  # boundary: what looks at a training never fails it
            return _passed(f"X-Ray could not be asked: {reason_of(error)}", where)
        if found is None:
            return _passed(f"X-Ray could not be asked within {within_s:.0f} s.", where)
        if not found:
            return _passed("Nothing was found.", where)
        sentences = " ".join(one.sentence for one in found)
        return dg.AssetCheckResult(
            check_name=NAME,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=sentences,
            # A run's page shows no description of a check.
            metadata={"finding": sentences, **{one.name: _in_full(one) for one in found}, **where},
        )

    return TrainingCheck(
        name=NAME,
        description="X-Ray found nothing that slows the training, makes it dear or endangers it, "
        "of what MLP_XRAY_FINDINGS names.",
        judge=judge,
    )


def _found(
    settings: Settings,
    request: TrainingRequest,
    number: int,
    loud: Collection[str],
    *,
    within_s: float,
    now: Callable[[], float],
) -> tuple[Finding, ...] | None:
    """What was found in an attempt; None if there was no time for it.

    Raises:
        Exception: whatever keeps it from being found.
    """
    folder_uri = request.folder_uri

    def ask(number: int) -> tuple[Finding, ...]:
        there = [one.number for one in TrainingRecord(folder_uri).attempts()]
        reads = [read_attempt(AttemptRef(folder_uri=folder_uri, number=one)) for one in there]
        prices = prices_of(settings)
        with open_store(settings) as store:
            store.keep(reads, at_s=now())
            attempts = (read.attempt for read in reads)
            (attempt,) = (one for one in attempts if one is not None and one.number == number)
            # What is read by half of the time is judged in the other.
            gather_samples(store.sample_store, [attempt], deadline=Deadline(within_s / 2), now=now)
            return loud_findings(store, attempt, prices=prices, loud=loud, now_s=now())

    for _, answer in ask_all(ask, [number], Deadline(within_s)):
        if isinstance(answer, Exception):
            raise answer
        return answer
    return None


def _passed(note: str, where: Mapping[str, dg.MetadataValue[Any]]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=NAME,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=note,
        metadata={"finding": note, **where},
    )


def _in_full(one: Finding) -> str:
    seen = "".join(f"\n  {line}" for line in one.evidence)
    return f"{one.sentence} ({one.confidence}){seen}\n→ {one.next_step}"
