"""`mlp xray cost`: what trainings cost, and what of it was for nothing."""

import time
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.cli.xray_store import gathered_store

if TYPE_CHECKING:
    from ml_platform.xray.spending import Spending

HELP: Final = help_of(
    "mlp xray cost --since 30d --by cause",
    "Show what attempts have cost from when their clusters were ready, and what of it was idle or "
    "wasted.",
    "Idle is before a driver begins and after it ends; wasted are attempts that failed and left no "
    "checkpoint that another went on from. A team is the first owner of the asset that is one, a "
    "backfill Dagster's. Prices are MLP_PRICE_CPU_HOUR, MLP_PRICE_GIB_HOUR and "
    "MLP_PRICE_GPU_HOUR, or those of the kinds of nodes in MLP_CLUSTERS_FILE.",
)


class By(Enum):
    """What is told in one line."""

    MODEL = "model"
    PARTITION = "partition"
    TEAM = "team"
    BACKFILL = "backfill"
    RUN = "run"
    CAUSE = "cause"


def cost(
    model: Annotated[str, typer.Option(help="Of this model alone.", show_default=False)] = "",
    since: Annotated[
        str, typer.Option(help="Of attempts that have lived within 12h, 30d, …")
    ] = "30d",
    by: Annotated[By, typer.Option(help="What has a line.")] = By.MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what trainings cost."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.spans import seconds_of
    from ml_platform.settings import load_settings
    from ml_platform.xray.budgets import budgets_of
    from ml_platform.xray.prices import prices_of
    from ml_platform.xray.spending import spending

    now_s = time.time()
    since_s = now_s - seconds_of(since)
    settings = load_settings()
    prices, limits = prices_of(settings), budgets_of(settings).limits()
    with gathered_store() as store:
        result = spending(
            store,
            by.value,
            prices=prices,
            now_s=now_s,
            since_s=since_s,
            model=model,
            limits=limits,
        )
    print_result(result, _show, as_json=as_json)


def _show(found: "Spending") -> None:
    from ml_platform.cli.output import counted, print_table, say
    from ml_platform.xray.words import money

    if not found.whole.attempts:
        say("no such attempt is known")
        _show_budgets(found)
        return
    lines = (*found.parts, found.whole) if len(found.parts) > 1 else found.parts
    rows = [
        (
            one.name,
            f"{one.attempts:,}",
            f"{one.cpu_hours:,.1f}",
            f"{one.gib_hours:,.1f}",
            f"{one.gpu_hours:,.1f}",
            money(one.total),
            money(one.idle),
            money(one.wasted),
        )
        for one in lines
    ]
    numbers = ("attempts", "CPU h", "GiB h", "GPU h", "cost", "idle", "wasted")
    print_table((found.by, *numbers), rows, right=numbers)
    if found.whole.unknown:
        what = counted(found.whole.unknown, "attempt")
        say(f"of {what} the cost is unknown: on a machine of one's own, or without a price")
        say("  → MLP_PRICE_CPU_HOUR=0.04 sets one; the README has all")
    _show_budgets(found)


def _show_budgets(found: "Spending") -> None:
    from ml_platform.cli.output import BANG, say

    for one in found.budgets:
        say(BANG if one.is_near else " ", one.in_words())
