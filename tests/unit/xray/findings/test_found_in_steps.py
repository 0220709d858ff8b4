"""Where workers' time goes: waiting for data, for one of them, for each other, for checkpoints."""

import pytest

from ml_platform.clusters.spec import WorkerGroup
from ml_platform.xray.findings.checkpoints import checkpoints_too_often
from ml_platform.xray.findings.communication_bound import communication_bound
from ml_platform.xray.findings.finding import Judge, Seen
from ml_platform.xray.findings.input_bound import input_bound
from ml_platform.xray.findings.rank_times import LEAST_S, rank_times
from ml_platform.xray.findings.straggler import straggler
from ml_platform.xray.samples import Samples, StepTimes
from tests.unit.xray.findings.made_up import SPEC, hour_long, nodes, seen, steps, worker

HEALTHY = seen(samples=steps(*(worker(rank) for rank in range(4))))


@pytest.mark.parametrize(
    "judge", [input_bound, straggler, communication_bound, checkpoints_too_often]
)
@pytest.mark.parametrize("healthy", [HEALTHY, seen(), seen(samples=steps(worker()))])
def test_nothing_is_found_in_a_healthy_training_nor_in_one_that_was_not_measured(
    judge: Judge, healthy: Seen
) -> None:
    assert judge(healthy) is None


def test_what_was_measured_for_moments_alone_says_nothing() -> None:
    assert rank_times([worker(data_s=LEAST_S - 0.1, cpu_s=0, waiting_s=0)]) == ()
    assert len(rank_times([worker(data_s=LEAST_S, cpu_s=0, waiting_s=0)])) == 1


@pytest.mark.parametrize(
    ("data_s", "confidence"), [(29.0, None), (30.0, "medium"), (49.0, "medium"), (50.0, "high")]
)
def test_input_bound_is_a_training_that_waits_for_data(
    data_s: float, confidence: str | None
) -> None:
    one = worker(data_s=data_s, cpu_s=100 - data_s, waiting_s=0)
    found = input_bound(seen(samples=steps(one)))
    assert (found and found.confidence) == confidence


def test_small_batches_are_to_be_larger_and_large_ones_shared_by_more_workers() -> None:
    small = input_bound(seen(samples=steps(worker(data_s=100, rows=3200))))
    large = input_bound(seen(samples=steps(worker(data_s=100, rows=1_000_000))))
    assert small is not None
    assert large is not None
    assert "rows a batch: 32" in small.evidence
    assert '`run.batches("train", epoch=epoch, rows=4096)`' in small.next_step
    assert "`cluster: {workers: {count: 4}}`" in large.next_step


@pytest.mark.parametrize(("cpu_s", "confidence"), [(76.0, None), (79.0, "medium"), (97.0, "high")])
def test_a_straggler_computes_for_longer_while_the_others_wait(
    cpu_s: float, confidence: str | None
) -> None:
    slow = worker(2, data_s=0, cpu_s=cpu_s, waiting_s=0)
    others = [worker(rank, data_s=0, cpu_s=60, waiting_s=cpu_s - 60) for rank in (0, 1, 3)]
    found = straggler(seen(samples=steps(slow, *others)))
    assert (found and found.confidence) == confidence
    if found is not None:
        assert "Rank 2 on node 10.0.0.2 took " in found.sentence


def test_a_straggler_may_be_one_that_reads_for_longer() -> None:
    found = straggler(
        seen(
            samples=steps(
                worker(0, data_s=60, cpu_s=40, waiting_s=0),
                worker(1, data_s=2, cpu_s=40, waiting_s=58),
            )
        )
    )
    assert found is not None
    assert "took 2.4 × as long as the others" in found.sentence


def test_one_that_holds_nobody_up_is_no_straggler() -> None:
    assert (
        straggler(seen(samples=steps(worker(0, cpu_s=80), worker(1, cpu_s=30, waiting_s=5))))
        is None
    )


def test_a_straggler_with_more_rows_than_the_others_is_told_so() -> None:
    found = straggler(
        seen(
            samples=steps(
                worker(0, cpu_s=95, waiting_s=0, rows=200_000), worker(1, cpu_s=45, waiting_s=50)
            )
        )
    )
    assert found is not None
    assert "it has 200,000 rows and the others 102,400" in found.next_step


def test_what_goes_on_can_be_looked_at() -> None:
    samples = steps(worker(0, cpu_s=95, waiting_s=0), worker(1, cpu_s=45, waiting_s=50))
    goes_on = hour_long(status="open", ended_at_s=None, ran_s=None)
    found = straggler(seen(goes_on, samples=samples))
    assert found is not None
    assert "`kubectl get pods -o wide -l ray.io/cluster=abc | grep 10.0.0.0`" in found.next_step


@pytest.mark.parametrize(
    ("waiting_s", "confidence"), [(35.0, None), (45.0, "medium"), (65.0, "high")]
)
def test_communication_bound_is_a_training_in_which_all_wait_and_nobody_is_slow(
    waiting_s: float, confidence: str | None
) -> None:
    ranks = [
        worker(rank, data_s=0, cpu_s=100 - waiting_s, waiting_s=waiting_s) for rank in range(4)
    ]
    found = communication_bound(seen(samples=steps(*ranks)))
    assert (found and found.confidence) == confidence


def test_those_that_wait_for_a_straggler_are_not_bound_by_communication() -> None:
    slow = worker(0, cpu_s=55, waiting_s=45)
    others = [worker(rank, cpu_s=5, waiting_s=95) for rank in (1, 2)]
    samples = steps(slow, *others)
    assert straggler(seen(samples=samples)) is not None
    assert communication_bound(seen(samples=samples)) is None


def test_on_one_machine_waiting_may_be_for_a_cpu() -> None:
    ranks = [worker(rank, cpu_s=20, waiting_s=80) for rank in range(2)]
    local = hour_long(spec=SPEC.model_copy(update={"provisioner": "local"}))
    assert communication_bound(seen(samples=steps(*ranks))) is not None
    assert communication_bound(seen(local, samples=steps(*ranks))) is None


SLOW_RANK = steps(worker(0, waiting_s=0), worker(1, cpu_s=5, waiting_s=75)).steps
ALL_WAIT = steps(worker(0, cpu_s=20, waiting_s=80), worker(1, cpu_s=20, waiting_s=80)).steps


@pytest.mark.parametrize(
    ("judge", "ranks"), [(straggler, SLOW_RANK), (communication_bound, ALL_WAIT)]
)
def test_with_gpus_a_step_without_a_cpu_is_no_waiting(
    judge: Judge, ranks: tuple[StepTimes, ...]
) -> None:
    samples = Samples(steps=ranks)
    assert judge(seen(samples=samples)) is not None
    with_gpu = SPEC.model_copy(update={"workers": WorkerGroup(count=2, gpus=1)})
    assert judge(seen(hour_long(spec=with_gpu), samples=samples)) is None
    assert judge(seen(samples=Samples(steps=ranks, nodes=nodes(gpus=1).nodes))) is None


def test_while_a_checkpoint_is_written_nobody_waits_for_communication() -> None:
    ranks = [worker(0, cpu_s=40, waiting_s=10, checkpoint_s=50.0)]
    ranks += [worker(rank, cpu_s=40, waiting_s=60) for rank in (1, 2)]
    assert [one.waiting_s for one in rank_times(ranks)] == [0, 10, 10]
    assert communication_bound(seen(samples=steps(*ranks))) is None


@pytest.mark.parametrize(
    ("checkpoint_s", "confidence"), [(5.0, None), (6.0, "medium"), (20.0, "high")]
)
def test_checkpoints_are_too_often_when_they_take_much_of_the_time(
    checkpoint_s: float, confidence: str | None
) -> None:
    found = checkpoints_too_often(seen(samples=steps(worker(checkpoint_s=checkpoint_s), worker(1))))
    assert (found and found.confidence) == confidence


def test_checkpoints_are_to_be_so_far_apart_that_they_cost_a_hundredth() -> None:
    found = checkpoints_too_often(seen(samples=steps(worker(checkpoint_s=25.0))))
    assert found is not None
    assert found.next_step.startswith("`training: {checkpoint_every_s: 1200}`")


def test_the_last_checkpoint_of_a_short_training_is_not_too_often() -> None:
    short = worker(data_s=1, cpu_s=20, waiting_s=0, checkpoint_s=10.0)
    assert checkpoints_too_often(seen(samples=steps(short))) is None
