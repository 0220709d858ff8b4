"""What no node of the catalogue can hold is refused before anything is made."""

from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.checks.valid import mistakes
from ml_platform.clusters.kuberay.config import KubeRayConfig
from tests.support.kuberay.pod_fields import PREFERRED, REQUIRED, node_named
from tests.unit.clusters.kuberay.clusters import A100, CONFIG, CPU, SPOT, WITH_NODES, cluster


def _only(config: KubeRayConfig = CONFIG, name: str = "a", **spec: Any) -> str:
    (mistake,) = mistakes(name, cluster(**spec), config)
    return mistake


def _nodes(*kinds: NodeKind) -> KubeRayConfig:
    return replace(CONFIG, catalogue=Catalogue(nodes=kinds))


def _affinity(*alternatives: tuple[str, str, list[str]]) -> dict[str, Any]:
    terms = [
        {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
        for key, operator, values in alternatives
    ]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}


def test_a_kind_of_gpu_that_there_is_not() -> None:
    assert _only(WITH_NODES, workers={"gpu": "a10", "gpus": 1}) == (
        "workers.gpu is a10, which there is not, did you mean a100? there are a100, mi300"
    )


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"cpus": 64}, "nearest is cpu-16: 64 CPUs wanted, it has 15.5"),
        ({"memory": "2Ti"}, "2048Gi of memory wanted, it has 60Gi"),
        ({"cpus": 20, "memory": "100Gi"}, "20 CPUs wanted, it has 15.5, 100Gi of memory wanted"),
        ({"disk": "2Ti", "cpus": 2}, "nearest is cpu-16: 2048Gi of disk wanted, it has 100Gi"),
        ({"pod": {"nodeSelector": {"pool": "mine"}}}, "nodeSelector wants pool=mine, it has pool="),
    ],
)
def test_a_worker_that_no_node_holds_is_told_by_how_much(
    workers: dict[str, Any], said: str
) -> None:
    assert said in _only(_nodes(CPU), workers=workers)


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (
            {"nodeSelector": {"cloud.gogle.com/pool": "cpu"}},
            "nodeSelector wants cloud.gogle.com/pool=cpu, it has no label cloud.gogle.com/pool",
        ),
        ({"nodeSelector": {"pol": "cpu"}}, "it has no label pol, did you mean pool?"),
        (
            {"affinity": _affinity(("pool", "In", ["big"]))},
            "affinity wants pool=big, it has pool=cpu",
        ),
        (
            {"affinity": _affinity(("pool", "In", ["big"]), ("gpu", "Exists", []))},
            "affinity wants pool=big, it has pool=cpu",
        ),
        ({"affinity": _affinity(("pool", "NotIn", ["cpu"]))}, "affinity wants pool NotIn cpu, it"),
        ({"affinity": _affinity(("pool", "DoesNotExist", []))}, "affinity wants pool DoesNotExist"),
        (
            {"affinity": _affinity(("cores", "Gt", ["8"]))},
            "wants cores Gt 8, it has no label",
        ),
    ],
)
def test_a_worker_whose_own_fields_let_it_onto_no_node(pod: dict[str, Any], said: str) -> None:
    assert said in _only(_nodes(CPU), workers={"pod": pod})


@pytest.mark.parametrize(
    "pod",
    [
        {"nodeSelector": {"pool": "cpu", "topology.kubernetes.io/zone": "b"}},
        {"affinity": _affinity(("pool", "In", ["big"]), ("pool", "In", ["cpu", "small"]))},
        {"affinity": _affinity(("pool", "Exists", []))},
        {"affinity": _affinity(("cloud.google.com/gke-spot", "NotIn", ["true"]))},
        {"affinity": _affinity(("kubernetes.io/arch", "In", ["amd64"]))},
        {"affinity": {"nodeAffinity": {PREFERRED: []}}},
    ],
)
def test_a_worker_whose_own_fields_a_node_may_have(pod: dict[str, Any]) -> None:
    assert mistakes("a", cluster(workers={"pod": pod}), _nodes(CPU)) == []


def test_a_number_in_a_label_is_compared_as_a_number() -> None:
    kind = CPU.model_copy(update={"labels": {"cores": "16"}})
    pods = [{"affinity": _affinity(("cores", "Gt", [bound]))} for bound in ("9", "16")]
    found = [mistakes("a", cluster(workers={"pod": pod}), _nodes(kind)) for pod in pods]
    assert [len(one) for one in found] == [0, 1]


def test_an_affinity_that_contradicts_the_labels_of_the_only_kind_left() -> None:
    head = {"pod": {"affinity": _affinity(("spot", "In", ["true"]))}}
    said = _only(_nodes(CPU, SPOT), head=head)
    assert said.startswith("the head fits no kind of node")


@pytest.mark.parametrize(
    "pod",
    [
        {"nodeSelector": {"cloud.google.com/gke-spot": "true"}},
        {"affinity": _affinity(("karpenter.sh/capacity-type", "In", ["spot"]))},
        {"affinity": _affinity(("cloud.google.com/gke-spot", "Exists", []))},
        {"affinity": _affinity(("cloud.google.com/gke-preemptible", "In", ["true", "false"]))},
        {
            "affinity": _affinity(
                ("cloud.google.com/gke-spot", "Exists", []),
                ("eks.amazonaws.com/capacityType", "In", ["SPOT"]),
            )
        },
    ],
)
def test_a_head_that_is_put_on_spot_nodes_without_a_catalogue(pod: dict[str, Any]) -> None:
    assert "the head's own fields want" in _only(head={"pod": pod})
    assert mistakes("a", cluster(workers={"pod": pod}), CONFIG) == []


@pytest.mark.parametrize(
    "pod",
    [
        {"affinity": _affinity(("karpenter.sh/capacity-type", "Exists", []))},
        {"affinity": _affinity(("karpenter.sh/capacity-type", "In", ["spot", "on-demand"]))},
        # Karpenter writes it onto other nodes of Azure too, as `regular`.
        {"affinity": _affinity(("kubernetes.azure.com/scalesetpriority", "Exists", []))},
        {"affinity": _affinity(("cloud.google.com/gke-spot", "DoesNotExist", []))},
        {
            "affinity": _affinity(
                ("cloud.google.com/gke-spot", "Exists", []), ("disk", "Exists", [])
            )
        },
    ],
)
def test_a_head_that_other_nodes_take_too(pod: dict[str, Any]) -> None:
    assert mistakes("a", cluster(head={"pod": pod}), CONFIG) == []


def test_workers_with_any_gpu_fit_the_kind_of_which_there_are_enough() -> None:
    few = _counted(A100, 2)
    many = few.model_copy(
        update={"name": "mi300-8", "gpu": "mi300", "gpu_resource": "amd.com/gpu", "count": 5}
    )
    workers = {"gpus": 8, "count": 3}
    assert mistakes("a", cluster(workers=workers), _nodes(few, many, CPU)) == []
    assert "at most 5 fit on 5 × mi300-8" in _only(
        _nodes(few, many, CPU), workers={"gpus": 8, "count": 6}
    )


def test_a_worker_with_more_gpus_than_a_node_has_is_told_of_the_nodes_with_its_kind() -> None:
    said = _only(WITH_NODES, workers={"gpus": 16, "gpu": "a100"})
    assert said.endswith("nearest is a100-8: 16 GPUs wanted, it has 8")


def test_a_worker_that_fits_spot_nodes_only_is_told_of_the_field() -> None:
    head = {"pod": {"nodeSelector": {"pool": "big"}}}
    small = NodeKind(name="small", cpus=4, memory="16Gi", labels={"pool": "big"})
    said = _only(_nodes(small, SPOT), head=head, workers={"cpus": 12})
    assert said.startswith(
        "a worker of workers fits no kind of node; nearest is cpu-16-spot: it is"
    )
    assert said.endswith("write `spot: true`")


def test_a_head_that_fits_spot_nodes_only() -> None:
    said = _only(_nodes(SPOT), workers={"spot": True})
    assert said.startswith("the head fits no kind of node; nearest is cpu-16-spot: it is spot")


def test_a_gang_larger_than_all_nodes_together_beside_the_head() -> None:
    four = _counted(CPU, 4)
    assert mistakes("a", cluster(workers={"cpus": 15, "count": 3}), _nodes(four)) == []
    assert _only(_nodes(four), workers={"cpus": 15, "count": 4}) == (
        "workers has 4 workers, beside the head at most 3 fit on 4 × cpu-16; "
        "make them fewer or smaller"
    )


def test_a_head_on_another_kind_of_node_takes_no_workers_place() -> None:
    config = _nodes(CPU, _counted(A100, 2))
    spec = {"workers": {"gpus": 8, "gpu": "a100", "cpus": 90, "count": 2}}
    assert mistakes("a", cluster(**spec), config) == []


def test_groups_that_fit_alone_but_not_at_once() -> None:
    workers = [{"name": name, "cpus": 15, "count": 2} for name in ("first", "second")]
    said = _only(_nodes(_counted(CPU, 3)), workers=workers)
    assert "do not fit at once on the nodes of the catalogue: 61 CPUs wanted, 46.5 there" in said


def test_groups_that_fit_by_their_sum_but_not_on_whole_nodes() -> None:
    nodes = _nodes(NodeKind(name="c12", cpus=12, memory="64Gi", count=3))
    workers = [{"name": name, "cpus": 8, "count": 2} for name in ("first", "second")]
    said = _only(nodes, workers=workers)
    assert "by their sums they would, but a worker of" in said
    assert mistakes("a", cluster(workers=workers[:1]), nodes) == []


def test_disks_that_fit_alone_but_not_at_once() -> None:
    workers = [{"name": name, "disk": "90Gi", "count": 2} for name in ("first", "second")]
    said = _only(_nodes(_counted(CPU, 3)), workers=workers)
    assert "360 GiB of disk wanted, 300 there" in said


def test_a_kind_of_node_of_which_there_is_none() -> None:
    assert _only(_nodes(_counted(CPU, 0))) == (
        "the head fits on 0 × cpu-16, of which there are none (count: 0)"
    )


def test_a_part_of_its_cpus_is_what_a_pod_takes_of_a_node() -> None:
    config = replace(_nodes(CPU), cpu_request_share=0.5)
    assert mistakes("a", cluster(workers={"cpus": 30}), config) == []


def _counted(kind: NodeKind, count: int) -> NodeKind:
    return kind.model_copy(update={"count": count})


def test_the_most_workers_are_to_fit_and_not_only_the_fewest() -> None:
    nodes = _nodes(replace_count(CPU, 3))
    said = _only(nodes, workers={"min": 1, "max": 9, "cpus": 15})
    assert "workers has up to 9 workers, beside the head at most 2 fit on 3 × cpu-16" in said


def test_the_autoscaler_is_a_part_of_the_head() -> None:
    head = {"cpus": 15, "memory": "59Gi"}
    assert mistakes("a", cluster(head=head), _nodes(CPU)) == []
    grown = cluster(head=head, workers={"min": 1, "max": 4})
    assert mistakes("a", grown, _nodes(CPU)) == []
    head = {"cpus": 15, "memory": "60Gi"}
    said = _only(_nodes(CPU), head=head, workers={"min": 1, "max": 4})
    assert "the head fits no kind of node" in said
    assert "61Gi of memory wanted" in said


HOSTNAME = "kubernetes.io/hostname"


def _off(*, key: str = HOSTNAME, **selector: Any) -> dict[str, Any]:
    """Fields of pods with a label, which keep off nodes that have pods so selected."""
    term = {"topologyKey": key, **({"labelSelector": selector} if selector else {})}
    return {"labels": {"team": "a"}, "affinity": {"podAntiAffinity": {REQUIRED: [term]}}}


def _of(key: str, *values: str, operator: str = "In") -> dict[str, Any]:
    expression = {"key": key, "operator": operator, **({"values": [*values]} if values else {})}
    return {"matchExpressions": [expression]}


@pytest.mark.parametrize(
    "pod",
    [
        _off(matchLabels={"team": "a"}),
        _off(**_of("team", "a", "b")),
        _off(**_of("team", operator="Exists")),
        _off(**_of("team", "b", operator="NotIn")),
        _off(matchLabels={"ray.io/group": "workers"}),
        _off(matchLabels={"ray.io/node-type": "worker", "ml-platform/environment": "ci"}),
        _off(**_of("ray.io/cluster", operator="Exists")),
    ],
)
def test_workers_that_keep_off_each_other_have_a_node_each(pod: dict[str, Any]) -> None:
    nodes = _nodes(_counted(CPU, 4))
    assert mistakes("a", cluster(workers={"count": 3, "pod": pod}), nodes) == []
    assert _only(nodes, workers={"count": 5, "pod": pod}) == (
        "workers has 5 workers, beside the head at most 4 fit on 4 × cpu-16, each on one for "
        "itself as its anti-affinity wants; make them fewer or smaller"
    )


@pytest.mark.parametrize(
    "pod",
    [
        _off(),
        _off(matchLabels={"team": "b"}),
        _off(**_of("team", "a", operator="NotIn")),
        _off(matchLabels={"ray.io/cluster": "another"}),
        _off(key="topology.kubernetes.io/zone", matchLabels={"team": "a"}),
    ],
)
def test_workers_that_keep_off_others_share_nodes(pod: dict[str, Any]) -> None:
    nodes = _nodes(_counted(CPU, 2))  # the head is of another team, and has one for itself
    assert mistakes("a", cluster(workers={"count": 5, "pod": pod}), nodes) == []


@pytest.mark.parametrize(
    ("changes", "at_most_one_each"),
    [
        ({"namespaces": ["training"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, False),
        ({"matchLabelKeys": ["team"]}, True),
        ({"mismatchLabelKeys": ["team"]}, False),
        ({"mismatchLabelKeys": ["other"]}, True),
    ],
)
def test_whom_an_anti_affinity_means(changes: dict[str, Any], at_most_one_each: bool) -> None:
    pod = _off(**_of("ray.io/group", operator="Exists"))
    pod["affinity"]["podAntiAffinity"][REQUIRED][0] |= changes
    found = mistakes("a", cluster(workers={"count": 5, "pod": pod}), _nodes(_counted(CPU, 2)))
    assert bool(found) is at_most_one_each


def test_workers_that_keep_off_every_node_of_ray_leave_one_to_the_head() -> None:
    pod = _off(matchLabels={"ray.io/is-ray-node": "yes"})
    nodes = _nodes(_counted(CPU, 4))
    assert mistakes("a", cluster(workers={"count": 3, "pod": pod}), nodes) == []
    said = _only(nodes, workers={"count": 4, "pod": pod})
    assert "finds no node with enough left that it may be put on" in said


def test_where_nodes_are_not_counted_each_worker_finds_one() -> None:
    pod = _off(matchLabels={"team": "a"})
    assert mistakes("a", cluster(workers={"count": 90, "pod": pod}), _nodes(CPU)) == []


def _named(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [*terms]}}}}


@pytest.mark.parametrize(
    ("pod", "most", "named"),
    [
        ({"nodeSelector": {HOSTNAME: "n1"}}, 3, "n1"),
        (_named(_of(HOSTNAME, "n1", "n2")), 6, "n1, n2"),
        (_named(_of(HOSTNAME, "n1"), _of(HOSTNAME, "n2")), 6, "n1, n2"),
        (_named(node_named("n1"), node_named("n1")), 3, "n1"),
    ],
)
@pytest.mark.parametrize("count", [None, 9])
def test_workers_for_nodes_by_their_names_have_no_others(
    pod: dict[str, Any], most: int, named: str, count: int | None
) -> None:
    nodes = _nodes(CPU.model_copy(update={"count": count}))
    worker = {"cpus": 5, "pod": pod}
    assert mistakes("a", cluster(workers={**worker, "count": most}), nodes) == []
    said = _only(nodes, workers={**worker, "count": most + 1})
    assert f"at most {most} fit on" in said
    assert f"only {named} of them" in said


@pytest.mark.parametrize(
    "pod",
    [
        _named(_of(HOSTNAME, "n1", operator="NotIn")),
        _named(_of(HOSTNAME, "n1"), _of("pool", "cpu")),
        _named(_of(HOSTNAME, operator="Exists")),
    ],
)
def test_workers_that_no_name_holds_have_all_nodes(pod: dict[str, Any]) -> None:
    assert mistakes("a", cluster(workers={"cpus": 15, "count": 9, "pod": pod}), _nodes(CPU)) == []


def test_head_and_workers_for_the_same_node_share_it() -> None:
    pod = {"nodeSelector": {HOSTNAME: "n1"}}
    said = _only(_nodes(CPU), head={"cpus": 10, "pod": pod}, workers={"cpus": 10, "pod": pod})
    assert "do not fit at once" in said


def replace_count(kind: NodeKind, count: int) -> NodeKind:
    """The same kind of node, of which there are only so many."""
    return kind.model_copy(update={"count": count})
