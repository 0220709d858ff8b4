import copy
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.checks.valid import mistakes
from ml_platform.clusters.kuberay.checks.words import is_dns_1035, is_label_key, is_label_value
from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.environment import environment
from ml_platform.clusters.kuberay.manifests import manifest_yaml, ray_job
from ml_platform.clusters.spec import RAY_VERSION, ClusterSpec
from tests.support.kuberay.quantities import amount
from tests.unit.clusters.kuberay.clusters import (
    CONFIG,
    NAMES,
    WITH_NODES,
    cluster,
    container_of,
    head_of,
    pod_of,
    specs,
    workers_of,
)


@given(name=NAMES, spec=specs())
def test_every_valid_cluster_has_valid_names_labels_and_quantities(
    name: str, spec: ClusterSpec
) -> None:
    assert mistakes(name, spec, WITH_NODES) == []
    manifest = ray_job(name, spec, WITH_NODES, holder="somebody, at 12:00")
    ray = manifest["spec"]["rayClusterSpec"]
    groups = [ray["headGroupSpec"], *ray["workerGroupSpecs"]]
    for metadata in (manifest["metadata"], *(group["template"]["metadata"] for group in groups)):
        assert all(map(is_label_key, [*metadata["labels"], *metadata.get("annotations", {})]))
        assert all(map(is_label_value, metadata["labels"].values()))
    assert all(is_dns_1035(group["groupName"]) for group in ray["workerGroupSpecs"])
    for group in groups:
        for container in [*pod_of(group)["containers"], *pod_of(group).get("initContainers", [])]:
            bounds = container["resources"]
            assert all(amount(value) > 0 for bound in bounds.values() for value in bound.values())
            assert bounds["requests"]["memory"] == bounds["limits"]["memory"]
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        volumes = [volume["name"] for volume in pod_of(group)["volumes"]]
        mounted = [mount["name"] for mount in container_of(group)["volumeMounts"]]
        assert sorted(volumes) == sorted(set(mounted))


@given(name=NAMES, spec=specs())
def test_equal_arguments_give_equal_manifests_and_are_left_alone(
    name: str, spec: ClusterSpec
) -> None:
    before = copy.deepcopy((spec, WITH_NODES))
    first = json.dumps(ray_job(name, spec, WITH_NODES))
    again = ClusterSpec.model_validate_json(spec.model_dump_json())
    assert json.dumps(ray_job(name, again, WITH_NODES)) == first
    assert (spec, WITH_NODES) == before


def test_kuberay_guards_and_cleans_up_and_submits_nothing() -> None:
    limits = Limits(unsubmitted_s=1300, running_s=7200, gone_s=20)
    spec = ray_job("a", cluster(), replace(CONFIG, limits=limits))["spec"]
    del spec["rayClusterSpec"]
    assert spec == {
        "submissionMode": "InteractiveMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 20,
        "preRunningDeadlineSeconds": 1300,
        "activeDeadlineSeconds": 7200,
    }


def test_a_training_that_may_run_for_longer_is_not_ended_by_kuberay() -> None:
    work_s = 10 * 24 * 3600
    assert ray_job("a", cluster(), CONFIG, work_s=work_s)["spec"]["activeDeadlineSeconds"] > work_s


def test_a_cluster_says_whose_it_is_and_what_it_was_made_from() -> None:
    spec = cluster(workers={"count": 3})
    config = replace(CONFIG, environment="ci/somebody's branch")
    more = {labels.OWNER: "somebody", labels.SPEC_HASH: "forged"}
    metadata = ray_job("a", spec, config, holder="run 7", annotations=more)["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "ml-platform",
        "ml-platform/environment": labels.label_value("ci/somebody's branch"),
        "ml-platform/cluster": "a",
    }
    assert ClusterSpec.model_validate_json(metadata["annotations"].pop(labels.SPEC)) == spec
    assert metadata["annotations"] == {
        labels.OWNER: "somebody",
        labels.SPEC_HASH: spec.spec_hash(),
        labels.HOLDER: "run 7",
    }


def test_every_pod_is_found_by_our_labels() -> None:
    manifest = ray_job("a", cluster(), CONFIG)
    for group in (head_of(manifest), workers_of(manifest)):
        assert group["template"]["metadata"]["labels"] == manifest["metadata"]["labels"]


def test_only_a_queued_cluster_begins_suspended() -> None:
    queued = ray_job("a", cluster(queue="team"), CONFIG)
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"][labels.QUEUE] == "team"
    assert "suspend" not in ray_job("a", cluster(), CONFIG)["spec"]


def test_ray_counts_what_the_container_has_and_nothing_trains_on_the_head() -> None:
    workers = {"count": 4, "cpus": 8, "memory": "32Gi", "gpus": 2, "gpu": "a100", "disk": "50Gi"}
    manifest = ray_job("a", cluster(workers=workers, head={"memory": "2Gi"}), WITH_NODES)
    assert head_of(manifest)["rayStartParams"] == {
        "dashboard-host": "0.0.0.0",
        "num-cpus": "0",
        "num-gpus": "0",
        "memory": str(2 * 2**30),
    }
    group = workers_of(manifest)
    assert group["rayStartParams"] == {
        "num-cpus": "8",
        "num-gpus": "2",
        "memory": str(32 * 2**30),
    }
    assert [group[f"{which}eplicas"] for which in ("r", "minR", "maxR")] == [4, 4, 4]
    bounded = {"memory": "32Gi", "ephemeral-storage": "50Gi", "nvidia.com/gpu": "2"}
    assert container_of(group)["resources"] == {
        "requests": {"cpu": "8000m", **bounded},
        "limits": bounded,
    }


def test_gpus_go_by_the_name_that_the_catalogue_has_for_them() -> None:
    workers = {"gpus": 4, "gpu": "mi300"}
    limits = container_of(workers_of(ray_job("a", cluster(workers=workers), WITH_NODES)))[
        "resources"
    ]
    assert limits["limits"]["amd.com/gpu"] == "4"


def test_a_small_cluster_requests_a_part_of_its_cpus() -> None:
    config = replace(CONFIG, cpu_request_share=0.1)
    group = workers_of(ray_job("a", cluster(workers={"cpus": 2}), config))
    assert container_of(group)["resources"]["requests"]["cpu"] == "200m"
    assert group["rayStartParams"]["num-cpus"] == "2"


def test_pods_may_do_as_little_as_a_restricted_namespace_wants() -> None:
    manifest = ray_job("a", cluster(), replace(CONFIG, service_account="trainer"))
    for pod in map(pod_of, (head_of(manifest), workers_of(manifest))):
        assert pod["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == "trainer"
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


def test_health_is_asked_for_over_http_at_once_and_each_second() -> None:
    manifest = ray_job("a", cluster(), CONFIG)
    for container in map(container_of, (head_of(manifest), workers_of(manifest))):
        probes = [container[f"{which}Probe"] for which in ("startup", "readiness", "liveness")]
        asked = {"path": "/api/healthz", "port": 52365}
        assert [probe["httpGet"] for probe in probes] == [asked] * 3
        assert [probe.get("initialDelaySeconds", 0) for probe in probes] == [0, 0, 0]
        assert [probe["periodSeconds"] for probe in probes] == [1, 1, 10]
        # It starts for longer than our own clock allows, and dies of ten silent minutes only.
        assert probes[0]["failureThreshold"] > CONFIG.limits.start_s
        assert probes[2]["failureThreshold"] * probes[2]["periodSeconds"] == 600


def test_shared_memory_is_as_large_as_rays_object_store() -> None:
    group = workers_of(ray_job("a", cluster(workers={"memory": "10Gi"}), CONFIG))
    assert pod_of(group)["volumes"] == [
        {"name": "shared-mem", "emptyDir": {"medium": "Memory", "sizeLimit": str(3 * 2**30)}}
    ]
    assert container_of(group)["volumeMounts"] == [{"name": "shared-mem", "mountPath": "/dev/shm"}]


def test_shared_memory_of_ones_own_is_used() -> None:
    pod = {
        "volumes": [{"name": "mine", "emptyDir": {"medium": "Memory"}}],
        "volumeMounts": [{"name": "mine", "mountPath": "/dev/shm"}],
    }
    group = workers_of(ray_job("a", cluster(workers={"pod": pod}), CONFIG))
    assert pod_of(group)["volumes"] == pod["volumes"]
    assert container_of(group)["volumeMounts"] == pod["volumeMounts"]


def test_variables_come_from_the_configuration_the_group_and_secrets() -> None:
    config = replace(CONFIG, env={"A": "1", "B": "1"}, env_from_secrets=("wandb",))
    pod = {"env": [{"name": "B", "value": "2"}]}
    container = container_of(workers_of(ray_job("a", cluster(workers={"pod": pod}), config)))
    ours = environment(config.limits)
    assert {one["name"]: one["value"] for one in container["env"]} == ours | {"A": "1", "B": "2"}
    assert container["envFrom"] == [{"secretRef": {"name": "wandb"}}]


def test_a_variable_of_ours_can_be_said_otherwise() -> None:
    config = replace(CONFIG, env={"RAY_DEDUP_LOGS": "1"})
    container = container_of(workers_of(ray_job("a", cluster(), config)))
    assert {"name": "RAY_DEDUP_LOGS", "value": "1"} in container["env"]


def test_workers_that_come_back_are_waited_for_as_long_as_a_start_may_take() -> None:
    config = replace(CONFIG, limits=replace(CONFIG.limits, start_s=900))
    container = container_of(workers_of(ray_job("a", cluster(), config)))
    waits = {"name": "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "value": "900"}
    assert waits in container["env"]


def test_fields_of_a_group_are_added_to_those_of_the_configuration() -> None:
    config = replace(
        CONFIG,
        image_pull_secrets=("registry",),
        image_pull_policy="Always",
        pod={"labels": {"team": "all"}, "tolerations": [{"key": "x"}], "schedulerName": "volcano"},
    )
    pod = {"labels": {"team": "one"}, "tolerations": [{"key": "y"}], "imagePullSecrets": []}
    group = workers_of(ray_job("a", cluster(workers={"pod": pod}, priority="low"), config))
    assert group["template"]["metadata"]["labels"]["team"] == "one"
    assert pod_of(group)["tolerations"] == [{"key": "x"}, {"key": "y"}]
    assert pod_of(group)["schedulerName"] == "volcano"
    assert pod_of(group)["priorityClassName"] == "low"
    assert pod_of(group)["imagePullSecrets"] == [{"name": "registry"}]
    assert container_of(group)["imagePullPolicy"] == "Always"


@pytest.mark.parametrize("token_auth", [True, False])
def test_a_token_is_asked_for_by_the_configuration(token_auth: bool) -> None:
    manifest = ray_job("a", cluster(), replace(CONFIG, token_auth=token_auth))
    assert ("authOptions" in manifest["spec"]["rayClusterSpec"]) is token_auth


def test_one_secret_for_all_clusters_is_named_in_each() -> None:
    manifest = ray_job("a", cluster(), replace(CONFIG, token_secret="ray-token"))
    auth = manifest["spec"]["rayClusterSpec"]["authOptions"]
    assert auth == {"mode": "token", "secretName": "ray-token"}


def test_the_manifest_as_yaml_is_the_manifest() -> None:
    manifest = ray_job("a", cluster(), CONFIG)
    text = manifest_yaml(manifest)
    assert yaml.safe_load(text) == manifest
    assert re.search(r"^ +import os, signal", text, re.MULTILINE)
    assert "&id" not in text


def test_the_version_of_ray_is_the_one_that_is_locked() -> None:
    file = Path(__file__).resolve().parents[4] / "pyproject.toml"
    dependencies = tomllib.loads(file.read_text())["project"]["dependencies"]
    assert f"ray[default,train]=={RAY_VERSION}" in dependencies


ELASTIC = {"min": 0, "max": 8, "cpus": 8, "memory": "16Gi"}
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def test_a_group_that_grows_has_rays_autoscaler() -> None:
    fixed = {"name": "fixed", "count": 2, "cpus": 8}
    limits = Limits(idle_s=120)
    spec = cluster(workers=[{"name": "grows", **ELASTIC}, fixed])
    ray = ray_job("a", spec, replace(CONFIG, limits=limits))["spec"]["rayClusterSpec"]
    assert ray["enableInTreeAutoscaling"] is True
    assert ray["autoscalerOptions"]["idleTimeoutSeconds"] == 120
    sizes = [
        [group[f"{which}eplicas"] for which in ("minR", "r", "maxR")]
        for group in ray["workerGroupSpecs"]
    ]
    assert sizes == [[0, 0, 8], [2, 2, 2]]


def test_a_cluster_of_fixed_size_has_no_autoscaler_and_no_token() -> None:
    for workers in ({"count": 8}, {"min": 8, "max": 8}):
        manifest = ray_job("a", cluster(workers=workers), CONFIG)
        ray = manifest["spec"]["rayClusterSpec"]
        assert not {"enableInTreeAutoscaling", "autoscalerOptions"} & ray.keys()
        assert "serviceAccountToken" not in json.dumps(manifest)


def test_only_the_autoscaler_is_given_a_token() -> None:
    manifest = ray_job("a", cluster(workers=ELASTIC), CONFIG)
    options = manifest["spec"]["rayClusterSpec"]["autoscalerOptions"]
    (mount,) = options["volumeMounts"]
    assert (mount["mountPath"], mount["readOnly"]) == (TOKEN_PATH, True)
    head = pod_of(head_of(manifest))
    assert head["automountServiceAccountToken"] is False
    (volume,) = [one for one in head["volumes"] if one["name"] == mount["name"]]
    assert [next(iter(one)) for one in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    assert mount["name"] not in [
        one["name"] for one in container_of(head_of(manifest))["volumeMounts"]
    ]
    assert "serviceAccountToken" not in json.dumps(workers_of(manifest))


def test_the_autoscaler_is_as_hardened_as_rays_own_containers() -> None:
    manifest = ray_job("a", cluster(workers=ELASTIC), replace(CONFIG, image_pull_policy="Never"))
    options = manifest["spec"]["rayClusterSpec"]["autoscalerOptions"]
    ray = container_of(head_of(manifest))
    assert options["securityContext"] == ray["securityContext"]
    assert options["imagePullPolicy"] == ray["imagePullPolicy"]
    assert options["resources"]["limits"] == {"memory": "1Gi"}
    assert options["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_what_ray_asks_for_does_not_grow_with_the_autoscaler() -> None:
    fixed, grown = (
        container_of(head_of(ray_job("a", cluster(workers=workers), CONFIG)))
        for workers in ({"count": 8}, ELASTIC)
    )
    assert grown["resources"] == fixed["resources"]


def test_rays_autoscaler_reads_the_manifest_as_it_is_meant() -> None:
    from ray.autoscaler._private.kuberay.autoscaling_config import (
        _derive_autoscaling_config_from_ray_cr as derive,
    )

    manifest = ray_job("a", cluster(workers=ELASTIC), CONFIG)
    found = derive({"metadata": manifest["metadata"], "spec": manifest["spec"]["rayClusterSpec"]})
    assert found["idle_timeout_minutes"] == Limits().idle_s / 60
    workers = found["available_node_types"]["workers"]
    assert (workers["min_workers"], workers["max_workers"]) == (0, 8)
    assert workers["resources"] == {"CPU": 8, "GPU": 0, "memory": 16 * 2**30}
    assert found["available_node_types"]["headgroup"]["resources"]["CPU"] == 0
