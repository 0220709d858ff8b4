"""What an attempt's nodes used, and where its workers' time went, as pictures; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.findings.rank_times import RankTimes, rank_times
from ml_platform.xray.listing import Details
from ml_platform.xray.pages.picture import Bar, Lane, Tick, Timeline, ticks_of, whole
from ml_platform.xray.samples import NodeUse, Samples
from ml_platform.xray.words import span

POINTS: Final = 200
"""Of each node, over the length of the attempt: a phone has some 350 pixels for them."""
MOST_LANES: Final = 12
"""Nodes, or workers, in a picture; more are in the table alone."""
GAP: Final = 3.0
"""Stretches without a sample, after which nothing is known of the time between."""

Point = tuple[float, float]
"""A moment, in per cent of the width, and a share, in per cent of what there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeShare:
    """How much of something one node used.

    Attributes:
        node: Its name, for a person.
        mean_pct: Of all samples.
        most_pct: Of one sample.
        stretches: Points that follow on each other.
    """

    node: str
    mean_pct: float
    most_pct: float
    stretches: tuple[tuple[Point, ...], ...]

    @property
    def path(self) -> str:
        """The area under the points, in a box of 100 by 100, whose 0 is at the top."""
        return " ".join(_area(one) for one in self.stretches)


@dataclass(frozen=True, kw_only=True, slots=True)
class UseChart:
    """How much of something the nodes used over time, a lane for each.

    Attributes:
        name: Of what.
        nodes: The head first, then those that used most.
        told: It in words.
    """

    name: str
    nodes: tuple[NodeShare, ...]
    told: str

    @property
    def shown(self) -> tuple[NodeShare, ...]:
        """Those with a lane."""
        return self.nodes[:MOST_LANES]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was measured of an attempt.

    Attributes:
        charts: CPUs, memory, and GPUs where there are some.
        ticks: Of all charts.
        ranks: Each worker that was measured for long enough.
        workers: Where their time went; None if none was.
        why_not: Why nothing was measured; empty if something was.
    """

    charts: tuple[UseChart, ...] = ()
    ticks: tuple[Tick, ...] = ()
    ranks: tuple[RankTimes, ...] = ()
    workers: Timeline | None = None
    why_not: str = ""


def every_s(one: AttemptRecord, *, now_s: float) -> float:
    """The stretch of which a chart has one point."""
    end_s = now_s if one.ended_at_s is None else one.ended_at_s
    return max(1.0, (end_s - one.claimed_at_s) // POINTS)


def measured(
    found: Details,
    samples: Samples,
    nodes: Sequence[NodeUse],
    *,
    now_s: float,
    are_all_read: bool,
) -> Measured:
    """What was measured, as pictures.

    Args:
        found: The attempt.
        samples: Of which where the workers' time went is summed.
        nodes: What is drawn of the nodes, merged to some `POINTS` of each.
        now_s: Now, in seconds since 1970.
        are_all_read: Whether no more samples of it will come.
    """
    if not nodes and not samples.steps:
        return Measured(why_not=_why_not(found, are_all_read))
    begin_s, end_s = whole(found, now_s)
    length_s = max(1.0, end_s - begin_s)
    ranks = rank_times(samples.steps)
    drawn = _Drawn(begin_s=begin_s, length_s=length_s, gap_s=_gap_s(found, now_s))
    charts = (
        drawn.chart("CPUs", nodes, lambda one: (one.cpu_used, one.cpus)),
        drawn.chart(
            "Memory, of its limit", nodes, lambda one: (one.memory_used_bytes, one.memory_bytes)
        ),
        drawn.chart("GPUs", nodes, lambda one: (one.gpu_used, one.gpus)),
        drawn.chart(
            "Memory of GPUs", nodes, lambda one: (one.gpu_memory_used_bytes, one.gpu_memory_bytes)
        ),
    )
    return Measured(
        charts=tuple(one for one in charts if one is not None),
        ticks=ticks_of(length_s),
        ranks=ranks,
        workers=_workers(ranks) if ranks else None,
    )


def _why_not(found: Details, are_all_read: bool) -> str:
    if found.attempt.is_open and (found.doing is None or found.doing.state != "running"):
        return "Nothing was measured yet: it does not run."
    if found.attempt.is_open:
        return "Nothing was measured yet: what it measures is gathered within a minute or two."
    if found.times.ran_s is None:
        return "Nothing was measured, as it never ran."
    if not are_all_read:
        return "What it measured is not gathered yet: `mlp xray gather` goes on with it."
    return (
        "Nothing was measured: it was over within seconds, could not write to its storage, or is "
        "of a version that measured nothing."
    )


def _gap_s(found: Details, now_s: float) -> float:
    # A long attempt writes its samples once a minute, whatever is drawn.
    return GAP * max(60.0, every_s(found.attempt, now_s=now_s))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    begin_s: float
    length_s: float
    gap_s: float

    def chart(
        self, name: str, nodes: Sequence[NodeUse], use: Callable[[NodeUse], tuple[float, float]]
    ) -> UseChart | None:
        """The shares of what `use` says of a sample: used, and there; None if nothing is there."""
        by_node: dict[tuple[bool, str], list[tuple[float, float]]] = {}
        for one in nodes:
            used, there = use(one)
            if there:
                shares = by_node.setdefault((one.is_head, one.node), [])
                shares.append((one.at_s, 100.0 * used / there))
        if not by_node:
            return None
        found = {key: self._share(*key, shares) for key, shares in by_node.items()}
        order = sorted(found, key=lambda key: (not key[0], -found[key].mean_pct, key[1]))
        ordered = tuple(found[key] for key in order)
        fullest = max(ordered, key=lambda one: one.most_pct)
        return UseChart(
            name=name,
            nodes=ordered,
            told=f"{name}: at most {fullest.most_pct:.0f} % on {fullest.node}",
        )

    def _share(self, is_head: bool, node: str, shares: list[tuple[float, float]]) -> NodeShare:
        values = [share for _, share in shares]
        stretches: list[list[Point]] = [[self._point(*shares[0])]]
        for (before_s, _), (at_s, share) in pairwise(shares):
            if at_s - before_s > self.gap_s:
                stretches.append([])
            stretches[-1].append(self._point(at_s, share))
        return NodeShare(
            node=f"head {node}".strip() if is_head else node or "a node",
            mean_pct=round(sum(values) / len(values), 1),
            most_pct=round(max(values), 1),
            stretches=tuple(tuple(one) for one in stretches),
        )

    def _point(self, at_s: float, share: float) -> Point:
        at = 100.0 * (at_s - self.begin_s) / self.length_s
        return round(min(max(0.0, at), 100.0), 2), round(min(max(0.0, share), 100.0), 1)


def _area(points: Sequence[Point]) -> str:
    (begin, _), (last, share) = points[0], points[-1]
    # A single sample is seen too.
    end = max(last, begin + 0.4)
    line = " ".join(f"L{at:g} {100 - share:g}" for at, share in points)
    return f"M{begin:g} 100 {line} L{end:g} {100 - share:g} L{end:g} 100Z"


def _workers(ranks: Sequence[RankTimes]) -> Timeline:
    """A lane for each worker: data, computing, waiting for others, checkpoints, one after another.

    Those that waited least first: it is for them that the others wait.
    """
    shown = sorted(ranks, key=lambda one: (one.waiting_share, one.rank))[:MOST_LANES]
    longest_s = max(sum(seconds for _, seconds in _parts(one)) for one in shown)
    lanes = tuple(_worker(one, longest_s) for one in sorted(shown, key=lambda one: one.rank))
    told = "; ".join(f"{lane.name}: {lane.took}" for lane in lanes)
    return Timeline(lanes=lanes, ticks=ticks_of(longest_s), told=told)


def _worker(one: RankTimes, longest_s: float) -> Lane:
    bars, at_pct = [], 0.0
    who = f"rank {one.rank} on {one.node}" if one.node else f"rank {one.rank}"
    parts = _parts(one)
    whole_s = sum(seconds for _, seconds in parts)
    for kind, seconds in parts:
        width = round(100.0 * seconds / longest_s, 3)
        if width:
            told = f"{who}: {kind} {span(seconds)}"
            bars.append(Bar(at_pct=round(at_pct, 3), width_pct=width, kind=kind, told=told))
        at_pct += width
    return Lane(
        name=f"rank {one.rank}",
        # What is left it computed; on a phone there is no room for more.
        took=", ".join(
            f"{kind} {seconds / whole_s:.0%}"
            for kind, seconds in parts
            if seconds and kind != "computing"
        ),
        bars=tuple(bars),
    )


def _parts(one: RankTimes) -> tuple[tuple[str, float], ...]:
    """In whole they are its steps and its waits for data, and what it wrote between epochs."""
    return (
        ("data", one.data_s),
        ("computing", one.cpu_s),
        ("waiting", one.waiting_s),
        ("checkpoint", one.checkpoint_s),
    )
