"""What differs between two attempts."""

from dataclasses import replace
from typing import Any

from ml_platform.xray.compare import Compared, compared
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.listing import Details
from ml_platform.xray.timeline import Phase, Times
from tests.support.xray import NO_COST
from tests.unit.xray.test_store import attempt


def details(*, ran_s: float | None = 600.0, pulling_s: float = 30.0, **values: Any) -> Details:
    one = replace(attempt(), status="succeeded", ended_at_s=1.0, **values)
    phase = Phase(name="cluster", state="ended", began_at_s=0.0, seconds=pulling_s)
    return Details(
        attempt=one,
        times=Times(queued_s=None, starting_s=pulling_s, ran_s=ran_s),
        doing=None,
        phases=(phase,),
        cost=NO_COST,
    )


def costing(total: float | None, *findings: str) -> Details:
    found = tuple(
        Finding(name=one, sentence=f"It is {one}.", evidence=(), confidence="low", next_step="")
        for one in findings
    )
    return replace(details(), cost=replace(NO_COST, total=total, wasted=total), findings=found)


def names(found: Compared) -> list[str]:
    return [one.name for one in found.differences]


def test_equal_ones_differ_in_nothing() -> None:
    found = compared(details(), details())
    assert found.differences == ()
    assert found.sentence == (
        "They ended as succeeded and succeeded: nothing else of them differs that was asked for."
    )


def test_what_was_asked_for_comes_before_how_long_it_took() -> None:
    a = details(limits={"batch_rows": 512}, spec={"workers": [{"memory": "4Gi"}]}, image="old")
    b = details(
        limits={"batch_rows": 1024},
        spec={"workers": [{"memory": "8Gi"}]},
        image="new",
        ran_s=1500.0,
    )
    found = compared(a, b)
    assert names(found) == ["image", "batch_rows", "workers.1.memory", "running"]
    assert (found.differences[1].a, found.differences[1].b) == ("512", "1024")
    assert found.differences[3].told == "B 2.5 × as long"
    assert found.sentence == (
        "They ended as succeeded and succeeded. "
        "Before that they differ in image, batch_rows and workers.1.memory."
    )


def test_times_that_vary_from_run_to_run_are_no_difference() -> None:
    assert names(compared(details(ran_s=600.0), details(ran_s=690.0))) == []
    assert names(compared(details(pulling_s=1.0), details(pulling_s=4.0))) == []


def test_what_took_longer_is_named_by_its_phase() -> None:
    found = compared(details(pulling_s=240.0), details())
    assert names(found) == ["starting", "phase cluster"]
    assert "what differs is starting (A 8.0 × as long) and phase cluster" in found.sentence


def test_what_one_of_them_never_came_to_is_said() -> None:
    (running,) = compared(details(ran_s=None), details()).differences
    assert (running.a, running.b, running.told) == ("", "10 min", "only B")


def test_the_outcome_comes_first() -> None:
    failed = replace(attempt(), status="failed", cause="node_lost", cause_place="node spot-7")
    a = replace(details(), attempt=failed)
    found = compared(a, details(limits={"seed": 2}))
    assert names(found)[0] == "outcome"
    assert found.sentence.startswith("They ended as failed (node_lost in node spot-7) and")


def test_what_one_of_them_cost_more_is_told_with_how_much() -> None:
    cost, wasted = compared(costing(1.0), costing(2.5)).differences
    assert (cost.name, cost.a, cost.b, cost.told) == ("cost", "1.00", "2.50", "B 2.5 × as much")
    assert wasted.name == "wasted"
    assert names(compared(costing(1.0), costing(1.1))) == []
    assert names(compared(costing(None), costing(None))) == []
    assert compared(costing(None), costing(2.0)).differences[0].a == "unknown"


def test_what_was_found_in_one_alone_is_named_and_told() -> None:
    found = compared(costing(None, "slower"), costing(None, "slower", "straggler"))
    (alone,) = found.differences
    assert (alone.group, alone.name, alone.told) == ("findings", "straggler", "only B")
    assert (alone.a, alone.b) == ("", "It is straggler.")
    assert found.sentence.endswith("that was asked for. Found in B alone: straggler.")
