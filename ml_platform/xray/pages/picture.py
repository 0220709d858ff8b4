"""Where everything goes in the pictures: shares of the width, so that they fit any screen; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ml_platform.xray.listing import Details, Listed
from ml_platform.xray.records import PULLING, REMOVING, SCHEDULING, STARTING
from ml_platform.xray.timeline import Phase
from ml_platform.xray.words import span

NARROWEST_PCT: Final = 0.4
"""So that what was over in a second is seen."""
MOST_TICKS: Final = 5
_STEPS_S: Final = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600),
    *(7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000),
)
_NAMES: Final = {
    "cluster": "making the cluster",
    SCHEDULING: "waiting for nodes",
    PULLING: "pulling images",
    STARTING: "starting Ray in pods",
    "submit": "submitting the job",
    "pending": "waiting for the driver",
    "running": "running",
    REMOVING: "removing the cluster",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A stretch of a lane.

    Attributes:
        at_pct: Where it begins, in percent of the width.
        width_pct: How wide it is.
        kind: How it ended, or what it is; what it is coloured by.
        told: What it is, in words.
    """

    at_pct: float
    width_pct: float
    kind: str
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A line of a timeline: its name, how long it took, its bars, and what happened in it."""

    name: str
    took: str
    bars: tuple[Bar, ...]
    dots: tuple[Bar, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A mark on a scale."""

    at_pct: float
    told: str
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """A picture of what went on when; `told` says it in words."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a chart, with what it leads to."""

    at_pct: float
    width_pct: float
    height_pct: float
    kind: str
    told: str
    attempt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Columns side by side, on a scale that begins at nothing."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    first: str
    last: str
    told: str


def timeline_of(found: Details, *, now_s: float, length_s: float = 0.0) -> Timeline:
    """An attempt's phases, a lane for each name, from its claim to its end or to now.

    Args:
        found: The attempt.
        now_s: Now, in seconds since 1970.
        length_s: How long the scale is at least.
    """
    begin_s, end_s = whole(found, now_s)
    scale = _Scale(begin_s=begin_s, length_s=max(1.0, length_s, end_s - begin_s))
    lanes = []
    for name in dict.fromkeys(one.name for one in found.phases):
        named = [one for one in found.phases if one.name == name]
        stretches = [one for one in named if one.state != "happened"]
        lanes.append(
            Lane(
                name=_NAMES.get(name, name),
                took=span(sum(one.seconds or 0.0 for one in stretches)) if stretches else "",
                bars=tuple(_bar(scale, one) for one in stretches),
                dots=tuple(_bar(scale, one) for one in named if one.state == "happened"),
            )
        )
    told = "; ".join(f"{lane.name} {lane.took}".strip() for lane in lanes)
    return Timeline(lanes=tuple(lanes), ticks=ticks_of(scale.length_s), told=told)


def side_by_side(a: Details, b: Details, now_s: float) -> tuple[Timeline, Timeline]:
    """Two attempts on one scale."""
    ends = (whole(a, now_s), whole(b, now_s))
    length_s = max(end_s - begin_s for begin_s, end_s in ends)
    return (
        timeline_of(a, now_s=now_s, length_s=length_s),
        timeline_of(b, now_s=now_s, length_s=length_s),
    )


def timeline_of_attempts(attempts: Sequence[Listed], *, now_s: float) -> Timeline:
    """A training's attempts, a lane for each: in a queue, starting, running."""
    ordered = sorted(attempts, key=lambda one: (one.attempt.claimed_at_s, one.attempt.number))
    begin_s = ordered[0].attempt.claimed_at_s
    ends = [_end_of(one, now_s) for one in ordered]
    scale = _Scale(begin_s=begin_s, length_s=max(1.0, max(ends) - begin_s))
    lanes = tuple(_lane_of(scale, one, end_s) for one, end_s in zip(ordered, ends, strict=True))
    told = "; ".join(f"{lane.name} {lane.took}" for lane in lanes)
    return Timeline(lanes=lanes, ticks=ticks_of(scale.length_s), told=told)


def chart_of(rows: Sequence[tuple[str, Listed]]) -> Chart | None:
    """How long each partition's newest attempt ran; None if none has run."""
    ran = [one.times.ran_s or 0.0 for _, one in rows]
    if not any(ran):
        return None
    # The scale ends at its last mark, or at the longest where that is longer.
    step_s = _step(max(ran))
    top_s = math.ceil(max(ran) / step_s) * step_s
    width = 100.0 / len(rows)
    columns = tuple(
        Column(
            at_pct=round(index * width + width * 0.1, 3),
            width_pct=round(width * 0.8, 3),
            height_pct=round(100.0 * seconds / top_s, 3),
            kind=one.attempt.status,
            told=f"{partition}: {one.attempt.status}, ran {span(seconds)}",
            attempt=one.attempt.id,
        )
        for index, ((partition, one), seconds) in enumerate(zip(rows, ran, strict=True))
    )
    count = round(top_s / step_s)
    ticks = tuple(
        Tick(at_pct=round(100.0 * number / count, 3), told=_mark(number * step_s), anchor="start")
        for number in range(1, count + 1)
    )
    return Chart(
        columns=columns,
        ticks=ticks,
        first=rows[0][0],
        last=rows[-1][0],
        told=f"how long the newest attempt of {len(rows)} partitions ran; "
        f"the longest {span(max(ran))}",
    )


def whole(found: Details, now_s: float) -> tuple[float, float]:
    """When it began and ended; clocks differ, so no phase of it is left out."""
    one = found.attempt
    began = [one.claimed_at_s, *(phase.began_at_s for phase in found.phases)]
    ended = [phase.began_at_s + (phase.seconds or 0.0) for phase in found.phases]
    return min(began), max([now_s if one.ended_at_s is None else one.ended_at_s, *ended])


def ticks_of(length_s: float) -> tuple[Tick, ...]:
    """Marks at round lengths, from 0 on."""
    step_s = _step(length_s)
    found = []
    for number in range(int(length_s / step_s) + 1):
        at = 100.0 * number * step_s / length_s
        anchor: Literal["start", "middle", "end"] = "start" if number == 0 else "middle"
        if at > 94.0:
            anchor = "end"
        found.append(Tick(at_pct=round(at, 3), told=_mark(number * step_s), anchor=anchor))
    return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scale:
    begin_s: float
    length_s: float

    def bar(self, at_s: float, seconds: float, kind: str, told: str) -> Bar:
        share = 100.0 / self.length_s
        width = min(100.0, max(NARROWEST_PCT, seconds * share))
        at = min(max(0.0, (at_s - self.begin_s) * share), 100.0 - width)
        return Bar(at_pct=round(at, 3), width_pct=round(width, 3), kind=kind, told=told)


def _bar(scale: _Scale, one: Phase) -> Bar:
    took = "" if one.seconds is None else f" {span(one.seconds)}"
    detail = f": {one.detail}" if one.detail else ""
    told = f"{one.name} {one.state}{took}{detail}"
    return scale.bar(one.began_at_s, one.seconds or 0.0, one.state.replace(" ", "-"), told)


def _end_of(one: Listed, now_s: float) -> float:
    if one.attempt.is_open:
        return now_s
    spent = (one.times.queued_s or 0.0) + one.times.starting_s + (one.times.ran_s or 0.0)
    return one.attempt.ended_at_s or one.attempt.claimed_at_s + spent


def _lane_of(scale: _Scale, one: Listed, end_s: float) -> Lane:
    bars = []
    at_s = one.attempt.claimed_at_s
    for kind, seconds in (
        ("queued", one.times.queued_s),
        ("starting", one.times.starting_s),
        (_how_it_ran(one), one.times.ran_s),
    ):
        if seconds:
            bars.append(scale.bar(at_s, seconds, kind, f"{kind} {span(seconds)}"))
            at_s += seconds
    return Lane(
        name=f"attempt {one.attempt.number}: {_status(one)}",
        took=span(end_s - one.attempt.claimed_at_s),
        bars=tuple(bars),
    )


def _how_it_ran(one: Listed) -> str:
    return "goes-on" if one.attempt.is_open else one.attempt.status


def _status(one: Listed) -> str:
    if one.doing is not None:
        return one.doing.state
    return one.attempt.cause or one.attempt.status


def _step(length_s: float) -> float:
    fits = (step for step in _STEPS_S if length_s / step <= MOST_TICKS - 1)
    return next(fits, _STEPS_S[-1] * math.ceil(length_s / _STEPS_S[-1] / MOST_TICKS))


def _mark(seconds: float) -> str:
    return span(seconds).replace(".0 s", " s") if seconds else "0"
