"""`mlp cluster reap` as a person or a CronJob calls it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ml_platform.clusters.kuberay import labels
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

MLP: Final = Path(sys.executable).parent / "mlp"
EXPIRED: Final = "2020-01-02T00:00:00Z"


def expired(name: str) -> dict[str, Any]:
    annotations = {labels.EXPIRES: EXPIRED}
    own = {"uid": name, "resourceVersion": "7", "creationTimestamp": "2020-01-01T00:00:00Z"}
    return {"metadata": {"name": name, "annotations": annotations, **own}, "spec": {}}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    """Three clusters that have expired, of which the second may not be deleted."""
    with kubernetes_server() as server:
        server.objects["rayjobs"] = [expired(name) for name in ("first", "protected", "last")]
        server.refused["DELETE protected"] = 422
        yield server


@pytest.fixture
def environment(server: KubernetesServer, tmp_path: Path) -> dict[str, str]:
    kubeconfig = tmp_path / "kubeconfig"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    found = {
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [context],
        "current-context": "c",
    }
    kubeconfig.write_text(yaml.safe_dump(found))
    file = tmp_path / "clusters.yaml"
    config = {"namespace": "ray", "image": "registry.example/p:1", "kubeconfig": str(kubeconfig)}
    file.write_text(yaml.safe_dump(config))
    return {**os.environ, "MLP_HOME": str(tmp_path), "MLP_CLUSTERS_FILE": str(file)}


def test_all_that_went_is_told_though_one_may_not_go_which_is_a_failure(
    server: KubernetesServer, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [MLP, "cluster", "reap", "--yes", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {one["name"]: one["removed"] for one in json.loads(done.stdout)} == {
        "first": True,
        "protected": False,
        "last": True,
    }
    assert f"removed first: it expired at {EXPIRED}" in done.stderr
    assert "protected: Kubernetes refuses: refused" in done.stderr
    assert done.returncode == 1
    assert [one["metadata"]["name"] for one in server.objects["rayjobs"]] == ["protected"]
