"""Whether a budget lets an attempt begin: asked in the training's step, out of X-Ray's store.

A budget fails no training because the store or the storage is away or slow: it is told then that it
could not be looked at. It is asked for on Kubernetes alone; on one's own machine nothing is paid.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Final

from ml_platform.clusters.spec import ON_KUBERNETES
from ml_platform.errors import BudgetError, reason_of
from ml_platform.settings import Settings
from ml_platform.training.allowance import Allowance
from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest
from ml_platform.xray.budget_spending import budget_spending
from ml_platform.xray.budgets import Limit, Spent, budgets_of
from ml_platform.xray.gather import ask_up_to_date
from ml_platform.xray.prices import prices_of
from ml_platform.xray.store import Store
from ml_platform.xray.words import moment_and_zone, money

WITHIN_S: Final = 10.0
"""An attempt waits so long for it at most, before minutes of starting a cluster."""


def budget_allowance(
    settings: Settings, *, within_s: float = WITHIN_S, now: Callable[[], float] = time.time
) -> Allowance:
    """Says no to attempts of teams and assets that have spent their budgets.

    Args:
        settings: Where the store, the prices and the budgets are.
        within_s: For how long the store is waited for.
        now: Seconds since 1970.

    Raises:
        SettingsError: the budgets are not usable.
    """
    budgets = budgets_of(settings)

    def allowance(request: TrainingRequest, owner: Owner) -> Sequence[str]:
        limits = budgets.of(team=owner.team, model=request.model)
        if not limits or request.cluster.provisioner not in ON_KUBERNETES:
            return ()
        whose = " and ".join(dict.fromkeys(f"{one.kind} {one.name}" for one in limits))
        try:
            found, trouble = _looked_at(settings, request, limits, within_s, now)
        except Exception as error:  # boundary: what counts money fails no training but by a sum
            reason = reason_of(error)
            return (f"the budget of {whose} could not be looked at: {reason}",)
        for one in found:
            if one.is_over:
                raise _refusal(one, settings)
        told = [one.in_words() for one in found if one.is_near or one.unknown]
        if trouble:
            told.append(f"what is spent of the budget of {whose} may be more: {trouble}")
        return told

    return allowance


def _looked_at(
    settings: Settings,
    request: TrainingRequest,
    limits: Sequence[Limit],
    within_s: float,
    now: Callable[[], float],
) -> tuple[tuple[Spent, ...], str]:
    """What is spent of each, and why that may not be all.

    Raises:
        Exception: whatever keeps it from being found; that there was no time for it too.
    """

    def ask(store: Store) -> tuple[Spent, ...]:
        return budget_spending(store, limits, prices=prices_of(settings), now_s=now())

    return ask_up_to_date(settings, request.storage_root, ask, within_s=within_s, now=now)


def _refusal(over: Spent, settings: Settings) -> BudgetError:
    limit = over.limit
    by = "model" if limit.kind == "team" else "partition"
    until = moment_and_zone(over.ends_at_s, UTC)
    since = "1d" if limit.period == "day" else "31d"
    model = f" --model {limit.name.partition('/')[0]}" if limit.kind == "asset" else ""
    return BudgetError(
        f"no attempt may begin: {over.in_words()}",
        hint=f"`mlp xray cost --since {since} --by {by}{model}` says on what. Wait until {until}, "
        f"or raise {limit.key} ({money(limit.amount)}) in {settings.clusters_file}; materialized "
        "again, the training goes on from its newest checkpoint.",
    )
