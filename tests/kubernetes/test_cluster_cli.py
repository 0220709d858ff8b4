"""`mlp cluster` on Kubernetes, as a person types it: clusters of one's own, from `up` to `down`.

Pods run a stand-in for Ray, but where connecting to Ray itself is shown; API server, operator and
pods are real.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.spec import ClusterSpec, HeadGroup
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

pytestmark = pytest.mark.kubernetes

MLP = Path(sys.executable).parent / "mlp"
SMALL = ("--memory", "256Mi", "--head-memory", "256Mi")
SIZED = ("--memory", "2Gi", "--head-memory", "3Gi")
ADA = ("--owner", "ada@laptop")
WITHIN_S = 60


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who types, and where: a home of theirs, the clusters' configuration."""

    light: LightClusters
    home: Path

    @classmethod
    def with_config(cls, light: LightClusters, config: KubeRayConfig, home: Path) -> "Person":
        home.mkdir(exist_ok=True)
        values = TypeAdapter(KubeRayConfig).dump_python(config, mode="json")
        (home / "clusters.yaml").write_text(json.dumps(values))
        return cls(light=light, home=home)

    @property
    def environment(self) -> dict[str, str]:
        ours = {"MLP_HOME": str(self.home), "MLP_CLUSTERS_FILE": str(self.home / "clusters.yaml")}
        return {**os.environ, **ours, "COLUMNS": "120"}

    def types(
        self, *arguments: str, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MLP, "cluster", *arguments],
            env=self.environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def told(self, *arguments: str, folder: Path | None = None) -> Any:
        done = self.types(*arguments, "--json", folder=folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def connected(self, name: str) -> Iterator[str]:
        command = [str(MLP), "cluster", "connect", name, *ADA]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment, stdout=pipe, text=True) as process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().strip()
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(WITHIN_S) == 130

    def job(self, name: str) -> dict[str, Any]:
        namespace = f"--namespace={self.light.namespace}"
        return dict(self.light.cluster.get("rayjob", name, namespace))

    def left(self, name: str) -> list[str]:
        return [one for one in self.light.left() if name in one]


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "interactive") as light:
        yield light


@pytest.fixture(scope="module")
def person(light: LightClusters, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.with_config(light, light.config(), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def with_ray(light: LightClusters, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A person whose cluster `dev-ray` runs Ray itself, with its token; it starts meanwhile."""
    person = Person.with_config(light, light.real_ray(), tmp_path_factory.mktemp("ray"))
    person.told("up", "--name", "dev-ray", "--ttl", "5m", "--no-wait", *SIZED, *ADA)
    return person


@pytest.fixture(scope="module")
def expiring(person: Person) -> dict[str, float]:
    """Two clusters that have a minute each, of which one was given more; when each was made."""
    made = {}
    for name in ("brief", "extended"):
        made[name] = time.monotonic()
        person.told("up", "--name", name, "--ttl", "1m", "--no-wait", *SMALL, *ADA)
    person.told("extend", "extended", "--ttl", "5m", *ADA)
    return made


@pytest.fixture(scope="module")
def cluster_of_ada(person: Person, expiring: dict[str, float], with_ray: Person) -> str:
    """A cluster with the stand-in for Ray, ready."""
    view = person.told("up", "--name", "dev-ada", "--ttl", "4m", *SMALL, *ADA)
    assert view["phase"] == "ready"
    return str(view["name"])


def script(folder: Path, program: str) -> Path:
    file = folder / "script.py"
    file.write_text(program)
    return file


def test_a_cluster_is_seen_with_its_owner_and_its_end(person: Person, cluster_of_ada: str) -> None:
    seen = person.told("show", cluster_of_ada)
    listed = {one["name"]: one for one in person.told("ls")}

    assert seen["users"] == ["ada@laptop"]
    assert seen["details"]["owner"] == "ada@laptop"
    assert seen["details"]["expires"] == listed[cluster_of_ada]["details"]["expires"]
    assert "jobId" not in person.job(cluster_of_ada)["spec"]


def test_the_same_command_again_finds_the_cluster(person: Person, cluster_of_ada: str) -> None:
    before = person.job(cluster_of_ada)["metadata"]["uid"]
    person.told("up", "--name", cluster_of_ada, "--ttl", "4m", *SMALL, *ADA)
    assert person.job(cluster_of_ada)["metadata"]["uid"] == before


def test_a_name_that_is_taken_is_refused(person: Person, cluster_of_ada: str) -> None:
    of_bob = person.types("up", "--name", cluster_of_ada, "--ttl", "4m", *SMALL, "--owner", "bob@x")
    larger = person.types(
        "up", "--name", cluster_of_ada, "--ttl", "4m", *SMALL, *ADA, "--workers", "2"
    )
    assert (of_bob.returncode, larger.returncode) == (2, 2)
    assert "which is ada@laptop's" in of_bob.stderr
    assert "of another size" in larger.stderr


def test_a_ray_cluster_of_somebody_elses_keeps_its_name_and_its_service(
    person: Person, light: LightClusters
) -> None:
    spec = ClusterSpec(provisioner="ephemeral", head=HeadGroup(memory="256Mi"))
    job = ray_job("foreign", spec, light.config(), holder="somebody", annotations={})
    foreign = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "foreign", "namespace": light.namespace},
        "spec": job["spec"]["rayClusterSpec"],
    }
    where = f"--namespace={light.namespace}"
    light.cluster.kubectl("create", "--filename=-", stdin=json.dumps(foreign))
    field = "--field-selector=metadata.name=foreign-head-svc"
    try:
        [service] = until(
            "its head's service",
            lambda: light.cluster.get("services", where, field)["items"],
            timeout_s=WITHIN_S,
        )
        before = light.cluster.get("raycluster", "foreign", where)
        refused = person.types("up", "--name", "foreign", "--ttl", "4m", *SMALL, *ADA)

        assert refused.returncode == 2
        assert "there is a RayCluster foreign" in refused.stderr
        assert "RayJob foreign" not in light.left()
        after = light.cluster.get("raycluster", "foreign", where)
        assert (after["metadata"]["uid"], after["spec"]) == (
            before["metadata"]["uid"],
            before["spec"],
        )
        now = light.cluster.get("service", "foreign-head-svc", where)
        assert now["spec"]["selector"] == service["spec"]["selector"]
    finally:
        light.cluster.kubectl("delete", "raycluster/foreign", where)


def test_nobody_removes_the_cluster_of_another(person: Person, cluster_of_ada: str) -> None:
    done = person.types("down", cluster_of_ada, "--owner", "bob@x")
    assert done.returncode == 2
    assert "is ada@laptop's, and you are bob@x" in done.stderr
    assert person.left(cluster_of_ada)


def test_what_does_not_start_is_named_and_removed(person: Person) -> None:
    done = person.types(
        *("up", "--name", "broken", "--image", "none.example/of:this", "--ttl", "4m", *SMALL, *ADA)
    )
    assert done.returncode == 1
    assert "none.example/of:this" in done.stderr
    assert not person.left("broken")


def test_a_cluster_that_waits_says_why(person: Person) -> None:
    person.told("up", "--name", "huge", "--ttl", "4m", "--no-wait", "--cpus", "256", *SMALL, *ADA)
    until(
        "reason why it waits",
        lambda: "cpu" in person.told("show", "huge")["reason"],
        timeout_s=WITHIN_S,
    )
    person.told("down", "huge", *ADA)


def test_a_script_runs_with_its_folder_and_is_followed_to_its_end(
    person: Person, cluster_of_ada: str, tmp_path: Path
) -> None:
    script(
        tmp_path, "import sys, helper\nprint(helper.WORD, *sys.argv[1:])\nsys.exit(helper.CODE)\n"
    )
    (tmp_path / "helper.py").write_text("WORD, CODE = 'hello', 0\n")
    done = person.types(
        *("run", "script.py", "--follow", "--on", cluster_of_ada, *ADA, "--", "from", "--here"),
        folder=tmp_path,
    )
    (tmp_path / "helper.py").write_text("WORD, CODE = 'bye', 3\n")
    failed = person.types("run", "script.py", "-f", *ADA, "--on", cluster_of_ada, folder=tmp_path)
    log = person.told("logs", cluster_of_ada)

    assert (done.returncode, failed.returncode) == (0, 1), done.stderr + failed.stderr
    assert done.stdout == "hello from --here\n"
    assert failed.stdout == "bye\n"
    assert "exit code 3" in failed.stderr
    assert (log["lines"], log["status"]) == (["bye"], "FAILED")


def test_a_folder_that_is_too_big_is_refused_before_anything_is_asked(
    person: Person, tmp_path: Path
) -> None:
    script(tmp_path, "")
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "rows").open("wb") as rows:
        rows.truncate(101 * 2**20)
    done = person.types("run", "script.py", folder=tmp_path)
    assert done.returncode == 2
    assert "data (101.0 MiB)" in done.stderr


def test_down_leaves_nothing(person: Person, cluster_of_ada: str) -> None:
    person.told("down", cluster_of_ada, *ADA)
    assert not person.left(cluster_of_ada)


def test_a_local_address_leads_rays_own_client_to_a_ray_with_a_token(
    with_ray: Person, tmp_path: Path
) -> None:
    with_ray.told("up", "--name", "dev-ray", "--ttl", "5m", *SIZED, *ADA)
    script(tmp_path, "import ray\nray.init()\nprint('nodes', len(ray.nodes()))\n")
    ran = with_ray.types("run", "script.py", "-f", "--on", "dev-ray", *ADA, folder=tmp_path)
    with with_ray.connected("dev-ray") as url:
        dashboard = httpx.get(url, trust_env=False).text
        program = dashboard.partition('src="')[2].partition('"')[0]
        loaded = httpx.get(httpx.URL(f"{url}/").join(program), trust_env=False)
        submitted = subprocess.run(
            [
                *(MLP.with_name("ray"), "job", "submit", "--address", url),
                *("--working-dir", tmp_path, "--", "python", "script.py"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    with_ray.told("down", "dev-ray", *ADA)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "nodes 2" in ran.stdout
    assert (loaded.status_code, program[-3:]) == (200, ".js"), dashboard
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "nodes 2" in submitted.stdout
    assert not with_ray.left("dev-ray")


def test_the_server_ends_a_cluster_whose_time_is_over_and_no_other(
    person: Person, expiring: dict[str, float]
) -> None:
    until(
        "end of its pods",
        lambda: not [one for one in person.left("brief") if "RayJob" not in one],
        timeout_s=100,
    )
    time.sleep(max(0.0, expiring["extended"] + 66 - time.monotonic()))

    assert person.told("show", "brief")["reason"].startswith("it expired at")
    assert person.told("show", "extended")["phase"] in ("starting", "ready")
    assert [one["name"] for one in person.told("reap")] == ["brief"]
    person.told("down", "extended", *ADA)
