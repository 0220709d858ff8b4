"""What pods ask for and what they use: memory, CPUs and GPUs."""

from typing import Any, Final

import pytest

from ml_platform.clusters.spec import WorkerGroup
from ml_platform.xray.findings.gpu_left_idle import gpu_left_idle
from ml_platform.xray.findings.idle_gpus import idle_gpus
from ml_platform.xray.findings.memory_limit import memory_limit
from ml_platform.xray.findings.over_provisioned import over_provisioned
from ml_platform.xray.prices import Prices
from ml_platform.xray.samples import NodeUse, Samples
from tests.support.xray import AT_S
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


def gpu_uses(**of_nodes: list[float]) -> Samples:
    """A sample a minute of nodes with 4 GPUs, and how busy those were."""
    return Samples(
        nodes=tuple(
            NodeUse(at_s=AT_S + 60 * minute, node=name, cpus=8.0, gpus=4.0, gpu_used=4 * share)
            for name, shares in of_nodes.items()
            for minute, share in enumerate(shares)
        )
    )


BUSY: Final = [0.9] * 41


def test_gpus_that_were_left_idle_while_others_work_are_named_with_their_node() -> None:
    samples = gpu_uses(a=BUSY, b=[0.9] * 25 + [0.02] * 16)
    found = gpu_left_idle(seen(hour_long(status="open", ended_at_s=None), samples=samples))
    assert found is not None
    assert found.sentence == (
        "The GPUs of b have done nothing in the last 15 min: 4 GPUs, 1 h of one."
    )
    assert found.evidence == ("b: 4 GPUs idle for 15 min, 90% busy before",)
    assert (found.confidence, "mlp xray logs" in found.next_step) == ("high", True)


def test_gpus_that_never_did_anything_beside_others_are_too_many() -> None:
    samples = gpu_uses(a=BUSY, b=[0.0] * 41)
    found = gpu_left_idle(seen(samples=samples, prices=PRICES))
    assert found is not None
    assert found.sentence == (
        "The GPUs of b did nothing in the last 40 min of it: 4 GPUs, 2 h 40 min of one, 5.33 at "
        "their price."
    )
    assert "workers: {count: …}" in found.next_step


def test_a_job_all_of_whose_gpus_stop_may_hang_or_not_need_them() -> None:
    stopped = [0.9] * 25 + [0.0] * 16
    found = gpu_left_idle(seen(samples=gpu_uses(a=stopped, b=stopped)))
    assert found is not None
    assert found.sentence.startswith("All its GPUs did nothing in the last 15 min of it: 8 GPUs")
    assert found.confidence == "medium"
    assert "no_progress_s" in found.next_step


@pytest.mark.parametrize(
    "uses",
    [
        {"a": BUSY, "b": [0.9] * 31 + [0.0] * 10},
        {"a": BUSY, "b": [0.9] * 10 + [0.0] * 20 + [0.9] * 11},
        {"a": BUSY, "b": [0.9] * 25 + [0.06] * 16},
        {"a": [0.0] * 41, "b": [0.0] * 41},
    ],
    ids=["shorter than an evaluation", "busy again", "a little busy", "idle_gpus tells it"],
)
def test_gpus_are_not_left_idle_by(uses: dict[str, list[float]]) -> None:
    assert gpu_left_idle(seen(samples=gpu_uses(**uses))) is None
