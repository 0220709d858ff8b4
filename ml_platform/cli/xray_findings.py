"""`mlp xray findings`: what slows trainings, makes them dear or endangers them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.cli.xray_store import gather_measured, gathered_store, known_prices, loud_findings

if TYPE_CHECKING:
    from ml_platform.xray.findings.finding import Finding

HELP: Final = help_of(
    "mlp xray findings flight_delay 2013-03-15",
    "Show what was found in an attempt, each with what it was seen by and what to do.",
    "Without an attempt, in those that go on and the newest. `why` and `show` tell of those that "
    "MLP_XRAY_FINDINGS names.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found in an attempt."""

    attempt: str
    model: str
    partition: str
    findings: "tuple[Finding, ...]"


def findings(
    what: Annotated[
        str, typer.Argument(metavar="[ATTEMPT|MODEL]", help="An attempt as `ls` names it.")
    ] = "",
    partition: Annotated[
        str, typer.Argument(metavar="[PARTITION]", help="Of the model; then its newest attempt.")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, help="How many attempts at most, if none is named.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what was found."""
    from ml_platform.cli.output import print_result
    from ml_platform.xray.find import find_attempt
    from ml_platform.xray.judging import judged

    loud, prices, now_s = loud_findings(), known_prices(), time.time()
    with gathered_store() as store:
        attempts = [find_attempt(store, what, partition)] if what else store.attempts(limit=limit)
        gather_measured(store, attempts)
        result = [
            Found(
                attempt=one.id,
                model=one.model,
                partition=one.partition,
                findings=judged(store, one, prices=prices, loud=loud, now_s=now_s),
            )
            for one in attempts
        ]
    print_result(result, _show, as_json=as_json)


def _show(result: Sequence[Found]) -> None:
    from ml_platform.cli.output import bold, counted, say
    from ml_platform.cli.xray_show import show_finding

    found = [one for one in result if one.findings]
    for one in found:
        say(bold(f"{one.model} of {one.partition}, attempt {one.attempt}"))
        for finding in one.findings:
            show_finding(finding)
    if not found:
        say(f"nothing was found in {counted(len(result), 'attempt')}")
