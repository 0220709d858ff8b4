"""What `mlp cluster up` says and checks before anybody is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

MLP: Final = Path(sys.executable).parent / "mlp"
UP: Final = ("up", "--name", "dev-ada", "--owner", "ada@laptop")
CATALOGUE: Final = {
    "nodes": [{"name": "a100-8", "cpus": 95, "memory": "1Ti", "gpu": "a100", "gpus": 8}]
}
PRESETS: Final = {
    "a100x8": {"workers": {"count": 8, "gpu": "a100", "gpus": 1, "cpus": 8, "memory": "64Gi"}}
}


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody whose clusters are configured."""
    file = tmp_path / "clusters.yaml"
    config = {
        "namespace": "ray",
        "image": "registry.example/p:1",
        "catalogue": CATALOGUE,
        "presets": PRESETS,
    }
    file.write_text(yaml.safe_dump(config))
    return {"MLP_HOME": str(tmp_path), "MLP_CLUSTERS_FILE": str(file)}


def cluster(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MLP, "cluster", *arguments],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_manifest_is_printed_and_nothing_is_made(configured: dict[str, str]) -> None:
    wanted = ("--gpu", "a100", "--workers", "8", "--memory", "64Gi", "--ttl", "90m", "--dry-run")
    as_yaml = yaml.safe_load(cluster(configured, *UP, *wanted).stdout)
    as_json = json.loads(cluster(configured, *UP, *wanted, "--json").stdout)

    assert as_yaml["spec"] == as_json["spec"]
    assert as_yaml["metadata"]["name"] == "dev-ada"
    assert as_yaml["spec"]["preRunningDeadlineSeconds"] == 5400
    (group,) = as_yaml["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    assert group["replicas"] == 8
    assert worker["resources"]["limits"] == {"memory": "64Gi", "nvidia.com/gpu": "1"}


def test_a_worker_is_given_disk(configured: dict[str, str]) -> None:
    done = cluster(configured, *UP, "--disk", "100Gi", "--dry-run", "--json")
    (group,) = json.loads(done.stdout)["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    assert worker["resources"]["limits"]["ephemeral-storage"] == "100Gi"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--gpu", "h100"), "h100"),
        (("--memory", "64"), "workers.memory"),
        (("--ttl", "soon"), "no span of time"),
        (("--ttl", "30d"), "wanted 1 min to 72 h"),
        (("--name", "Ada"), "is none for KubeRay"),
        (("--preset", "a100x4"), "did you mean a100x8?"),
        (("--workers", "2.."), "wanted a number, or the fewest and the most"),
        (("--workers", "8..2"), "`min` is 8 and `max` is 2"),
    ],
)
def test_what_cannot_be_is_refused_where_it_was_typed(
    configured: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = cluster(configured, *UP, *arguments, "--dry-run")
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    "option", ["--memory", "--workers", "--disk", "--ttl", "--gpu", "--image", "--queue", "--cpus"]
)
def test_what_was_typed_into_the_wrong_option_is_not_shown(
    configured: dict[str, str], option: str
) -> None:
    secret = "hf" + "_" + "mArKeR0123456789abcdefghij"
    done = cluster(configured, *UP, option, secret, "--dry-run")
    assert done.returncode == 2
    assert secret not in done.stdout + done.stderr


def test_a_preset_is_the_cluster_and_options_beside_it_win(configured: dict[str, str]) -> None:
    wanted = ("--preset", "a100x8", "--workers", "2", "--dry-run", "--json")
    ray = json.loads(cluster(configured, *UP, *wanted).stdout)["spec"]["rayClusterSpec"]
    (group,) = ray["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    assert group["replicas"] == 2
    assert worker["resources"]["limits"] == {"memory": "64Gi", "nvidia.com/gpu": "1"}


def test_workers_that_come_and_go_are_written_as_two_numbers(configured: dict[str, str]) -> None:
    wanted = ("--workers", "2..8", "--dry-run", "--json")
    ray = json.loads(cluster(configured, *UP, *wanted).stdout)["spec"]["rayClusterSpec"]
    (group,) = ray["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"], group["maxReplicas"]) == (2, 2, 8)
    assert ray["enableInTreeAutoscaling"] is True


def test_without_a_kubernetes_the_next_step_is_named(tmp_path: Path) -> None:
    done = cluster({"MLP_HOME": str(tmp_path)}, *UP)
    assert done.returncode == 2
    assert "MLP_CLUSTERS_FILE" in done.stderr


def test_it_is_quick_as_it_imports_no_dagster(configured: dict[str, str]) -> None:
    code = (
        "import sys\n"
        "from ml_platform.cli.main import run\n"
        f"code = run(['cluster', *{UP!r}, '--dry-run'])\n"
        "heavy = {'dagster', 'ray', 'torch', 'kubernetes', 'aiohttp', 'httpx'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, **configured}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"
