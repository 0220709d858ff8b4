from typing import Any

import pytest

from tests.support.kuberay.api import Object
from tests.support.kuberay.cluster_validation import validate_cluster
from tests.support.kuberay.job_validation import validate_job
from tests.unit.kuberay.things import cluster, container, group, job

TOKEN: dict[str, Any] = {"authOptions": {"mode": "token"}}


def asking_for(device: str) -> Object:
    """A group whose container has one of these."""
    asking = container(resources={"limits": {device: "1"}})
    return group(template={"spec": {"containers": [asking]}})


def test_a_good_cluster_is_valid() -> None:
    assert validate_cluster(cluster()) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n" * 54, "RayCluster name should be no more than 53 characters"),
        ("1digit", "RayCluster name should be a valid DNS1035 label"),
    ],
)
def test_a_bad_name_is_found_before_anything_else(name: str, words: str) -> None:
    wrong = validate_cluster(cluster(name, workerGroupSpecs=[group(minReplicas=9)]))
    assert wrong is not None
    assert wrong.reason == "InvalidRayClusterMetadata"
    assert words in wrong.message


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"headGroupSpec": {"template": {"spec": {"containers": []}}}},
            "headGroupSpec should have at least one container",
        ),
        (
            {"workerGroupSpecs": [group(minReplicas=3, maxReplicas=1)]},
            "worker group w has minReplicas 3 greater than maxReplicas 1",
        ),
        (
            {"workerGroupSpecs": [group(minReplicas=-1)]},
            "minReplicas of worker group w is -1, below 0",
        ),
        (
            {"workerGroupSpecs": [group(rayStartParams={"num-cpus": "1"}, resources={"CPU": "1"})]},
            "resource fields should not be set in both rayStartParams and Resources for w group",
        ),
        (
            {"workerGroupSpecs": [group(rayStartParams={"labels": "a=b"})]},
            "labels of group w stand in its rayStartParams",
        ),
        (
            {"workerGroupSpecs": [group(labels={"a b": "c"})]},
            "group w has a label with a bad key: a b",
        ),
        ({**TOKEN, "rayVersion": ""}, "RayVersion was not specified"),
        ({**TOKEN, "rayVersion": "2.51.0"}, "RayVersion is 2.51.0, older than 2.52.0"),
        ({**TOKEN, "rayVersion": "nightly"}, "RayVersion is no version: nightly"),
        (
            {
                "headGroupSpec": {
                    "template": {
                        "spec": {"containers": [container(env=[{"name": "RAY_REDIS_ADDRESS"}])]}
                    }
                }
            },
            "RAY_REDIS_ADDRESS needs gcsFaultToleranceOptions",
        ),
    ],
)
def test_a_broken_rule_is_told(spec: dict[str, Any], words: str) -> None:
    wrong = validate_cluster(cluster(**spec))
    assert wrong is not None
    assert wrong.reason == "InvalidRayClusterSpec"
    assert wrong.message.startswith("The RayCluster spec is invalid ns/rc1: ")
    assert words in wrong.message


@pytest.mark.parametrize(
    "spec",
    [
        {"enableInTreeAutoscaling": True},
        {"gcsFaultToleranceOptions": {"redisAddress": "r:1"}},
        {"workerGroupSpecs": [group(numOfHosts=2)]},
        {"workerGroupSpecs": [group(scaleStrategy={"workersToDelete": ["p"]})]},
        {"upgradeStrategy": {"type": "Recreate"}},
        {"workerGroupSpecs": [asking_for("nvidia.com/mig-1g.5gb")]},
        {"workerGroupSpecs": [asking_for("google.com/tpu")]},
        {"headGroupSpec": asking_for("aws.amazon.com/neuroncore")},
    ],
)
def test_what_is_not_covered_is_refused_in_the_name_of_the_double(spec: dict[str, Any]) -> None:
    wrong = validate_cluster(cluster(**spec))
    assert wrong is not None
    assert "this is the double of KubeRay's operator, which does not cover" in wrong.message


def test_a_good_job_is_valid() -> None:
    assert validate_job(job(ttlSecondsAfterFinished=5, activeDeadlineSeconds=60)) is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"suspend": True, "shutdownAfterJobFinishes": False},
            "a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended",
        ),
        (
            {"ttlSecondsAfterFinished": 5, "shutdownAfterJobFinishes": False},
            "shutdownAfterJobFinishes set to false cannot have TTLSecondsAfterFinished",
        ),
        ({"ttlSecondsAfterFinished": -1}, "ttlSecondsAfterFinished is -1, below 0"),
        ({"rayClusterSpec": None}, "one of RayClusterSpec or ClusterSelector must be set"),
        ({"backoffLimit": 1}, "no retries (backoffLimit) in InteractiveMode"),
        ({"backoffLimit": -1}, "backoffLimit must be a positive integer"),
        ({"activeDeadlineSeconds": 0}, "activeDeadlineSeconds must be a positive integer"),
        ({"preRunningDeadlineSeconds": 0}, "preRunningDeadlineSeconds must be a positive integer"),
        ({"runtimeEnvYAML": "a: [b"}, "failed to unmarshal RuntimeEnvYAML: a: [b: "),
        ({"rayClusterSpec": cluster(rayVersion="", **TOKEN)["spec"]}, "RayVersion was not"),
    ],
)
def test_a_broken_rule_of_a_job_is_told(spec: dict[str, Any], words: str) -> None:
    wrong = validate_job(job(**spec))
    assert wrong is not None
    assert wrong.reason == "InvalidRayJobSpec"
    assert words in wrong.message


@pytest.mark.parametrize("mode", [None, "K8sJobMode", "HTTPMode", "SidecarMode"])
def test_other_submission_modes_are_refused_in_the_name_of_the_double(mode: str | None) -> None:
    wrong = validate_job(job(submissionMode=mode))
    assert wrong is not None
    assert "only InteractiveMode" in wrong.message


def test_a_job_name_leaves_room_for_its_clusters_suffix() -> None:
    assert validate_job(job("m" * 47)) is None
    wrong = validate_job(job("m" * 48))
    assert wrong is not None
    assert wrong.reason == "InvalidRayJobMetadata"
    assert "no more than 47 characters" in wrong.message
