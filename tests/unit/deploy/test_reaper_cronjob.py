"""The reaper that works without Dagster: it agrees with the image, the instance and the roles."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from ml_platform.cli.main import app
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.spec import ClusterSpec

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
ROLES = (DEPLOY / "rbac.yaml").read_text()
CRON_JOB = (DEPLOY / "reaper-cronjob.yaml").read_text()


@pytest.fixture
def cron_job() -> dict[str, Any]:
    return dict(yaml.safe_load(CRON_JOB))


@pytest.fixture
def pod(cron_job: dict[str, Any]) -> dict[str, Any]:
    return dict(cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"])


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["containers"]
    return dict(container)


@pytest.fixture
def ray_pod() -> dict[str, Any]:
    """The head's pod of a cluster, which is hardened."""
    config = KubeRayConfig(namespace="ray", environment="prod", image="image")
    job = ray_job("a", ClusterSpec(), config)
    return dict(job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"])


def test_it_removes_what_nobody_needs(container: dict[str, Any]) -> None:
    program, *words, option = container["command"]
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    assert (program, words) == ("mlp", ["cluster", "reap"])
    assert option == "--yes"
    assert option in [name for one in command.params for name in one.opts]


def test_its_account_is_the_one_that_the_roles_file_binds(pod: dict[str, Any]) -> None:
    bound = re.search(r"--role ml-platform-step --serviceaccount (\S+):(\S+)", ROLES)
    applied = re.search(r"kubectl apply --namespace (\S+) --filename (\S+)", CRON_JOB)
    assert bound
    assert applied
    assert pod["serviceAccountName"] == bound[2]
    assert applied.groups() == (bound[1], "deploy/reaper-cronjob.yaml")
    assert "reaper-cronjob.yaml" in ROLES


def test_its_role_may_do_all_that_reaping_takes() -> None:
    roles = {role["metadata"]["name"]: role["rules"] for role in yaml.safe_load_all(ROLES)}
    [verbs] = [
        set(rule["verbs"]) for rule in roles["ml-platform-step"] if "rayjobs" in rule["resources"]
    ]
    assert {"list", "get", "delete"} <= verbs


def test_its_pod_is_as_hardened_as_those_of_clusters(
    pod: dict[str, Any], container: dict[str, Any], ray_pod: dict[str, Any]
) -> None:
    assert pod["securityContext"] == ray_pod["securityContext"]
    assert container["securityContext"] == ray_pod["containers"][0]["securityContext"]
    assert pod["enableServiceLinks"] is ray_pod["enableServiceLinks"] is False


def test_it_has_the_token_that_pods_of_clusters_have_not(
    pod: dict[str, Any], ray_pod: dict[str, Any]
) -> None:
    assert pod["automountServiceAccountToken"] is True
    assert ray_pod["automountServiceAccountToken"] is False


def test_its_memory_is_bounded(container: dict[str, Any]) -> None:
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"]["memory"]


def test_its_image_is_the_one_that_the_dockerfile_makes(container: dict[str, Any]) -> None:
    tag = re.search(r"--tag (\S+) \.", DOCKERFILE)
    assert tag
    assert container["image"] == tag[1]


def test_it_asks_the_deployed_dagster_which_runs_have_ended(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    home = re.search(r"DAGSTER_HOME=(\S+)", DOCKERFILE)
    assert home
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    mount = mounts[f"{home[1]}/dagster.yaml"]
    # As one file: `mlp` keeps a lock beside it.
    assert mount["subPath"] == "dagster.yaml"
    [volume] = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert volume["configMap"]
    [password] = [one for one in container["env"] if one["name"] == "DAGSTER_PG_PASSWORD"]
    assert password["valueFrom"]["secretKeyRef"]["key"] == "postgresql-password"
    assert container["envFrom"]


def test_a_silent_database_leaves_time_to_reap(
    cron_job: dict[str, Any], container: dict[str, Any]
) -> None:
    # Dagster connects, and tries again five times.
    [timeout] = [one["value"] for one in container["env"] if one["name"] == "PGCONNECT_TIMEOUT"]
    silent_s = 6 * int(timeout)
    assert silent_s < cron_job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] / 2


def test_it_knows_where_clusters_are_made(container: dict[str, Any]) -> None:
    [file] = [one["value"] for one in container["env"] if one["name"] == "MLP_CLUSTERS_FILE"]
    assert str(Path(file).parent) in [one["mountPath"] for one in container["volumeMounts"]]


def test_one_reaper_at_a_time_and_none_for_ever(cron_job: dict[str, Any]) -> None:
    job = cron_job["spec"]["jobTemplate"]["spec"]
    assert cron_job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["activeDeadlineSeconds"] <= 600
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
