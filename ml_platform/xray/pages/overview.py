"""The first page: is anything wrong now, whose is it, what goes on, and the newest attempts."""

from dataclasses import dataclass, replace

from ml_platform.xray.costs import AnHour, an_hour
from ml_platform.xray.listing import Listed, listed
from ml_platform.xray.pages.attempts_table import COLUMNS, SPANS_S, Chosen
from ml_platform.xray.pages.headline import RECENT_S, Headline, headline_of
from ml_platform.xray.pages.table import ordered
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store

LOOKED_AT = 500
"""Attempts among which something may be wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """What the first page shows.

    Attributes:
        headline: Whether anything is wrong now, whatever is chosen.
        an_hour: What goes on costs so much an hour now.
        chosen: What of the attempts is shown.
        models: Those that can be chosen.
        attempts: Those that go on, and the newest.
        has_more: Whether there are more of them.
        goes_on: Whether anything does, so that the page will soon be another.
    """

    headline: Headline
    an_hour: AnHour
    chosen: Chosen
    models: tuple[str, ...]
    attempts: tuple[Listed, ...]
    has_more: bool
    goes_on: bool


def overview(store: Store, chosen: Chosen, *, prices: Prices, now_s: float) -> Overview:
    """The first page, as it is now.

    Raises:
        InputError: no such column is there to sort by.
    """
    recent = store.attempts(since_s=now_s - RECENT_S, limit=LOOKED_AT)
    found = store.attempts(
        model=chosen.model,
        partition=chosen.partition,
        cause=chosen.cause,
        status=chosen.status,
        team=chosen.team,
        backfill=chosen.backfill,
        since_s=now_s - SPANS_S[chosen.since] if chosen.since else None,
        limit=chosen.limit + 1,
    )
    shown = found[: chosen.limit]
    # Once for both: most of those that are shown are recent.
    together = {one.key: one for one in (*recent, *shown)}
    told = dict(zip(together, listed(store, tuple(together.values()), now_s=now_s), strict=True))
    headline = headline_of([told[one.key] for one in recent], now_s=now_s)
    if headline.level == "empty" and store.attempts(limit=1):
        headline = replace(
            headline, level="well", sentence="Nothing is wrong now; for a day nothing has gone on."
        )
    rows = [told[one.key] for one in shown]
    return Overview(
        headline=headline,
        an_hour=an_hour(recent, prices),
        chosen=chosen,
        models=tuple(store.models()),
        attempts=tuple(ordered(rows, COLUMNS, chosen.sort)),
        has_more=len(found) > chosen.limit,
        goes_on=any(one.is_open for one in (*recent, *found)),
    )
