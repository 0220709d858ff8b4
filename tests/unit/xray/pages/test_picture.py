"""Where everything goes in the pictures."""

from dataclasses import replace

import pytest

from ml_platform.xray.attempt import Status
from ml_platform.xray.listing import Details, Listed
from ml_platform.xray.pages.picture import chart_of, side_by_side, timeline_of, timeline_of_attempts
from ml_platform.xray.timeline import Doing, Phase, Times
from tests.support.xray import NO_COST
from tests.unit.xray.test_store import attempt

BEGAN_S = 1000.0
NOW_S = 2000.0


def phase(name: str, at_s: float, seconds: float | None, state: str = "ended") -> Phase:
    return Phase(name=name, state=state, began_at_s=BEGAN_S + at_s, seconds=seconds, detail="why")  # type: ignore[arg-type]


def details(*phases: Phase, ended_s: float | None = 100.0) -> Details:
    ended_at_s = None if ended_s is None else BEGAN_S + ended_s
    one = replace(attempt(), claimed_at_s=BEGAN_S, ended_at_s=ended_at_s)
    times = Times(queued_s=None, starting_s=0.0, ran_s=None)
    return Details(attempt=one, times=times, doing=None, phases=phases, cost=NO_COST)


def listed(
    number: int, *, at_s: float, status: Status = "succeeded", ran_s: float = 60.0
) -> Listed:
    one = replace(
        attempt(),
        number=number,
        status=status,
        claimed_at_s=BEGAN_S + at_s,
        ended_at_s=None if status == "open" else BEGAN_S + at_s + 100.0,
    )
    return Listed(
        attempt=one,
        times=Times(queued_s=10.0, starting_s=30.0, ran_s=ran_s),
        doing=Doing(state="running", seconds=ran_s) if status == "open" else None,
    )


def test_a_phase_is_where_its_time_was() -> None:
    picture = timeline_of(
        details(phase("cluster", 0, 25.0), phase("running", 50, 50.0, "failed")), now_s=NOW_S
    )
    cluster, running = picture.lanes
    assert (cluster.name, cluster.took) == ("making the cluster", "25 s")
    assert [(bar.at_pct, bar.width_pct, bar.kind) for bar in cluster.bars] == [(0.0, 25.0, "ended")]
    assert [(bar.at_pct, bar.width_pct, bar.kind) for bar in running.bars] == [
        (50.0, 50.0, "failed")
    ]
    assert picture.told == "making the cluster 25 s; running 50 s"


def test_what_happened_is_a_dot_on_its_lane() -> None:
    picture = timeline_of(
        details(phase("cluster", 0, 50.0), phase("cluster", 20, None, "happened")), now_s=NOW_S
    )
    (lane,) = picture.lanes
    assert [(dot.at_pct, dot.told) for dot in lane.dots] == [(20.0, "cluster happened: why")]


def test_what_goes_on_reaches_to_now() -> None:
    picture = timeline_of(
        details(phase("running", 0, 1000.0, "goes on"), ended_s=None), now_s=NOW_S
    )
    (bar,) = picture.lanes[0].bars
    assert (bar.at_pct, bar.width_pct, bar.kind) == (0.0, 100.0, "goes-on")


def test_what_was_over_in_no_time_is_seen_and_nothing_leaves_the_picture() -> None:
    found = details(phase("submit", 100, 0.0), phase("pending", -20, 5.0))
    bars = [bar for lane in timeline_of(found, now_s=NOW_S).lanes for bar in lane.bars]
    assert all(bar.width_pct > 0 for bar in bars)
    assert all(0 <= bar.at_pct <= 100 - bar.width_pct for bar in bars)


@pytest.mark.parametrize(
    ("length_s", "last"),
    [(3.0, "3 s"), (45.0, "40 s"), (700.0, "10 min"), (7200.0, "2 h"), (5e6, "30 d")],
)
def test_the_scale_has_few_round_marks(length_s: float, last: str) -> None:
    ticks = timeline_of(details(phase("running", 0, length_s), ended_s=length_s), now_s=0).ticks
    assert ticks[0].told == "0"
    assert ticks[-1].told == last
    assert len(ticks) <= 5


def test_two_attempts_are_drawn_on_one_scale() -> None:
    short = details(phase("running", 0, 50.0), ended_s=50.0)
    long = details(phase("running", 0, 200.0), ended_s=200.0)
    a, b = side_by_side(short, long, NOW_S)
    assert a.lanes[0].bars[0].width_pct == 25.0
    assert b.lanes[0].bars[0].width_pct == 100.0


def test_attempts_follow_on_each_other_on_one_scale() -> None:
    second, first = listed(2, at_s=100.0, status="failed"), listed(1, at_s=0.0)
    picture = timeline_of_attempts([second, first], now_s=NOW_S)
    assert [lane.name for lane in picture.lanes] == ["attempt 1: succeeded", "attempt 2: failed"]
    kinds = [bar.kind for bar in picture.lanes[1].bars]
    assert kinds == ["queued", "starting", "failed"]
    assert picture.lanes[1].bars[0].at_pct == 50.0


def test_columns_are_as_high_as_their_share_of_the_scale() -> None:
    rows = [("monday", listed(1, at_s=0, ran_s=60.0)), ("tuesday", listed(2, at_s=0, ran_s=120.0))]
    chart = chart_of(rows)
    assert chart is not None
    assert [column.height_pct for column in chart.columns] == [50.0, 100.0]
    assert chart.ticks[-1].told == "2 min"
    assert chart.columns[1].told == "tuesday: succeeded, ran 2 min"


def test_where_nothing_ran_there_is_no_chart() -> None:
    assert chart_of([("monday", listed(1, at_s=0, ran_s=0.0))]) is None
