import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.kuberay.api import Object
from tests.support.kuberay.pods import head_pod, worker_pod
from tests.support.kuberay.spec import needs_secret
from tests.unit.kuberay.things import cluster, container, group

DOMAIN = "cluster.local"
ADDRESS = "rc1-head-svc.ns.svc.cluster.local:6379"


def head(**fields: Any) -> Object:
    """A head group of one container."""
    return {"rayStartParams": {}, "template": {"spec": {"containers": [container(**fields)]}}}


def environment(pod: Object) -> dict[str, Any]:
    """Variables of the Ray container."""
    variables = pod["spec"]["containers"][0]["env"]
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in variables}


def program(path: Path, body: str) -> None:
    """A shell script that can be run by its name."""
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def test_a_head_is_named_labelled_and_owned() -> None:
    meta = head_pod(cluster())["metadata"]
    assert meta["generateName"] == "rc1-head-"
    assert meta["labels"] == {
        "ray.io/is-ray-node": "yes",
        "ray.io/cluster": "rc1",
        "ray.io/node-type": "head",
        "ray.io/group": "headgroup",
        "ray.io/identifier": "rc1-head",
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }
    assert meta["annotations"].keys() == {
        "ray.io/ft-enabled",
        "ray.io/kuberay-version",
        "ray.io/upgrade-strategy-recreate-hash",
    }
    (owner,) = meta["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("RayCluster", "rc1", True)


def test_a_heads_command_has_sorted_flags_and_the_memory_limit() -> None:
    resources = {"limits": {"memory": "2Gi"}, "requests": {"cpu": "100m"}}
    pod = head_pod(cluster(headGroupSpec=head(resources=resources)))
    (argument,) = pod["spec"]["containers"][0]["args"]
    assert pod["spec"]["containers"][0]["command"] == ["/bin/bash", "-c", "--"]
    assert argument == (
        "ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; ray start --head  --block  "
        "--dashboard-agent-listen-port=52365  --dashboard-host=0.0.0.0  --memory=2147483648  "
        "--metrics-export-port=8080  --num-cpus=1 "
    )


def test_a_users_command_runs_before_ray_start() -> None:
    pod = head_pod(cluster(headGroupSpec=head(command=["echo"], args=["hello"])))
    assert "echo hello" in pod["spec"]["containers"][0]["args"][0].split("&&")[0]


def test_a_command_that_starts_ray_itself_is_left_alone() -> None:
    pod = head_pod(cluster(headGroupSpec=head(command=["ray start --head"])))
    assert pod["spec"]["containers"][0]["command"] == ["ray start --head"]
    assert environment(pod)["KUBERAY_GEN_RAY_START_CMD"].startswith("ray start --head")


def test_an_annotation_of_the_cluster_leaves_the_command_alone() -> None:
    it = cluster(headGroupSpec=head(command=["echo"], args=["hello"]))
    it["metadata"]["annotations"] = {"ray.io/overwrite-container-cmd": "true"}
    own = head_pod(it)["spec"]["containers"][0]
    assert (own["command"], own["args"]) == (["echo"], ["hello"])


def test_resources_and_labels_of_a_group_become_flags() -> None:
    resources = {"CPU": "2", "memory": "1Gi", "GPU": "1", "shiny": "3"}
    workers = group(resources=resources, labels={"b": "2", "a": "1"})
    pod = worker_pod(cluster(), workers, 0, DOMAIN)
    command = environment(pod)["KUBERAY_GEN_RAY_START_CMD"]
    for flag in (
        "--num-cpus=2 ",
        "--memory=1073741824 ",
        "--num-gpus=1 ",
        """--resources='{"shiny":3.0}' """,
        "--labels=a=1,b=2 ",
    ):
        assert flag in command
    assert pod["metadata"]["labels"]["a"] == "1"


def test_labels_of_a_template_replace_all_but_three() -> None:
    labels = {"app.kubernetes.io/name": "mine", "ray.io/group": "mine", "team": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    found = worker_pod(cluster(), group(template=template), 0, DOMAIN)["metadata"]["labels"]
    assert (found["app.kubernetes.io/name"], found["team"]) == ("mine", "a")
    assert found["ray.io/group"] == "w"


def test_a_worker_waits_for_the_head_in_its_own_image_and_environment() -> None:
    own = container(env=[{"name": "A", "value": "1"}], imagePullPolicy="Never")
    workers = group(template={"spec": {"containers": [own]}})
    pod = worker_pod(cluster(), workers, 0, DOMAIN)
    (wait,) = pod["spec"]["initContainers"]
    assert wait["name"] == "wait-gcs-ready"
    assert (wait["image"], wait["imagePullPolicy"]) == ("image:1", "Never")
    assert {"name": "A", "value": "1"} in wait["env"]
    assert f"ray health-check --address {ADDRESS}" in wait["args"][0]
    assert wait["resources"]["requests"] == {"cpu": "200m", "memory": "256Mi"}


def test_a_worker_asks_again_until_the_head_is_healthy(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    program(tmp_path / "ray", f'echo "$@" >> {calls}; test $(wc -l < {calls}) -ge 3')
    program(tmp_path / "sleep", f'echo "sleep $@" >> {tmp_path}/sleeps')
    (wait,) = worker_pod(cluster(), group(), 0, DOMAIN)["spec"]["initContainers"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([*wait["command"], *wait["args"]], env=environment, check=True, timeout=30)
    assert calls.read_text().splitlines() == [f"health-check --address {ADDRESS}"] * 3
    assert (tmp_path / "sleeps").read_text().splitlines() == ["sleep 5"] * 2


def test_a_worker_knows_the_head_by_its_service() -> None:
    pod = worker_pod(cluster(), group(), 3, DOMAIN)
    assert pod["metadata"]["generateName"] == "rc1-w-worker-"
    assert pod["metadata"]["labels"]["ray.io/worker-group-replica-index"] == "3"
    assert f"--address={ADDRESS}" in pod["spec"]["containers"][0]["args"][0]
    variables = environment(pod)
    assert variables["RAY_ADDRESS"] == ADDRESS
    assert variables["FQ_RAY_IP"] == ADDRESS.removesuffix(":6379")
    assert variables["RAY_IP"] == "rc1-head-svc"
    assert "RAY_USAGE_STATS_EXTRA_TAGS" not in variables


def test_a_head_speaks_to_itself() -> None:
    variables = environment(head_pod(cluster()))
    assert variables["RAY_ADDRESS"] == "127.0.0.1:6379"
    assert variables["RAY_USAGE_STATS_EXTRA_TAGS"] == (
        "kuberay_version=v1.7.0;kuberay_crd=RayCluster"
    )


def test_probes_ask_the_agent_since_ray_2_53() -> None:
    probe = head_pod(cluster())["spec"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"] == {"path": "/api/healthz", "port": 52365}
    assert (probe["initialDelaySeconds"], probe["failureThreshold"]) == (10, 10)


@pytest.mark.parametrize("version", ["2.52.9", "", "nightly"])
def test_probes_of_an_older_or_unknown_ray_run_wget(version: str) -> None:
    probe = head_pod(cluster(rayVersion=version))["spec"]["containers"][0]["livenessProbe"]
    assert "local_raylet_healthz" in probe["exec"]["command"][-1]
    assert "gcs_healthz" in probe["exec"]["command"][-1]


def test_a_users_probe_stays() -> None:
    own = {"tcpSocket": {"port": 1}}
    pod = head_pod(cluster(headGroupSpec=head(readinessProbe=own)))
    assert pod["spec"]["containers"][0]["readinessProbe"] == own
    assert "livenessProbe" in pod["spec"]["containers"][0]


def test_the_token_reaches_the_worker_and_its_init_container() -> None:
    pod = worker_pod(cluster(authOptions={"mode": "token"}), group(), 0, DOMAIN)
    (wait,) = pod["spec"]["initContainers"]
    reference = {"secretKeyRef": {"name": "rc1", "key": "auth_token"}}
    assert {"name": "RAY_AUTH_TOKEN", "valueFrom": reference} in wait["env"]
    assert environment(pod)["RAY_AUTH_MODE"] == "token"
    assert environment(pod)["RAY_AUTH_TOKEN"] == reference


def test_a_token_may_come_from_a_secret_of_ones_own() -> None:
    it = cluster(authOptions={"mode": "token", "secretName": "mine"})
    token = environment(head_pod(it))["RAY_AUTH_TOKEN"]
    assert token == {"secretKeyRef": {"name": "mine", "key": "auth_token"}}
    assert not needs_secret(it["spec"])


def test_without_a_mode_there_is_a_secret_and_no_token() -> None:
    it = cluster(authOptions={})
    assert "RAY_AUTH_TOKEN" not in environment(head_pod(it))
    assert needs_secret(it["spec"])


def test_shared_memory_is_as_large_as_the_limit() -> None:
    resources = {"limits": {"memory": "2Gi"}}
    pod = head_pod(cluster(headGroupSpec=head(resources=resources)))
    (volume,) = pod["spec"]["volumes"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}


def test_the_spec_is_not_changed_by_making_its_pods() -> None:
    it, before = cluster(), cluster()
    head_pod(it)
    worker_pod(it, it["spec"]["workerGroupSpecs"][0], 0, DOMAIN)
    assert it == before
