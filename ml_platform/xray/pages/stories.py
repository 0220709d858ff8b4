"""Pages that tell a story: an attempt, a training over its attempts, a run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.find import find_attempt, find_attempts
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.findings.judges import findings_of
from ml_platform.xray.judging import merged_to_s, seen_of, siblings
from ml_platform.xray.listing import Details, Listed, details, listed, told
from ml_platform.xray.pages.addresses import Links, Others
from ml_platform.xray.pages.picture import Timeline, timeline_of, timeline_of_attempts
from ml_platform.xray.pages.use import Measured, every_s, measured
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store

NEXT = "Next: "
"""How the last line of a story begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptPage:
    """What the page of an attempt shows.

    Attributes:
        sentence: What happened.
        next_step: What to do.
        findings: What was found in it, the loud ones first.
        details: All that is known of it.
        timeline: Its phases as a picture.
        measured: What its nodes used, and where its workers' time went.
        attempts: All of its training, oldest first.
        later: Id of the attempt that came after it; empty if none did.
        before: Id of the one before; empty if it is the first.
        links: Where else to look.
    """

    sentence: str
    next_step: str
    findings: tuple[Finding, ...]
    details: Details
    timeline: Timeline
    measured: Measured
    attempts: tuple[Listed, ...]
    later: str
    before: str
    links: Links


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryPage:
    """What the page of a training, or of a run, shows.

    Attributes:
        name: The training, or the run.
        lines: The story, its first line and the next step apart.
        sentence: What came of it.
        next_step: What to do.
        attempts: Of which it is, oldest first.
        trainings: Of which they are, with a picture each.
        goes_on: Whether anything of it does.
    """

    name: str
    sentence: str
    next_step: str
    lines: tuple[str, ...]
    attempts: tuple[Listed, ...]
    trainings: tuple["TrainingPicture", ...]
    goes_on: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPicture:
    """A training as pictures: its attempts on one scale, and each with its phases."""

    training: str
    model: str
    partition: str
    together: Timeline
    each: tuple[tuple[Details, Timeline], ...]


def attempt_page(
    store: Store,
    what: str,
    *,
    others: Others,
    now_s: float,
    prices: Prices,
    loud: Collection[str] = (),
    zone: tzinfo | None = None,
) -> AttemptPage:
    """The page of an attempt.

    Args:
        store: Where it is.
        what: Its id, or that of its job.
        others: Pages that it leads to.
        now_s: Now, in seconds since 1970.
        prices: Of an hour.
        loud: Findings that a person has turned on.
        zone: The reader's.

    Raises:
        InputError: there is none, or more than one.
    """
    one = find_attempt(store, what)
    seen = seen_of(store, one, prices=prices, now_s=now_s)
    findings = sorted(findings_of(seen, loud=loud), key=lambda finding: finding.quiet)
    aloud = [finding for finding in findings if not finding.quiet]
    lines = told(store, [one], now_s=now_s, zone=zone, prices=prices, found=aloud).lines
    all_of_it = siblings(store, one)
    found = details(store, one, now_s=now_s, prices=prices, found=aloud)
    stretch_s = every_s(one, now_s=now_s)
    nodes = seen.samples.nodes
    # In a long attempt what was read for the findings is as fine, and reading takes the longest.
    if nodes and merged_to_s(one, now_s=now_s) > 2 * stretch_s:
        nodes = store.sample_store.nodes_of(one.key, every_s=stretch_s)
    ids = [other.id for other in all_of_it]
    pairs = list(pairwise(ids))
    return AttemptPage(
        sentence=lines[0],
        next_step=lines[-1].removeprefix(NEXT),
        findings=tuple(findings),
        details=found,
        timeline=timeline_of(found, now_s=now_s),
        measured=measured(
            found,
            seen.samples,
            nodes,
            now_s=now_s,
            are_all_read=store.sample_store.are_all_read(one.key),
        ),
        attempts=listed(store, all_of_it, now_s=now_s),
        later=next((after for before, after in pairs if before == one.id), ""),
        before=next((before for before, after in pairs if after == one.id), ""),
        links=others.of_attempt(one),
    )


def training_page(
    store: Store,
    training: str,
    *,
    now_s: float,
    prices: Prices,
    partition: str = "",
    zone: tzinfo | None = None,
) -> StoryPage:
    """The page of a training.

    Raises:
        InputError: there is none.
    """
    found = [one for one in store.of_training(training) if partition in ("", one.partition)]
    if not found:
        found = find_attempts(store, training)
    return _story_page(store, found[0].training, found, prices, now_s, zone)


def run_page(
    store: Store, run: str, *, now_s: float, prices: Prices, zone: tzinfo | None = None
) -> StoryPage:
    """The page of a run.

    Raises:
        InputError: there is none, or more than one.
    """
    return _story_page(store, run, find_attempts(store, run), prices, now_s, zone)


def of_one_name(store: Store, what: str) -> list[AttemptRecord]:
    """The attempts that have this id: partitions of equal snapshots have trainings of one name."""
    training, _, number = what.rpartition("-")
    if not training or not number.isdigit():
        return []
    return [one for one in store.of_training(training) if one.number == int(number)]


def _oldest_first(attempts: Sequence[AttemptRecord]) -> list[AttemptRecord]:
    return sorted(attempts, key=lambda one: (one.claimed_at_s, one.number))


def _story_page(
    store: Store,
    name: str,
    found: list[AttemptRecord],
    prices: Prices,
    now_s: float,
    zone: tzinfo | None,
) -> StoryPage:
    lines = told(store, found, now_s=now_s, zone=zone, prices=prices).lines
    ordered = _oldest_first(found)
    trainings = dict.fromkeys(one.key[:2] for one in ordered)
    return StoryPage(
        name=name,
        sentence=lines[0],
        next_step=lines[-1].removeprefix(NEXT),
        lines=lines[1:-1],
        attempts=listed(store, ordered, now_s=now_s),
        trainings=tuple(
            _picture(store, [one for one in ordered if one.key[:2] == key], now_s)
            for key in trainings
        ),
        goes_on=any(one.is_open for one in found),
    )


def _picture(store: Store, attempts: list[AttemptRecord], now_s: float) -> TrainingPicture:
    first = attempts[0]
    found = [details(store, one, now_s=now_s) for one in attempts]
    return TrainingPicture(
        training=first.training,
        model=first.model,
        partition=first.partition,
        together=timeline_of_attempts(listed(store, attempts, now_s=now_s), now_s=now_s),
        each=tuple((one, timeline_of(one, now_s=now_s)) for one in found),
    )
