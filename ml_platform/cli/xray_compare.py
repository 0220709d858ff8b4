"""`mlp xray compare`: what differs between two attempts."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.cli.xray_store import gather_measured, gathered_store, known_prices

if TYPE_CHECKING:
    from ml_platform.xray.compare import Compared

HELP: Final = help_of(
    "mlp xray compare 46e13876-1 46e13876-2",
    "Show what differs between two attempts, what matters first: how they ended, data, code, "
    "parameters, cluster, times, costs and findings.",
    "Times and costs differ from a fifth on; less is what two equal runs differ by.",
)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="An attempt as `ls` names it.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what differs."""
    from ml_platform.cli.output import print_result
    from ml_platform.xray.compare import compared
    from ml_platform.xray.find import find_attempt
    from ml_platform.xray.listing import details_to_compare

    prices, now_s = known_prices(), time.time()
    with gathered_store() as store:
        attempts = [find_attempt(store, one) for one in (a, b)]
        gather_measured(store, attempts)
        found = [details_to_compare(store, one, prices=prices, now_s=now_s) for one in attempts]
    print_result(compared(*found), _show, as_json=as_json)


def _show(found: "Compared") -> None:
    from ml_platform.cli.output import print_table, say

    say(found.sentence)
    rows = [
        (one.group, one.name, one.a or "–", one.b or "–", one.told) for one in found.differences
    ]
    if rows:
        names = (f"A: {found.a.attempt.short_id}", f"B: {found.b.attempt.short_id}")
        print_table(("", "what differs", *names, "by how much"), rows)
