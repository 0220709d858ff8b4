"""Which try of a piece of work comes next: adopt the one that is there, or submit another.

A job key may be tried several times; a try is a Ray job whose submission id ends in its number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ml_platform.clusters.interface import JobKey

JobStatus = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]
TERMINAL: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """A try that the head knows of; tries count from 1."""

    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """Follow this try: it is running, or it has succeeded."""

    number: int


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit a try of this number."""

    number: int


def next_try(tries: Iterable[Try]) -> Adopt | Submit:
    """What to do with a piece of work, given its tries so far.

    Only the newest try counts: an older one failed, or there would be no newer.
    """
    newest = max(tries, key=lambda one: one.number, default=None)
    if newest is None:
        return Submit(1)
    if newest.status in ("FAILED", "STOPPED"):
        return Submit(newest.number + 1)
    return Adopt(newest.number)


def submission_id(key: JobKey, number: int) -> str:
    """The Ray submission id of a try."""
    return f"{key.slug()}-{number}"


def try_number(key: JobKey, submission: str) -> int | None:
    """The number of the try that `submission` is, or None if it is not of this key."""
    match = re.fullmatch(re.escape(key.slug()) + r"-([1-9][0-9]*)", submission)
    return int(match[1]) if match else None
