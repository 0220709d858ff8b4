"""What attempts cost, where prices are known."""

from dataclasses import replace
from typing import Any, Final

import pytest

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.costs import Cost, costs, sum_of, summed, used
from ml_platform.xray.prices import Prices, prices_of
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt

HOUR_S: Final = 3600.0
SPEC: Final = ClusterSpec(
    provisioner="ephemeral",
    head=HeadGroup(cpus=1, memory="2Gi"),
    workers=WorkerGroup(count=2, cpus=4, memory="8Gi"),
)
FLAT: Final = Prices(cpu=0.1, gib=0.01, gpu=2.0)
OF_HOUR: Final = 9 * 0.1 + 18 * 0.01
SPOT: Final = {"cloud.google.com/gke-spot": "true"}


def hour_long(number: int = 1, *, spec: ClusterSpec = SPEC, **values: Any) -> AttemptRecord:
    """Queued for ten hours, ready for one, of which it ran for 45 minutes."""
    return attempt(
        number,
        **{
            "spec": spec.model_dump(mode="json"),
            "claimed_at_s": AT_S - 10 * HOUR_S,
            "ready_at_s": AT_S,
            "ended_at_s": AT_S + HOUR_S,
            "ran_s": 0.75 * HOUR_S,
        }
        | values,
    )


def cost(one: AttemptRecord, prices: Prices = FLAT, **how: Any) -> Cost:
    return costs([one], prices, **{"now_s": AT_S + 2 * HOUR_S} | how)[one.key]


def test_all_pods_are_paid_for_from_ready_to_the_end_and_what_is_queued_costs_nothing() -> None:
    found = cost(hour_long())
    assert (found.paid_s, found.cpu_hours, found.gib_hours, found.gpu_hours) == (HOUR_S, 9, 18, 0)
    assert found.total == pytest.approx(OF_HOUR)


def test_before_and_after_its_driver_a_cluster_is_idle() -> None:
    assert cost(hour_long()).idle == pytest.approx(OF_HOUR / 4)
    assert cost(hour_long(ran_s=None, started_at_s=None)).idle == pytest.approx(OF_HOUR)
    assert cost(hour_long(ran_s=2 * HOUR_S)).idle == 0


def test_one_that_goes_on_costs_until_now() -> None:
    goes_on = hour_long(status="open", ended_at_s=None, ran_s=None, started_at_s=AT_S + 360)
    found = cost(goes_on)
    assert (found.paid_s, found.idle_s) == (2 * HOUR_S, 360)


def test_one_whose_cluster_never_was_ready_cost_nothing() -> None:
    assert cost(hour_long(ready_at_s=None, status="failed")).total == 0


@pytest.mark.parametrize(
    "prices", [Prices(), Prices(gib=0.01), Prices(gpu=2.0)], ids=["none", "memory", "gpu"]
)
def test_without_a_price_a_cost_is_unknown_and_its_hours_are_known(prices: Prices) -> None:
    found = cost(hour_long(), prices)
    assert (found.total, found.idle, found.wasted, found.cpu_hours) == (None, None, None, 9)


def test_without_a_price_of_gpus_what_has_none_is_known() -> None:
    with_gpu = SPEC.model_copy(update={"workers": WorkerGroup(count=1, cpus=4, gpus=1)})
    assert cost(hour_long(spec=with_gpu), Prices(cpu=0.1)).total is None
    assert cost(hour_long(), Prices(cpu=0.1)).total == pytest.approx(0.9)


def test_ones_own_machine_has_no_price_nor_has_a_spec_of_tomorrow() -> None:
    assert cost(hour_long(spec=SPEC.model_copy(update={"provisioner": "local"}))).total is None
    assert cost(hour_long(), FLAT).total is not None
    assert cost(attempt(spec={"provisioner": "orbital"}, ready_at_s=AT_S)).total is None


def test_a_pod_costs_its_largest_share_of_the_cheapest_node_on_which_it_may_be() -> None:
    nodes = (
        NodeKind(name="n8", cpus=8, memory="64Gi", price_per_hour=0.8),
        NodeKind(name="n64", cpus=64, memory="64Gi", price_per_hour=8.0),
        NodeKind(name="spot", cpus=8, memory="64Gi", price_per_hour=0.2, spot=True, labels=SPOT),
        NodeKind(name="unpriced", cpus=8, memory="64Gi"),
    )
    prices = Prices(catalogue=Catalogue(nodes=nodes))
    assert prices.of_cluster(SPEC) == pytest.approx(0.1 + 2 * 0.4)
    worker = WorkerGroup(count=2, cpus=4, memory="8Gi", spot=True)
    assert prices.of_cluster(SPEC.model_copy(update={"workers": worker})) == pytest.approx(0.3)
    most_memory = WorkerGroup(count=1, cpus=1, memory="48Gi")
    assert prices.of_pod(most_memory) == pytest.approx(0.75 * 0.8)


def test_what_fits_no_node_with_a_price_has_that_of_its_cpus() -> None:
    nodes = (NodeKind(name="n2", cpus=2, memory="8Gi", price_per_hour=0.2),)
    prices = Prices(cpu=0.05, catalogue=Catalogue(nodes=nodes))
    assert prices.of_cluster(SPEC) == pytest.approx(0.1 + 2 * 4 * 0.05)


def test_what_failed_is_wasted_unless_another_went_on_from_its_checkpoint() -> None:
    first = hour_long(1, status="failed", checkpoint_attempt=1)
    second = hour_long(2, status="failed", checkpoint_attempt=1)
    third = hour_long(3)
    assert used([first, second, third]) == {first.key}
    assert used([first]) == frozenset()
    found = costs([first, second, third], FLAT, now_s=AT_S)
    assert [found[one.key].wasted for one in (first, second, third)] == pytest.approx(
        [0, OF_HOUR, 0]
    )


def test_a_checkpoint_counts_for_the_training_and_partition_that_it_is_of() -> None:
    first = hour_long(1, status="failed", checkpoint_attempt=1)
    other = hour_long(2, partition="2013-03-15")
    assert used([first, other]) == frozenset()


def test_a_sum_says_of_how_many_the_cost_is_unknown() -> None:
    known, unknown = hour_long(1), hour_long(2, spec=SPEC.model_copy(update={"provisioner": ""}))
    both = [known, unknown]
    whole = summed(both, costs(both, FLAT, now_s=AT_S))
    assert (whole.attempts, whole.unknown, whole.cpu_hours) == (2, 1, 18)
    assert whole.total == pytest.approx(OF_HOUR)
    none = summed([unknown], costs(both, FLAT, now_s=AT_S))
    assert (none.total, none.idle, none.wasted) == (None, None, None)


def test_prices_are_those_of_the_settings() -> None:
    settings = Settings(price_cpu_hour=0.1, price_gib_hour=0.01, price_gpu_hour=2.0)
    assert prices_of(settings) == FLAT


TENTH: Final = Cost(
    paid_s=360.0,
    idle_s=0.0,
    cpu_hours=0.1,
    gib_hours=0.1,
    gpu_hours=0.1,
    total=0.1,
    idle=0.1,
    wasted=0.1,
)


def test_a_sum_is_rounded_once_and_not_with_each_part() -> None:
    found = sum_of([(1, TENTH)] * 10, name="all")
    assert (found.cpu_hours, found.total, found.idle, found.wasted) == (1.0, 1.0, 1.0, 1.0)


def test_a_sum_is_the_same_in_whichever_order_its_parts_come() -> None:
    parts = [(1, replace(TENTH, total=total)) for total in (1e15, 0.1, -1e15, 0.2, 0.3)]
    assert sum_of(parts, name="") == sum_of(parts[::-1], name="")


def test_the_pods_of_a_cluster_are_added_as_exactly() -> None:
    groups = tuple(WorkerGroup(name=f"g{n}", cpus=1, memory="1Gi") for n in range(9))
    spec = ClusterSpec(provisioner="ephemeral", head=HeadGroup(cpus=1), workers=groups)
    assert Prices(cpu=0.1).of_cluster(spec) == 1.0
