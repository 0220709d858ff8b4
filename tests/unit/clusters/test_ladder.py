"""What follows a failed attempt: each cause, each budget, and that there always is an end."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.ladder import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    Action,
    Budgets,
    EndedAttempt,
    decide,
    worker_restarts_left,
)

WORKER = Place(kind="worker", name="rank 0")
GPU = Place(kind="gpu", name="0 of rank 0")
MANY = Budgets(
    worker_lost=20,
    infrastructure=20,
    start_failed=20,
    out_of_memory=20,
    no_progress=20,
    platform=20,
)
ONCE = {
    Cause.USER_CODE,
    Cause.BAD_INPUT,
    Cause.NON_FINITE,
    Cause.OVER_LIMIT,
    Cause.CANCELLED,
}


def ended(
    cause: Cause,
    *,
    place: Place = WORKER,
    progressed: bool = True,
    restarts: int = 0,
    rung: int = 0,
) -> EndedAttempt:
    return EndedAttempt(
        cause=cause, place=place, progressed=progressed, worker_restarts=restarts, rung=rung
    )


@pytest.mark.parametrize("cause", sorted(ONCE))
def test_what_would_end_the_same_way_is_not_tried_again(cause: Cause) -> None:
    decision = decide([ended(cause)], MANY)
    assert decision.action is Action.GIVE_UP
    assert cause.value in decision.reason


@pytest.mark.parametrize(
    ("cause", "action"),
    [
        (Cause.WORKER_LOST, Action.REATTEMPT),
        (Cause.PLATFORM, Action.REATTEMPT),
        (Cause.OUT_OF_MEMORY, Action.REATTEMPT),
        (Cause.HEAD_LOST, Action.EVICT),
        (Cause.NODE_LOST, Action.EVICT),
        (Cause.NO_PROGRESS, Action.EVICT),
        (Cause.STORAGE, Action.WAIT),
        (Cause.START_FAILED, Action.WAIT),
    ],
)
def test_what_can_go_otherwise_next_time_is_tried_again_in_its_way(
    cause: Cause, action: Action
) -> None:
    decision = decide([ended(cause)], MANY)
    assert decision.action is action
    assert decision.reason == f"{cause.value} in worker rank 0, retry 1 of 20"


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause not in ONCE])
def test_each_budget_lets_so_many_more_attempts_and_no_more(cause: Cause) -> None:
    budgets = Budgets(
        worker_lost=2,
        infrastructure=2,
        start_failed=2,
        out_of_memory=2,
        no_progress=2,
        platform=2,
    )
    assert decide([ended(cause)] * 2, budgets).action is not Action.GIVE_UP
    decision = decide([ended(cause)] * 3, budgets)
    assert decision.action is Action.GIVE_UP
    assert decision.reason == f"{cause.value}: all 2 of its retries are spent"


def test_a_budget_of_nothing_means_tried_once() -> None:
    assert decide([ended(Cause.PLATFORM)], Budgets()).action is Action.GIVE_UP
    nothing = Budgets(worker_lost=0)
    assert decide([ended(Cause.WORKER_LOST)], nothing).action is Action.GIVE_UP


def test_a_training_that_hung_is_tried_once_more_on_a_new_cluster() -> None:
    assert decide([ended(Cause.NO_PROGRESS)], Budgets()).action is Action.EVICT
    assert decide([ended(Cause.NO_PROGRESS)] * 2, Budgets()).action is Action.GIVE_UP


def test_causes_of_one_kind_spend_from_one_budget() -> None:
    budgets = Budgets(infrastructure=2)
    lost = [ended(Cause.HEAD_LOST), ended(Cause.NODE_LOST), ended(Cause.STORAGE)]
    assert decide(lost[:2], budgets).action is Action.EVICT
    assert decide(lost, budgets).action is Action.GIVE_UP


def test_causes_of_different_kinds_do_not_spend_from_each_other() -> None:
    attempts = [ended(Cause.WORKER_LOST)] * 2 + [ended(Cause.HEAD_LOST)] * 3
    assert decide(attempts, Budgets()).action is Action.EVICT


def test_restarts_of_workers_inside_a_job_spend_from_the_same_budget() -> None:
    budgets = Budgets(worker_lost=3)
    assert decide([ended(Cause.WORKER_LOST, restarts=2)], budgets).action is Action.REATTEMPT
    assert decide([ended(Cause.WORKER_LOST, restarts=3)], budgets).action is Action.GIVE_UP


def test_restarts_of_workers_do_not_spend_what_heads_may_be_lost() -> None:
    assert decide([ended(Cause.HEAD_LOST, restarts=9)], Budgets()).action is Action.EVICT


def test_the_next_job_may_restart_its_workers_as_often_as_is_left() -> None:
    budgets = Budgets(worker_lost=4)
    assert worker_restarts_left([], budgets) == 4
    assert worker_restarts_left([ended(Cause.HEAD_LOST, restarts=1)], budgets) == 3
    assert worker_restarts_left([ended(Cause.WORKER_LOST, restarts=1)], budgets) == 2
    assert worker_restarts_left([ended(Cause.WORKER_LOST, restarts=9)], budgets) == 0


def test_three_attempts_in_a_row_without_a_newer_checkpoint_end_it() -> None:
    idle = ended(Cause.HEAD_LOST, progressed=False)
    assert decide([idle] * 2, MANY).action is Action.EVICT
    decision = decide([idle] * 3, MANY)
    assert decision.action is Action.GIVE_UP
    assert decision.reason == "3 attempts in a row left no newer checkpoint"


def test_an_attempt_that_left_a_newer_checkpoint_begins_the_count_anew() -> None:
    idle = ended(Cause.HEAD_LOST, progressed=False)
    attempts = [idle, idle, ended(Cause.HEAD_LOST), idle, idle]
    assert decide(attempts, MANY).action is Action.EVICT


def test_out_of_memory_climbs_at_its_place_until_the_top_rung() -> None:
    decision = decide([ended(Cause.OUT_OF_MEMORY, rung=1)], Budgets(top_rung=2))
    assert (decision.action, decision.place) == (Action.CLIMB, WORKER)


def test_climbing_spends_nothing_of_what_is_tried_again_on_the_top_rung() -> None:
    budgets = Budgets(top_rung=2, out_of_memory=1)
    on_the_way = [ended(Cause.OUT_OF_MEMORY, rung=rung) for rung in range(3)]
    decision = decide(on_the_way, budgets)
    assert decision.action is Action.REATTEMPT
    assert decision.reason == "out_of_memory in worker rank 0, retry 1 of 1"
    again = [*on_the_way, ended(Cause.OUT_OF_MEMORY, rung=2)]
    assert decide(again, budgets).action is Action.GIVE_UP


def test_a_gpu_that_is_full_gets_no_more_memory_of_its_host() -> None:
    budgets = Budgets(top_rung=2, out_of_memory=1)
    full = ended(Cause.OUT_OF_MEMORY, place=GPU)
    assert decide([full], budgets).action is Action.REATTEMPT
    assert decide([full, full], budgets).action is Action.GIVE_UP


def test_each_pause_is_twice_the_last_up_to_the_longest() -> None:
    pauses = [decide([ended(Cause.STORAGE)] * n, MANY).pause_s for n in range(1, 12)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


causes = st.sampled_from(Cause)
few = st.integers(0, 2)
budgets_of_any_size = st.builds(
    Budgets,
    worker_lost=few,
    infrastructure=few,
    start_failed=few,
    out_of_memory=few,
    no_progress=few,
    platform=few,
    without_checkpoint=st.integers(1, 5),
    top_rung=few,
)


@given(
    st.lists(
        st.tuples(causes, st.sampled_from([WORKER, GPU]), st.booleans(), few),
        min_size=20,
        max_size=20,
    ),
    budgets_of_any_size,
)
def test_whatever_goes_wrong_it_ends(
    troubles: list[tuple[Cause, Place, bool, int]], budgets: Budgets
) -> None:
    """Each attempt spends from a budget, climbs, or is the last."""
    attempts: list[EndedAttempt] = []
    rung = 0
    for cause, place, progressed, restarts in troubles:
        attempts.append(
            ended(cause, place=place, progressed=progressed, restarts=restarts, rung=rung)
        )
        decision = decide(attempts, budgets)
        if decision.action is Action.GIVE_UP:
            break
        rung += decision.action is Action.CLIMB
    else:
        pytest.fail("twenty attempts were not enough")
    allowed = (
        budgets.worker_lost
        + budgets.infrastructure
        + budgets.start_failed
        + budgets.out_of_memory
        + budgets.no_progress
        + budgets.platform
        + budgets.top_rung
    )
    assert len(attempts) <= allowed + 1


@given(st.lists(st.tuples(causes, st.booleans(), few), min_size=1, max_size=12))
def test_a_decision_is_always_one_with_a_reason(troubles: list[tuple[Cause, bool, int]]) -> None:
    attempts = [ended(cause, progressed=p, restarts=n) for cause, p, n in troubles]
    decision = decide(attempts, Budgets())
    assert decision.reason
    assert decision.pause_s >= 0
    assert worker_restarts_left(attempts, Budgets()) >= 0


def test_more_budget_never_ends_sooner() -> None:
    for cause, count in product(Cause, range(1, 5)):
        attempts = [ended(cause)] * count
        if decide(attempts, Budgets()).action is not Action.GIVE_UP:
            assert decide(attempts, MANY).action is not Action.GIVE_UP
