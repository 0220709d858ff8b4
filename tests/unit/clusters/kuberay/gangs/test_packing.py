"""Whether all pods of a cluster find a place at once."""

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.gangs.fitting import Need
from ml_platform.clusters.kuberay.gangs.packing import Pods, first_without_place, without_place
from ml_platform.clusters.kuberay.gangs.proof import are_too_many
from ml_platform.clusters.kuberay.gangs.search import has_place
from ml_platform.clusters.kuberay.gangs.values import Alike, Nodes


def kind(name: str = "n", *, cpus: float = 12, count: int | None = 3, **more: Any) -> NodeKind:
    return NodeKind.model_validate(
        {"name": name, "cpus": cpus, "memory": "64Gi", "count": count, **more}
    )


def pods(name: str, count: int, cpus: float, **more: Any) -> Pods:
    apart = more.pop("apart", frozenset())
    need = Need(cpus=cpus, memory_bytes=more.pop("memory_bytes", 2**30), **more)
    return Pods(name=name, need=need, count=count, apart=apart)


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


def test_more_pods_than_can_be_searched_through_are_proven_to_have_no_place() -> None:
    # Each wants more than half of a node: by their sums 1,500 pods fit on 1,000 nodes.
    groups = [pods("a", 750, 8, memory_bytes=2**30), pods("b", 750, 8, memory_bytes=2**31)]
    assert left_over([kind(count=1499)], *groups) in ("a", "b")
    assert left_over([kind(count=1500)], *groups) == ""


def test_many_pods_that_fit_only_where_others_do_not() -> None:
    kinds = [kind("small", cpus=4, count=400), kind("large", cpus=12, count=100)]
    groups = [pods("thick", 150, 5), pods("thin", 700, 2, memory_bytes=2**31)]
    assert left_over(kinds, *groups) == ""
    assert left_over(kinds, pods("thick", 201, 5), pods("thin", 1, 2)) == "thick"


@pytest.mark.parametrize(("there", "left"), [(4, ""), (3, "a")])
def test_pods_that_keep_off_each_other_have_a_node_each(there: int, left: str) -> None:
    group = pods("a", 4, 1, apart=frozenset({"a"}))
    assert left_over([kind(count=there)], group) == left


@pytest.mark.parametrize(("there", "left"), [(600, ""), (599, "a")])
def test_so_do_many(there: int, left: str) -> None:
    apart = frozenset({"a", "b"})
    groups = [pods(name, 300, 1, apart=apart) for name in ("b", "a")]
    assert left_over([kind(count=there)], *groups) == left


def test_groups_that_keep_off_each_other_share_no_node() -> None:
    ours, theirs = frozenset({"b"}), frozenset({"a"})
    groups = [pods("a", 4, 1, apart=ours), pods("b", 4, 1, apart=theirs)]
    assert left_over([kind(count=1)], *groups) == "a"
    assert left_over([kind(count=2)], *groups) == ""


def test_pods_for_nodes_by_their_names_have_no_others() -> None:
    one = pods("a", 2, 8, hosts=frozenset({"n1"}))
    both = pods("a", 2, 8, hosts=frozenset({"n1", "n2"}))
    for count in (5, None):
        assert left_over([kind(count=count)], one) == "a"
        assert left_over([kind(count=count)], both) == ""


def test_pods_for_one_node_share_it() -> None:
    head = pods("head", 1, 8, hosts=frozenset({"n1"}))
    assert left_over([kind(count=None)], head, pods("a", 1, 8, hosts=frozenset({"n1"}))) != ""
    assert left_over([kind(count=None)], head, pods("a", 1, 4, hosts=frozenset({"n1"}))) == ""
    # Of a kind of which there is one node, that is it.
    assert left_over([kind(count=1)], head, pods("a", 1, 8)) != ""


def test_ten_thousand_pods_are_judged_within_two_seconds() -> None:
    kinds = [kind(f"k{n}", cpus=12 + n, memory=f"{48 + 8 * n}Gi", count=300) for n in range(5)]
    groups = [pods(f"g{n:02}", 500, 2 + n % 4, memory_bytes=(4 + n % 7) * 2**30) for n in range(20)]
    began = time.process_time()
    assert left_over(kinds, *groups) != ""
    assert time.process_time() - began < 2


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


ROOMS = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(math.inf), st.just(0.0))


@st.composite
def alike_and_nodes(draw: st.DrawFn) -> tuple[list[Alike], list[Nodes]]:
    """A few pods and nodes, of which it can be told by a search whether they fit."""
    nodes = [
        Nodes(name=name, room=draw(ROOMS), count=draw(st.integers(1, 3)))
        for name in draw(st.sampled_from(["k", "kl"]))
    ]
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    pairs = draw(st.sets(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=2))
    wanted = st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(0.0), st.just(0.0))
    alike = [
        Alike(
            name=name,
            wanted=draw(wanted),
            nodes=frozenset(draw(st.sets(st.sampled_from([n.name for n in nodes]), min_size=1))),
            count=draw(st.integers(1, 4)),
            apart=frozenset(
                {y for x, y in pairs if x == name} | {x for x, y in pairs if y == name}
            ),
        )
        for name in names
    ]
    return alike, nodes


@settings(max_examples=300)
@given(alike_and_nodes())
def test_what_is_proven_to_be_too_many_is_placed_by_no_search(
    case: tuple[list[Alike], list[Nodes]],
) -> None:
    alike, nodes = case
    if are_too_many(alike, nodes):
        assert has_place(alike, nodes) is False


@settings(max_examples=300)
@given(alike_and_nodes())
def test_what_is_placed_at_once_is_placed_by_a_search(
    case: tuple[list[Alike], list[Nodes]],
) -> None:
    alike, nodes = case
    if not first_without_place(alike, nodes):
        assert has_place(alike, nodes)
