"""A catalogue in which nodes are not what they are called is refused where it is configured."""

from typing import Any

import pytest

from ml_platform.clusters.kuberay.config import config_from
from ml_platform.errors import SettingsError

KIND = {"name": "cpu", "cpus": 8, "memory": "32Gi", "labels": {"pool": "cpu"}}


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([{"spot": True, "labels": {}}], "cpu is spot and has no `labels`"),
        (
            [{}, {"name": "cheap", "spot": True}],
            "cpu and cheap have the same `labels`, and only cheap is spot",
        ),
        (
            [{"labels": {"cloud.google.com/gke-spot": "true"}}],
            "cpu has the label cloud.google.com/gke-spot, by which spot nodes are marked",
        ),
        ([{}, {"cpus": 64}], "2 node kinds are called cpu"),
        ([{"labels": {"a b": "c"}}], "a key of the catalogue's cpu.labels is other text, wanted"),
        ([{"labels": {"a": "c d!"}}], "the catalogue's cpu.labels.a is other text, wanted at most"),
        (
            [{"gpu_resource": "GPU"}],
            "cpu.gpu_resource is other text, wanted the name",
        ),
        ([{"gpu_resource": "kubernetes.io/gpu"}], "cpu.gpu_resource is other text"),
        ([{"tolerations": [{"operator": "Exist"}]}], "cpu.tolerations[0].operator is 'Exist'"),
    ],
)
def test_a_catalogue_that_cannot_be(kinds: list[dict[str, Any]], said: str) -> None:
    values = {"namespace": "ray", "catalogue": {"nodes": [KIND | kind for kind in kinds]}}
    with pytest.raises(SettingsError) as raised:
        config_from(values, environment="ci", image="", where="clusters.yaml")
    assert said in raised.value.message
    assert raised.value.message.startswith("clusters.yaml: ")


@pytest.mark.parametrize(
    "kinds",
    [
        [{}, {"name": "cheap", "spot": True, "labels": {"pool": "cpu", "spot": "true"}}],
        [{"labels": {}}, {"name": "cheap", "spot": True}],
        [{"gpu": "a100", "gpus": 2, "gpu_resource": "nvidia.com/mig-1g.5gb"}],
        [{"labels": {"karpenter.sh/capacity-type": "on-demand"}}],
    ],
)
def test_a_catalogue_that_can(kinds: list[dict[str, Any]]) -> None:
    values = {"namespace": "ray", "catalogue": {"nodes": [KIND | kind for kind in kinds]}}
    config = config_from(values, environment="ci", image="", where="clusters.yaml")
    assert len(config.catalogue.nodes) == len(kinds)


def test_a_limit_that_cannot_be_is_named_where_it_is_configured() -> None:
    values = {"namespace": "ray", "limits": {"queue_s": float("inf")}}
    with pytest.raises(SettingsError, match=r"limits\.queue_s is inf, wanted at least 1"):
        config_from(values, environment="ci", image="", where="clusters.yaml")
