"""Whether all pods of a cluster find a place at once."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.fitting import Need
from ml_platform.clusters.kuberay.packing import MOST_PODS, Pods, without_place


def kind(name: str = "n", *, cpus: float = 12, count: int | None = 3, **more: Any) -> NodeKind:
    return NodeKind.model_validate(
        {"name": name, "cpus": cpus, "memory": "64Gi", "count": count, **more}
    )


def pods(name: str, count: int, cpus: float, **more: Any) -> Pods:
    need = Need(cpus=cpus, memory_bytes=more.pop("memory_bytes", 2**30), **more)
    return Pods(name=name, need=need, count=count)


def left_over(kinds: list[NodeKind], *groups: Pods) -> str:
    return without_place(groups, Catalogue(nodes=tuple(kinds)))


def test_what_fits_by_its_sum_and_not_on_whole_nodes_is_seen() -> None:
    assert left_over([kind()], pods("first", 2, 8), pods("second", 2, 8)) in ("first", "second")
    assert left_over([kind(count=4)], pods("first", 2, 8), pods("second", 2, 8)) == ""


def test_a_packing_that_the_first_try_misses_is_found() -> None:
    # Largest first puts 4 with 4, and has no place for the last 3; 4, 3 and 3 fill both nodes.
    assert left_over([kind(cpus=10, count=2)], pods("a", 2, 4), pods("b", 4, 3)) == ""


def test_nodes_that_are_not_counted_hold_whatever_fits_them() -> None:
    assert left_over([kind(count=None)], pods("first", 90, 8), pods("second", 90, 8)) == ""
    both = [kind("few", count=1), kind("many", count=None)]
    assert left_over(both, pods("first", 90, 8), pods("second", 90, 8)) == ""


def test_disk_counts_where_a_node_says_how_much_it_has() -> None:
    groups = [pods("a", 2, 1, disk_bytes=60 * 2**30), pods("b", 2, 1, disk_bytes=60 * 2**30)]
    assert left_over([kind(disk="100Gi")], *groups) in ("a", "b")
    assert left_over([kind(disk="120Gi")], *groups) == ""
    assert left_over([kind()], *groups) == ""


def test_a_kind_of_gpu_is_not_another_kind() -> None:
    kinds = [kind("a", gpu="a100", gpus=8, count=1), kind("b", gpu="h100", gpus=8, count=3)]
    groups = [pods("x", 1, 1, gpus=6, gpu="a100"), pods("y", 1, 1, gpus=4, gpu="a100")]
    assert left_over(kinds, *groups) in ("x", "y")


def test_what_is_too_much_to_think_through_is_let_pass() -> None:
    assert left_over([kind()], pods("a", MOST_PODS, 8), pods("b", MOST_PODS, 8)) == ""


@settings(max_examples=50)
@given(
    st.lists(
        st.lists(st.integers(1, 11), min_size=1, max_size=5).filter(lambda one: sum(one) <= 12),
        min_size=1,
        max_size=6,
    )
)
def test_what_was_cut_from_whole_nodes_is_never_refused(nodes: list[list[int]]) -> None:
    sizes = [cpus for node in nodes for cpus in node]
    groups = [pods(str(number), 1, cpus) for number, cpus in enumerate(sizes)]
    assert left_over([kind(count=len(nodes))], *groups) == ""
