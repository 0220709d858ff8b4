"""What was measured, as pictures."""

from dataclasses import replace
from typing import Any, Final

import pytest

from ml_platform.xray.listing import Details
from ml_platform.xray.pages.use import MOST_LANES, Measured, every_s, measured
from ml_platform.xray.samples import NodeUse, Samples, StepTimes
from ml_platform.xray.timeline import Doing, Times
from tests.support.xray import AT_S, NO_COST
from tests.unit.xray.findings.made_up import worker
from tests.unit.xray.test_store import attempt

NOW_S: Final = AT_S + 7200.0
LENGTH_S: Final = 1000.0


def details(*, ran_s: float | None = 900.0, state: Any = None) -> Details:
    ended_at_s = None if state else AT_S + LENGTH_S
    one = replace(attempt(), status="open" if state else "succeeded", ended_at_s=ended_at_s)
    doing = Doing(state=state, seconds=1.0) if state else None
    times = Times(queued_s=None, starting_s=0.0, ran_s=ran_s)
    return Details(attempt=one, times=times, doing=doing, phases=(), cost=NO_COST)


def use(after_s: float, node: str = "a", **values: Any) -> NodeUse:
    return NodeUse(at_s=AT_S + after_s, node=node, **{"cpus": 4.0} | values)


def drawn(*nodes: NodeUse, steps: tuple[StepTimes, ...] = ()) -> Measured:
    samples = Samples(nodes=nodes, steps=steps)
    return measured(details(), samples, nodes, now_s=NOW_S, are_all_read=True)


def test_a_point_is_where_its_moment_and_its_share_are() -> None:
    (chart,) = drawn(use(250, cpu_used=1.0), use(300, cpu_used=3.0)).charts
    (node,) = chart.nodes
    assert (node.mean_pct, node.most_pct) == (50.0, 75.0)
    assert node.stretches == (((25, 25), (30, 75)),)
    assert node.path == "M25 100 L25 75 L30 25 L30 25 L30 100Z"


def test_where_nothing_was_measured_for_long_nothing_is_drawn() -> None:
    (chart,) = drawn(use(100, cpu_used=1.0), use(160, cpu_used=1.0), use(700, cpu_used=1.0)).charts
    assert [len(one) for one in chart.nodes[0].stretches] == [2, 1]
    assert chart.nodes[0].path.count("Z") == 2


def test_what_there_is_none_of_has_no_chart() -> None:
    found = drawn(use(1, memory_bytes=8.0, memory_used_bytes=2.0), use(1, "b", gpus=2, gpu_used=1))
    assert [one.name for one in found.charts] == ["CPUs", "Memory, of its limit", "GPUs"]
    assert [one.node for one in found.charts[2].nodes] == ["b"]


def test_the_head_comes_first_and_then_who_used_most() -> None:
    nodes = [use(1, f"n{number:02d}", cpu_used=number / 10) for number in range(MOST_LANES + 8)]
    (chart,) = drawn(*nodes, use(1, "h", is_head=True)).charts
    assert [one.node for one in chart.shown[:2]] == ["head h", "n19"]
    assert (len(chart.shown), len(chart.nodes)) == (MOST_LANES, MOST_LANES + 9)


def test_of_many_workers_those_are_drawn_for_whom_the_others_wait() -> None:
    steps = tuple(worker(rank, cpu_s=50.0, waiting_s=float(rank)) for rank in range(40))
    found = drawn(steps=steps)
    assert found.workers is not None
    assert [one.name for one in found.workers.lanes][-1] == "rank 11"
    assert len(found.ranks) == 40
    assert found.workers.lanes[0].took == "data 9%"


@pytest.mark.parametrize(
    ("found", "are_all_read", "told"),
    [
        (details(state="queued", ran_s=None), False, "it does not run"),
        (details(state="running"), False, "gathered within a minute"),
        (details(ran_s=None), True, "it never ran"),
        (details(), False, "`mlp xray gather` goes on with it"),
        (details(), True, "measured nothing"),
    ],
)
def test_why_nothing_was_measured_is_told(found: Details, are_all_read: bool, told: str) -> None:
    nothing = measured(found, Samples(), (), now_s=NOW_S, are_all_read=are_all_read)
    assert told in nothing.why_not
    assert not nothing.charts


def test_a_long_attempt_has_a_few_hundred_points() -> None:
    long = replace(attempt(), ended_at_s=AT_S + 2 * 86_400.0)
    assert every_s(long, now_s=NOW_S) == 864
    assert every_s(replace(long, ended_at_s=AT_S + 10.0), now_s=NOW_S) == 1
