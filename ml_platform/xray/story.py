"""The story of a run in at most ten lines that a person on call understands; pure.

What came of it comes first, the next thing to do last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from ml_platform.clusters.ladder import Action
from ml_platform.xray.attempt import AttemptKey, AttemptRecord, Status
from ml_platform.xray.costs import CostSum
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.follows import what_follows
from ml_platform.xray.records import Event
from ml_platform.xray.timeline import doing, longest_of_start, times
from ml_platform.xray.words import moment, moment_and_zone, money, shortened, span

MOST_LINES: Final = 10
MOST_ATTEMPTS: Final = 6
"""With a line each: the first and the last ones, and one line for those between."""
LONGEST: Final = 240
"""Characters of what others have written: a message, an evidence."""
DOMINATES: Final = 0.5
"""Of a start, from where on what pods were at is told with it."""
TOLD_FROM_S: Final = 30.0
FORGOTTEN_S: Final = 600.0
"""After its limit its follower has had so long to stop it."""

Events = Mapping[AttemptKey, Iterable[Event]]


def story(
    attempts: Sequence[AttemptRecord],
    events: Events,
    *,
    now_s: float,
    zone: tzinfo | None = None,
    cost: CostSum | None = None,
    found: Sequence[Finding] = (),
) -> tuple[str, ...]:
    """What happened, why, and what to do.

    Args:
        attempts: Those of a run, or of a training; at least one.
        events: What began and ended in them.
        now_s: Now, in seconds since 1970.
        zone: The reader's; this machine's if not given.
        cost: What the training has cost, if there is only one.
        found: What was found in its last attempt, what weighs most first.
    """
    trainings: dict[tuple[str, str], list[AttemptRecord]] = {}
    for one in sorted(attempts, key=lambda one: (one.claimed_at_s, one.number)):
        trainings.setdefault((one.training, one.partition), []).append(one)
    tellers = [
        _Teller(attempts=of_one, events=events, now_s=now_s, zone=zone, cost=cost, found=found)
        for of_one in trainings.values()
    ]
    return tellers[0].lines() if len(tellers) == 1 else _of_several(tellers)


def _of_several(tellers: Sequence["_Teller"]) -> tuple[str, ...]:
    """A line each: those that failed first, then those that go on."""
    order: tuple[Status, ...] = ("failed", "open", "superseded", "succeeded")
    lines = [
        teller.outcome()
        for teller in sorted(tellers, key=lambda one: order.index(one.attempts[-1].status))
    ]
    shown = MOST_LINES - 2
    more = len(lines) - shown
    if more > 1:
        counts = Counter(one.attempts[-1].status for one in tellers)
        told = ", ".join(f"{counts[status]} {status}" for status in order if counts[status])
        lines = [*lines[: shown - 1], f"and {more + 1} more trainings; of all {told}."]
    return (*lines, "Next: `mlp xray why MODEL PARTITION` tells the story of each.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Teller:
    """Tells of one training; its attempts are in their order."""

    attempts: Sequence[AttemptRecord]
    events: Events
    now_s: float
    zone: tzinfo | None
    cost: CostSum | None
    found: Sequence[Finding]

    def lines(self) -> tuple[str, ...]:
        """All of the story."""
        told = (
            self.outcome() + self._cost(),
            self._setting(),
            *self._each_attempt(),
            *self._found(),
            *self._end(),
        )
        assert len(told) <= MOST_LINES
        return told

    def outcome(self) -> str:
        """What came of it."""
        first, last = self.attempts[0], self.attempts[-1]
        what = f"{last.model} of {last.partition}"
        if last.is_open:
            return f"{what} is still going on: {self._doing(last)}."
        at_s = last.ended_at_s or last.claimed_at_s
        when = moment_and_zone(at_s, self.zone)
        took = span(at_s - first.claimed_at_s)
        match last.status:
            case "succeeded":
                return f"{what} succeeded at {when}, {took} after it began."
            case "superseded":
                return (
                    f"{what}: its last attempt, {last.number}, was not needed and ended at {when}."
                )
        return f"{what} failed at {when}, {took} after it began: {_why(last)}."

    def _cost(self) -> str:
        """What all of it has cost, where that is known."""
        if self.cost is None or self.cost.total is None:
            return ""
        so_far = " so far" if self.attempts[-1].is_open else ""
        wasted = f", {money(self.cost.wasted)} of it wasted" if self.cost.wasted else ""
        return f" It cost {money(self.cost.total)}{so_far}{wasted}."

    def _found(self) -> tuple[str, ...]:
        """What a person has asked to be told of, in a line."""
        if not self.found:
            return ()
        told = " ".join(one.sentence for one in self.found)
        return (f"Found in attempt {self.attempts[-1].number}: {_short(told)}",)

    def _setting(self) -> str:
        """What was trained on what, since when and for whom."""
        first, last = self.attempts[0], self.attempts[-1]
        days = last.limits.get("window_days")
        rows = f"{days} days up to {last.partition}" if days else f"partition {last.partition}"
        return (
            f"It trains on {rows}, on {last.spec_in_words or last.provisioner} ({last.place}), "
            f"since {moment(first.claimed_at_s, self.zone)}, for run {first.root}."
        )

    def _each_attempt(self) -> list[str]:
        lines = [self._attempt(index) for index in range(len(self.attempts))]
        most = MOST_ATTEMPTS - len(self._found())
        if len(lines) <= most:
            return lines
        kept = most - 2
        between = self.attempts[1:-kept]
        causes = Counter(one.cause or one.status for one in between)
        told = ", ".join(f"{count} × {cause}" for cause, count in causes.most_common())
        numbers = f"{between[0].number} to {between[-1].number}"
        return [lines[0], f"Attempts {numbers}: {told}.", *lines[-kept:]]

    def _attempt(self, index: int) -> str:
        """Where its time went, how it ended, and what was done then."""
        one = self.attempts[index]
        restarts = one.worker_restarts
        told = (
            f"Attempt {one.number}, {moment(one.claimed_at_s, self.zone)}: {self._spent(one)}",
            f"its workers were started again {restarts} ×" if restarts else "",
            self._ended(one),
            self._followed(index),
        )
        return "; ".join(filter(None, told)) + "."

    def _spent(self, one: AttemptRecord) -> str:
        events = tuple(self.events.get(one.key, ()))
        spent = times(one, events, now_s=self.now_s)
        queued = f"queued {span(spent.queued_s)}" if spent.queued_s else ""
        if spent.ran_s is not None:
            most = _most_of_start(events, spent.starting_s)
            went = f"started in {span(spent.starting_s)}{most}, ran {span(spent.ran_s)}"
        elif one.is_open and doing(one, events, now_s=self.now_s).state == "queued":
            went = ""
        else:
            most = _most_of_start(events, spent.starting_s)
            went = f"not started after {span(spent.starting_s)}{most}"
        return ", ".join(filter(None, (queued, went)))

    def _ended(self, one: AttemptRecord) -> str:
        match one.status:
            case "open":
                return "goes on"
            case "failed":
                evidence = _short(one.evidence[0]) if one.evidence else ""
                return f"ended by {_why(one)}" + (f" ({evidence})" if evidence else "")
        return one.status

    def _followed(self, index: int) -> str:
        """What was done after an attempt that failed."""
        one = self.attempts[index]
        if one.status != "failed":
            return ""
        if index + 1 < len(self.attempts):
            return self._tried_again(one, self.attempts[index + 1])
        decision = what_follows(self.attempts)
        if decision is None:
            return ""
        if decision.action is Action.GIVE_UP:
            return f"given up, as {decision.reason}"
        return f"to be tried {decision.action.value} ({decision.reason})"

    def _tried_again(self, one: AttemptRecord, following: AttemptRecord) -> str:
        if following.rung > one.rung:
            how = "tried again with more memory"
        elif following.cluster == one.cluster:
            how = "tried again on the same cluster"
        else:
            how = "tried again on a new cluster"
        if following.root != one.root:
            how += f" by run {following.root}"
        if one.checkpoint_epoch is None:
            return f"{how}, from the beginning"
        return f"{how}, from epoch {one.checkpoint_epoch} of attempt {one.checkpoint_attempt}"

    def _end(self) -> tuple[str, ...]:
        """What it came to in its own words, if it failed, and the next thing to do."""
        last = self.attempts[-1]
        match last.status:
            case "succeeded":
                if self.found:
                    return (f"Next: {_short(self.found[0].next_step)}",)
                return (f"Next: nothing; `mlp model show {last.model}` has the model.",)
            case "superseded":
                return ("Next: nothing, if another run has asked for it; else materialize again.",)
            case "open":
                return (f"Next: {self._next_of_open(last)}",)
        return (f"What was seen: {_short(last.message)}", f"Next: {_short(last.hint)}")

    def _doing(self, one: AttemptRecord) -> str:
        now = doing(one, self.events.get(one.key, ()), now_s=self.now_s)
        match now.state:
            case "running":
                return f"attempt {one.number} has been running for {span(now.seconds)}"
            case "queued":
                told = f"attempt {one.number} has been waiting in a queue for {span(now.seconds)}"
            case "starting":
                told = f"attempt {one.number} has been starting for {span(now.seconds)}"
        return f"{told}: {_short(now.reason).rstrip('.')}" if now.reason else told

    def _next_of_open(self, one: AttemptRecord) -> str:
        now = doing(one, self.events.get(one.key, ()), now_s=self.now_s)
        limit_s = one.limits.get("max_runtime_s")
        if now.state != "running":
            return f"`mlp cluster show {one.cluster}` says why it waits now."
        if limit_s and now.seconds > float(limit_s) + FORGOTTEN_S:
            return (
                f"it is over its limit of {span(float(limit_s))}, so nobody may be following it: "
                "materialize again, which goes on with it."
            )
        return f"nothing; it may run for {span(float(limit_s))}." if limit_s else "nothing."


def _most_of_start(events: Sequence[Event], starting_s: float) -> str:
    """What took most of a start that was long; nothing if nothing did, or nobody has told."""
    longest = longest_of_start(events)
    took_s = (longest.seconds or 0.0) if longest else 0.0
    if longest is None or took_s < max(TOLD_FROM_S, DOMINATES * starting_s):
        return ""
    return f" ({longest.name} {span(took_s)}: {_short(longest.detail)})"


def _why(one: AttemptRecord) -> str:
    return f"{one.cause} in {one.cause_place}" if one.cause_place else one.cause or one.status


def _short(text: str) -> str:
    return shortened(text, LONGEST)
