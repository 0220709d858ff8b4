"""Is anything wrong now, and whose is it?"""

from dataclasses import replace
from typing import Any, Literal

import pytest

from ml_platform.xray.listing import Listed
from ml_platform.xray.pages.headline import AUTHOR, OPERATOR, headline_of
from ml_platform.xray.timeline import Doing, Times
from tests.unit.xray.test_store import attempt

NOW_S = 1_000_000.0
HOUR_S = 3600.0


def ended(status: str = "failed", *, ago_s: float = 60.0, **values: Any) -> Listed:
    at_s = NOW_S - ago_s
    given = {"status": status, "claimed_at_s": at_s - 60.0, "ended_at_s": at_s}
    return listed(None, **{"cause": "node_lost"} | given | values)


def going(state: Literal["queued", "starting", "running"], seconds: float, **values: Any) -> Listed:
    doing = Doing(state=state, seconds=seconds, reason="no quota")
    given = {"status": "open", "claimed_at_s": NOW_S - seconds, "ended_at_s": None}
    return listed(doing, **given | values)


def listed(doing: Doing | None, **values: Any) -> Listed:
    times = Times(queued_s=None, starting_s=0.0, ran_s=None)
    return Listed(attempt=replace(attempt(), **values), times=times, doing=doing)


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert headline_of([], now_s=NOW_S).level == "empty"


def test_what_goes_on_as_usual_is_counted() -> None:
    found = headline_of(
        [going("running", 60), going("queued", 60, partition="b"), ended("succeeded")], now_s=NOW_S
    )
    assert found.level == "well"
    assert found.sentence == "Nothing is wrong now; 1 attempt runs and 1 waits or starts."


def test_a_failure_is_wrong_until_its_partition_has_a_newer_attempt() -> None:
    failed = ended(number=1, ago_s=HOUR_S)
    assert headline_of([failed], now_s=NOW_S).level == "wrong"
    assert headline_of([failed, ended("succeeded", number=2)], now_s=NOW_S).level == "well"
    assert headline_of([failed, going("running", 60, number=2)], now_s=NOW_S).level == "well"


def test_a_failure_of_days_ago_is_no_news() -> None:
    assert headline_of([ended(ago_s=25 * HOUR_S)], now_s=NOW_S).level == "well"


@pytest.mark.parametrize(
    ("cause", "whose"),
    [
        ("user_code", AUTHOR),
        ("out_of_memory", AUTHOR),
        ("node_lost", OPERATOR),
        ("storage", OPERATOR),
        ("no_progress", f"{AUTHOR}, unless a node is unwell"),
        ("of_a_newer_program", OPERATOR),
    ],
)
def test_a_failure_is_of_those_who_can_mend_it(cause: str, whose: str) -> None:
    (trouble,) = headline_of([ended(cause=cause)], now_s=NOW_S).troubles
    assert trouble.whose == whose


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (going("queued", 0.6 * HOUR_S), "has waited in a queue for 36 min: no quota"),
        (going("starting", 0.3 * HOUR_S), "has been starting for 18 min: no quota"),
        (
            going("running", 2 * HOUR_S, limits={"max_runtime_s": HOUR_S}),
            "has run for 2 h, and its limit is 1 h: nobody may be following it",
        ),
    ],
)
def test_what_takes_too_long_is_wrong(one: Listed, told: str) -> None:
    (trouble,) = headline_of([one], now_s=NOW_S).troubles
    assert trouble.told == told


def test_several_things_are_counted_with_all_who_have_to_act() -> None:
    found = headline_of([ended(), ended(partition="b", cause="user_code")], now_s=NOW_S)
    assert found.sentence == (
        f"2 things are wrong now, for {OPERATOR} and for {AUTHOR}; nothing goes on."
    )
