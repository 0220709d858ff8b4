"""Attempts as a table: its columns, and what of all attempts is chosen by an address; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from ml_platform.clusters.causes import Cause
from ml_platform.errors import InputError
from ml_platform.xray.find import known_cause
from ml_platform.xray.listing import Listed
from ml_platform.xray.pages.table import STATUSES, Column, turned, utc

SPANS_S: Final = {
    "1h": 3600.0,
    "12h": 43_200.0,
    "1d": 86_400.0,
    "7d": 604_800.0,
    "30d": 2_592_000.0,
}
CAUSES: Final = tuple(one.value for one in Cause)
_CHOSEN_BY: Final = ("model", "partition", "cause", "status", "team", "backfill", "since")
USUAL_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What of all attempts is shown, and in which order; empty for all and as it is."""

    model: str = ""
    partition: str = ""
    cause: str = ""
    status: str = ""
    team: str = ""
    backfill: str = ""
    since: str = ""
    sort: str = ""
    limit: int = USUAL_LIMIT

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out by choice."""
        return not any(getattr(self, name) for name in _CHOSEN_BY)

    @property
    def query(self) -> str:
        """It as a query of an address, with its `?`; empty if it is the usual one."""
        return self._query({})

    def sorted_by(self, name: str) -> str:
        """The query of the same, sorted by a column."""
        return self._query({"sort": turned(self.sort, name)})

    def more(self) -> str:
        """The query of the same and more of it; empty if no more is shown."""
        limit = min(LARGEST_LIMIT, self.limit * 4)
        return self._query({"limit": limit}) if limit > self.limit else ""

    def _query(self, others: Mapping[str, Any]) -> str:
        values = {name: getattr(self, name) for name in self.__slots__} | dict(others)
        usual = Chosen()
        unusual = {name: one for name, one in values.items() if one != getattr(usual, name)}
        return f"?{urlencode(unusual)}" if unusual else ""


def chosen_by(query: Mapping[str, str]) -> Chosen:
    """What an address chooses.

    Raises:
        InputError: a value cannot be; names those that can.
    """
    status, since, limit = query.get("status", ""), query.get("since", ""), query.get("limit", "")
    _one_of("state", status, STATUSES)
    _one_of("span of time", since, tuple(SPANS_S))
    if limit and not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= LARGEST_LIMIT):
        raise InputError(
            f"there is no limit {limit!r}", hint=f"it is a number from 1 to {LARGEST_LIMIT}."
        )
    cause = query.get("cause", "")
    return Chosen(
        model=query.get("model", ""),
        partition=query.get("partition", "").strip(),
        cause=known_cause(cause) if cause else "",
        status=status,
        team=query.get("team", ""),
        backfill=query.get("backfill", ""),
        since=since,
        sort=query.get("sort", ""),
        limit=int(limit) if limit else USUAL_LIMIT,
    )


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise InputError(f"there is no {what} {value!r}", hint=f"it is one of {', '.join(known)}.")


COLUMNS: Final[tuple[Column[Listed], ...]] = (
    Column(name="attempt", title="Attempt", value=lambda one: one.attempt.id),
    Column(name="model", title="Model", value=lambda one: one.attempt.model),
    Column(name="partition", title="Partition", value=lambda one: one.attempt.partition),
    Column(name="run", title="For run", value=lambda one: one.attempt.root),
    Column(name="team", value=lambda one: one.attempt.team),
    Column(name="backfill", value=lambda one: one.attempt.backfill),
    Column(name="claimed_at", title="Since", value=lambda one: utc(one.attempt.claimed_at_s)),
    Column(
        name="waited_s",
        title="Waited",
        value=lambda one: (one.times.queued_s or 0.0) + one.times.starting_s,
        is_number=True,
    ),
    Column(name="ran_s", title="Ran", value=lambda one: one.times.ran_s, is_number=True),
    Column(
        name="status",
        title="State",
        value=lambda one: one.doing.state if one.doing else one.attempt.status,
    ),
    Column(
        name="why",
        title="Why",
        value=lambda one: one.doing.reason if one.doing else one.attempt.cause,
    ),
    Column(
        name="percent",
        value=lambda one: one.progress.percent if one.progress else None,
        is_number=True,
    ),
    Column(
        name="left_s",
        value=lambda one: one.progress.left_s if one.progress else None,
        is_number=True,
    ),
    Column(name="place", value=lambda one: one.attempt.cause_place),
    Column(name="ended_at", value=lambda one: utc(one.attempt.ended_at_s)),
    Column(name="queued_s", value=lambda one: one.times.queued_s, is_number=True),
    Column(name="rung", value=lambda one: one.attempt.rung, is_number=True),
    Column(name="worker_restarts", value=lambda one: one.attempt.worker_restarts, is_number=True),
    Column(name="cluster", value=lambda one: one.attempt.cluster),
    Column(name="asked_for", value=lambda one: one.attempt.spec_in_words),
    Column(name="message", value=lambda one: one.attempt.message),
)
