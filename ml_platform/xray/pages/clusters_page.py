"""The page of clusters: which there are now, whose, why one waits, what they cost, until when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from typing import Final

from ml_platform.clusters.interface import ClusterView
from ml_platform.clusters.spec import ON_KUBERNETES
from ml_platform.xray.acts import Act
from ml_platform.xray.costs import HOUR_S, hour_of
from ml_platform.xray.listing import Listed, listed
from ml_platform.xray.pages.cluster_acts import EXPIRES, OWNER
from ml_platform.xray.pages.inventory import SeenClusters
from ml_platform.xray.pages.table import Column, having, ordered, utc
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store
from ml_platform.xray.words import money, span

CREATED: Final = "created"
RUN: Final = "run"
_WRONG: Final = ("failed", "lost", "unknown")
_WORDS: Final = {
    "ready": "ready",
    "starting": "starting",
    "queued": "in a queue",
    "stopping": "ending",
    "failed": "failed",
    "lost": "lost",
    "absent": "gone",
    "unknown": "not to be seen from here",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterRow:
    """A cluster.

    Attributes:
        view: As its provisioner sees it.
        whose: The person who made it; or whoever uses it; empty for nobody.
        attempts: Those that go on and are to run on it.
        since_s: Since when it is there, in seconds since 1970; None if nobody says.
        expires_at_s: When it ends by itself; None where no time is set.
        an_hour: What it costs an hour; None where no price is known.
        so_far: What it has cost until now, from when an attempt was ready on it or it was made.
    """

    view: ClusterView
    whose: str
    attempts: tuple[Listed, ...]
    since_s: float | None
    expires_at_s: float | None
    an_hour: float | None
    so_far: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClustersPage:
    """What the page of clusters shows.

    Attributes:
        sentence: How many there are, how they are, and what they cost an hour.
        sort: By which column they are sorted.
        q: What those that are shown have in a column of words; empty for all.
        clusters: Those that are not well first, unless they are sorted.
        seen_at_s: When they were seen; None if they have not been.
        trouble: Why these may not be all.
        acts: What was done from the pages, the newest first.
    """

    sentence: str
    sort: str
    q: str
    clusters: tuple[ClusterRow, ...]
    seen_at_s: float | None
    trouble: str
    acts: tuple[Act, ...]


COLUMNS: Final[tuple[Column[ClusterRow], ...]] = (
    Column(name="cluster", title="Cluster", value=lambda one: one.view.name),
    Column(name="state", title="State", value=lambda one: one.view.phase),
    Column(name="whose", title="Whose", value=lambda one: one.whose),
    Column(name="doing", title="Doing", value=lambda one: doing(one)),
    Column(name="since", title="Since", value=lambda one: utc(one.since_s)),
    Column(name="ends", title="Ends", value=lambda one: utc(one.expires_at_s)),
    Column(name="an_hour", title="An hour", value=lambda one: one.an_hour, is_number=True),
    Column(name="so_far", title="So far", value=lambda one: one.so_far, is_number=True),
    Column(name="trainings", value=lambda one: trainings(one)),
    Column(name="provisioner", value=lambda one: one.view.provisioner),
    Column(name="spec", value=lambda one: one.view.spec.in_words() if one.view.spec else ""),
    Column(name="dashboard", value=lambda one: one.view.url),
)


def clusters_page(
    store: Store,
    seen: SeenClusters,
    acts: Sequence[Act],
    sort: str = "",
    q: str = "",
    *,
    prices: Prices,
    now_s: float,
) -> ClustersPage:
    """The page of clusters.

    Raises:
        InputError: there is no column to sort by.
    """
    names = {one.name for one in seen.views}
    on_it: dict[str, list[Listed]] = {}
    for one in listed(store, [a for a in store.open_attempts() if a.cluster in names], now_s=now_s):
        on_it.setdefault(one.attempt.cluster, []).append(one)
    rows = [_row(one, on_it.get(one.name, []), prices, now_s) for one in seen.views]
    rows.sort(key=lambda one: (one.view.phase not in _WRONG, -(one.since_s or 0.0), one.view.name))
    return ClustersPage(
        sentence=_sentence(rows, seen),
        sort=sort,
        q=q,
        clusters=tuple(ordered(having(rows, COLUMNS, q), COLUMNS, sort)),
        seen_at_s=seen.at_s,
        trouble=seen.trouble,
        acts=tuple(acts),
    )


def doing(row: ClusterRow) -> str:
    """`epoch 4 of 8, 50 %, …`, why it waits, or that nobody uses it."""
    told = [one.progress.told for one in row.attempts if one.progress]
    told += [row.view.reason] if row.view.reason else []
    if told:
        return "; ".join(told)
    if row.view.jobs:
        return f"runs {' and '.join(row.view.jobs)}"
    return f"idle for {span(row.view.idle_s)}" if row.view.idle_s else ""


def trainings(row: ClusterRow) -> str:
    """`flight_delay of 2013-03-17`: what those train that go on."""
    return ", ".join(f"{one.attempt.model} of {one.attempt.partition}" for one in row.attempts)


def _row(view: ClusterView, attempts: Sequence[Listed], prices: Prices, now_s: float) -> ClusterRow:
    claimed = [one.attempt.claimed_at_s for one in attempts]
    since_s = _at_s(view.details.get(CREATED, "")) or (min(claimed) if claimed else None)
    paid = [one.attempt.ready_at_s for one in attempts if one.attempt.ready_at_s is not None]
    # A person's is paid for from when it was made, one of an attempt from when it was ready.
    paid_from_s = since_s if not attempts else min(paid) if paid else None
    an_hour = hour_of(view.spec, prices).price
    hours = None if paid_from_s is None else max(0.0, now_s - paid_from_s) / HOUR_S
    return ClusterRow(
        view=view,
        whose=view.details.get(OWNER) or ", ".join(view.users),
        attempts=tuple(attempts),
        since_s=since_s,
        expires_at_s=_at_s(view.details.get(EXPIRES, "")),
        an_hour=an_hour,
        so_far=None if an_hour is None or hours is None else an_hour * hours,
    )


def _sentence(rows: Sequence[ClusterRow], seen: SeenClusters) -> str:
    """`3 clusters: 2 ready, 1 in a queue; they cost 4.20 an hour.`."""
    if seen.at_s is None:
        return "Which clusters there are is not known yet."
    if not rows:
        return "There is no cluster now." if not seen.trouble else "No cluster can be seen now."
    counted: Counter[str] = Counter(one.view.phase for one in rows)
    phases = ", ".join(f"{counted[one]} {word}" for one, word in _WORDS.items() if counted[one])
    paid = [one for one in rows if one.view.provisioner in ON_KUBERNETES]
    known = [one.an_hour for one in paid if one.an_hour is not None]
    cost = f"; {'it costs' if len(rows) == 1 else 'they cost'} {money(fsum(known))} an hour"
    cost = cost if known else ""
    if known and len(known) < len(paid):
        cost += f", without {len(paid) - len(known)} whose price is unknown"
    return f"{len(rows)} {'cluster' if len(rows) == 1 else 'clusters'}: {phases}{cost}."


def _at_s(text: str) -> float | None:
    """A time as Kubernetes writes it, in seconds since 1970."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None
