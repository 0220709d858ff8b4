"""What one more training will cost and take, as the earlier ones of its model did."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import reason_of
from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import costs, summed
from ml_platform.xray.gather import ask_up_to_date
from ml_platform.xray.prices import Prices, prices_of, spec_of
from ml_platform.xray.store import Store

NEWEST: Final = 20
"""Trainings that one more is judged by at most."""
LOOKED_AT: Final = 1000
"""Attempts of the model among which they are, the newest."""
WITHIN_S: Final = 10.0
"""A person waits so long for it at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What one more training will cost and take; medians of earlier ones.

    Attributes:
        trainings: How many it is judged by.
        seconds: From claim to end of its attempts, what was queued and what failed included.
        cost: Of all its attempts, at today's prices; None where a price is not known.
        same_cluster: Whether they had the cluster that is asked for now; if none had, it is judged
            by those of others.
    """

    trainings: int
    seconds: float
    cost: float | None
    same_cluster: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecasted:
    """A forecast, and why there is none or it may be off.

    Attributes:
        forecast: None where no training is known that has succeeded, or none could be asked for.
        trouble: What kept it from being asked for, in words; empty if nothing did.
    """

    forecast: Forecast | None
    trouble: str = ""


def forecast(
    attempts: Sequence[AttemptRecord], *, cluster: ClusterSpec, prices: Prices
) -> Forecast | None:
    """The forecast for a training on this cluster; None without one that has succeeded.

    Args:
        attempts: The newest of the model; trainings whose first is not among them are left out.
        cluster: What is asked for, as the environment resolves it.
        prices: Of an hour.
    """
    trainings: dict[tuple[str, str], list[AttemptRecord]] = {}
    for one in sorted(attempts, key=lambda one: one.number):
        trainings.setdefault((one.training, one.partition), []).append(one)
    done = [one for one in trainings.values() if _is_whole(one)]
    newest = sorted(done, key=lambda one: one[-1].claimed_at_s, reverse=True)
    wanted = cluster.spec_hash()
    # By the first attempt: those after it may have been given more memory.
    alike = [one for one in newest if (spec := spec_of(one[0].spec)) and spec.spec_hash() == wanted]
    judged = (alike or newest)[:NEWEST]
    if not judged:
        return None
    sums = [summed(one, costs(one, prices, now_s=0.0)) for one in judged]
    known = [one.total for one in sums if one.total is not None and not one.unknown]
    return Forecast(
        trainings=len(judged),
        seconds=median(sum(map(_lived_s, one)) for one in judged),
        cost=median(known) if known else None,
        same_cluster=bool(alike),
    )


def forecast_of(
    settings: Settings,
    model: str,
    cluster: ClusterSpec,
    *,
    within_s: float = WITHIN_S,
    now: Callable[[], float] = time.time,
) -> Forecasted:
    """The same out of the store, which is brought up to date first; raises nothing.

    Args:
        settings: Where the store, the storage and the prices are.
        model: Its name.
        cluster: What is asked for, as the environment resolves it.
        within_s: For how long the store is waited for.
        now: Seconds since 1970.
    """

    def ask(store: Store) -> Forecast | None:
        attempts = store.attempts(model=model, limit=LOOKED_AT)
        return forecast(attempts, cluster=cluster, prices=prices_of(settings))

    try:
        found, _ = ask_up_to_date(settings, settings.storage_root, ask, within_s=within_s, now=now)
    except Exception as error:  # boundary: who plans is told, and not stopped
        return Forecasted(forecast=None, trouble=reason_of(error))
    return Forecasted(forecast=found)


def _is_whole(training: Sequence[AttemptRecord]) -> bool:
    return training[0].number == 1 and training[-1].status == "succeeded"


def _lived_s(attempt: AttemptRecord) -> float:
    # Of all that are judged the last has succeeded, and so all have ended.
    ended_at_s = attempt.claimed_at_s if attempt.ended_at_s is None else attempt.ended_at_s
    return max(0.0, ended_at_s - attempt.claimed_at_s)
