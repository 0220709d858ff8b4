"""On which nodes heads and workers are put."""

from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.manifests import ray_job
from tests.support.kuberay.pod_fields import PREFERRED, REQUIRED
from tests.unit.clusters.kuberay.clusters import (
    CONFIG,
    SPOT,
    WITH_NODES,
    cluster,
    container_of,
    head_of,
    pod_of,
    workers_of,
)


def _head_terms(config: KubeRayConfig, **head: Any) -> list[list[dict[str, Any]]]:
    """The expressions of each alternative that a head's affinity has."""
    pod = pod_of(head_of(ray_job("a", cluster(head=head), config)))
    terms = pod["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    return [term["matchExpressions"] for term in terms]


def test_the_only_kind_that_fits_is_chosen_by_its_labels() -> None:
    pod = pod_of(workers_of(ray_job("a", cluster(workers={"gpus": 1, "gpu": "a100"}), WITH_NODES)))
    assert pod["nodeSelector"] == {"pool": "a100"}
    assert [each["key"] for each in pod["tolerations"]] == ["nvidia.com/gpu"]


def test_any_of_several_kinds_will_do_with_what_the_user_wants_too() -> None:
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]}
    theirs = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}}}
    workers = {"spot": True, "pod": {"affinity": theirs}}
    pod = pod_of(workers_of(ray_job("a", cluster(workers=workers), WITH_NODES)))
    pool = {"key": "pool", "operator": "In", "values": ["cpu"]}
    spot = {"key": "spot", "operator": "In", "values": ["true"]}
    affinity = pod["affinity"]["nodeAffinity"]
    assert affinity[REQUIRED]["nodeSelectorTerms"] == [
        {"matchExpressions": [pool, zone]},
        {"matchExpressions": [pool, spot, zone]},
    ]
    assert affinity[PREFERRED] == [
        {"weight": 100, "preference": {"matchExpressions": [pool, spot]}}
    ]
    assert [each["key"] for each in pod["tolerations"]] == ["spot"]


def test_a_head_stays_off_spot_nodes_that_differ_by_one_label_more() -> None:
    pod = pod_of(head_of(ray_job("a", cluster(workers={"spot": True}), WITH_NODES)))
    (term,) = pod["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    assert {"key": "spot", "operator": "NotIn", "values": ["true"]} in term["matchExpressions"]
    assert "tolerations" not in pod


def test_without_a_catalogue_kubernetes_chooses_the_nodes_of_workers() -> None:
    pod = pod_of(workers_of(ray_job("a", cluster(), CONFIG)))
    assert pod.keys().isdisjoint({"nodeSelector", "affinity", "tolerations"})


UNLABELLED = NodeKind(name="any", cpus=15.5, memory="60Gi")


@pytest.mark.parametrize("nodes", [(), (UNLABELLED,)], ids=["no catalogue", "no labels"])
def test_a_head_stays_off_what_clouds_mark_as_spot_where_no_label_chooses_its_nodes(
    nodes: tuple[NodeKind, ...],
) -> None:
    mine = {"key": "disk", "operator": "Exists"}
    theirs = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [mine]}]}}}
    config = replace(CONFIG, catalogue=Catalogue(nodes=nodes))
    (term,) = _head_terms(config, pod={"affinity": theirs})
    assert {each["key"]: each["values"] for each in term[:-1]} == {
        "cloud.google.com/gke-spot": ["true"],
        "cloud.google.com/gke-preemptible": ["true"],
        "eks.amazonaws.com/capacityType": ["SPOT"],
        "karpenter.sh/capacity-type": ["spot"],
        "kubernetes.azure.com/scalesetpriority": ["spot"],
    }
    # So matches a node without the label.
    assert {each["operator"] for each in term[:-1]} == {"NotIn"}
    assert term[-1] == mine


def test_a_head_stays_off_every_kind_of_spot_node_that_its_labels_do_not_tell_apart() -> None:
    spot = [SPOT.model_copy(update={"name": pool, "labels": {"pool": pool}}) for pool in ("a", "b")]
    config = replace(CONFIG, catalogue=Catalogue(nodes=(UNLABELLED, *spot)))
    assert _head_terms(config) == [[{"key": "pool", "operator": "NotIn", "values": ["a", "b"]}]]


def test_a_label_of_another_key_does_not_keep_a_head_off_spot_nodes() -> None:
    kind = UNLABELLED.model_copy(update={"labels": {"zone": "b"}})
    spot = SPOT.model_copy(update={"labels": {"spot": "true"}})
    config = replace(CONFIG, catalogue=Catalogue(nodes=(kind, spot)))
    (term,) = _head_terms(config)
    assert {"key": "spot", "operator": "NotIn", "values": ["true"]} in term


def test_the_kind_is_chosen_that_the_users_own_affinity_lets_in() -> None:
    mine = {"key": "pool", "operator": "In", "values": ["mi300"]}
    theirs = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [mine]}]}}}
    workers = {"gpus": 1, "pod": {"affinity": theirs}}
    group = workers_of(ray_job("a", cluster(workers=workers), WITH_NODES))
    assert pod_of(group)["nodeSelector"] == {"pool": "mi300"}
    assert container_of(group)["resources"]["limits"]["amd.com/gpu"] == "1"


def test_gpus_of_any_kind_are_those_of_which_most_workers_find_room() -> None:
    # Of a100 there are two nodes of eight, of mi300 any number.
    group = workers_of(ray_job("a", cluster(workers={"gpus": 8, "count": 3}), WITH_NODES))
    assert container_of(group)["resources"]["limits"]["amd.com/gpu"] == "8"
