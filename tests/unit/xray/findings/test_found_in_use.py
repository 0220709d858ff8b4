"""What pods ask for and what they use: memory, CPUs and GPUs."""

from typing import Any

import pytest

from ml_platform.clusters.spec import WorkerGroup
from ml_platform.xray.findings.idle_gpus import idle_gpus
from ml_platform.xray.findings.memory_limit import memory_limit
from ml_platform.xray.findings.over_provisioned import over_provisioned
from ml_platform.xray.prices import Prices
from tests.unit.xray.findings.made_up import SPEC, hour_long, nodes, seen

PRICES = Prices(cpu=0.1, gib=0.01, gpu=2.0)


@pytest.mark.parametrize("judge", [over_provisioned, memory_limit, idle_gpus])
def test_nothing_is_found_in_pods_that_use_what_they_ask_for(judge: Any) -> None:
    assert judge(seen(samples=nodes())) is None
    assert judge(seen(samples=nodes(gpus=1, gpu_used=0.8))) is None
    assert judge(seen()) is None


@pytest.mark.parametrize(
    ("memory_gib", "cpus", "written"),
    [
        (6.2, 6.0, None),
        (6.1, 6.0, "memory: 8Gi"),
        (12.0, 3.4, None),
        (12.0, 3.3, "cpus: 4"),
        (0.1, 0.1, "memory: 1Gi, cpus: 1"),
    ],
)
def test_over_provisioned_is_who_could_do_with_half(
    memory_gib: float, cpus: float, written: str | None
) -> None:
    found = over_provisioned(seen(samples=nodes(memory_gib=memory_gib, cpus=cpus)))
    assert (found and f"{{workers: {{{written}}}}}" in found.next_step) == (written and True)


def test_what_the_spec_that_would_fit_saves_is_told_where_there_are_prices() -> None:
    samples = nodes(memory_gib=3, cpus=3)
    found = over_provisioned(seen(samples=samples, prices=PRICES))
    assert found is not None
    assert found.sentence == (
        "Its workers ask for 8 CPU and 16Gi each, and memory: 4Gi, cpus: 4 would do, which saves "
        "1.04 of 2.04 an hour."
    )
    without = over_provisioned(seen(samples=samples))
    assert without is not None
    assert without.sentence.endswith("would do.")


@pytest.mark.parametrize(
    "values",
    [
        {"ran_s": 599.0},
        {"spec": SPEC.model_copy(update={"provisioner": "local"})},
        {
            "spec": SPEC.model_copy(
                update={"workers": (WorkerGroup(name="a"), WorkerGroup(name="b"))}
            )
        },
    ],
    ids=["short", "own machine", "several groups"],
)
def test_over_provisioned_is_not_said_of_what_cannot_be_told(values: dict[str, Any]) -> None:
    samples = nodes(memory_gib=1, cpus=1)
    assert over_provisioned(seen(hour_long(), samples=samples)) is not None
    assert over_provisioned(seen(hour_long(**values), samples=samples)) is None


@pytest.mark.parametrize(
    ("memory_gib", "confidence"), [(14.3, None), (14.5, "medium"), (15.3, "high")]
)
def test_memory_is_close_to_its_limit_at_nine_tenths(
    memory_gib: float, confidence: str | None
) -> None:
    found = memory_limit(seen(samples=nodes(memory_gib=memory_gib)))
    assert (found and found.confidence) == confidence
    if found is not None:
        assert found.next_step == "`cluster: {workers: {memory: 24Gi}}` in defs.yaml."


@pytest.mark.parametrize(
    ("place", "next_step"),
    [
        ("group workers", "`cluster: {workers: {memory: 24Gi}}` in defs.yaml."),
        ("head", "`cluster: {head: {memory: 3Gi}}` in defs.yaml."),
    ],
)
def test_one_that_died_of_memory_is_found_without_a_sample(place: str, next_step: str) -> None:
    died = hour_long(status="failed", cause="out_of_memory", cause_place=place, evidence=("137",))
    found = memory_limit(seen(died))
    assert found is not None
    assert (found.evidence, found.confidence, found.next_step) == (("137",), "high", next_step)


def test_memory_of_a_gpu_is_no_memory_of_a_pod() -> None:
    died = hour_long(status="failed", cause="out_of_memory", cause_place="gpu")
    assert memory_limit(seen(died)) is None


@pytest.mark.parametrize(("used", "confidence"), [(0.51, None), (0.49, "medium"), (0.2, "high")])
def test_gpus_are_idle_that_do_nothing_half_of_the_time(
    used: float, confidence: str | None
) -> None:
    found = idle_gpus(seen(samples=nodes(gpus=1, gpu_used=used)))
    assert (found and found.confidence) == confidence


def test_idle_gpus_are_told_in_seconds_of_one_and_at_their_price() -> None:
    found = idle_gpus(seen(samples=nodes(gpus=1, gpu_used=0.25), prices=PRICES))
    assert found is not None
    assert "75% of the time: 1 h 30 min of one GPU, 3.00 at their price." in found.sentence


def test_a_few_minutes_say_nothing_of_gpus() -> None:
    assert idle_gpus(seen(hour_long(ran_s=299.0), samples=nodes(gpus=1))) is None
