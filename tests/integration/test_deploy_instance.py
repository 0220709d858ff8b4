"""`deploy/dagster.yaml` on a real PostgreSQL; the cluster is a server that takes notes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from tests.support.postgres import NotInstalledError, Postgres, running_postgres

pytestmark = pytest.mark.integration

PROJECT_ROOT = Path(__file__).resolve().parents[2]
IMAGE = "registry.example/ml-platform:1"


@dataclass(kw_only=True, slots=True)
class Cluster:
    """A Kubernetes API that accepts every job and keeps it."""

    address: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=list)


@dg.op
def hello(context: dg.OpExecutionContext) -> None:
    context.log.info("good morning from PostgreSQL")


@dg.job
def greeting() -> None:
    """One op that says something."""
    hello()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except NotInstalledError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with serving(Cluster()) as cluster:
        yield cluster


@pytest.fixture
def instance(
    postgres: Postgres, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The deployed instance; only the way to the cluster is the test's own."""
    variables = {
        "DAGSTER_PG_HOST": postgres.host,
        "DAGSTER_PG_PORT": str(postgres.port),
        "DAGSTER_PG_USERNAME": postgres.username,
        "DAGSTER_PG_PASSWORD": postgres.password,
        "DAGSTER_PG_DB": postgres.database,
        "DAGSTER_K8S_NAMESPACE": "ml",
        "DAGSTER_K8S_SERVICE_ACCOUNT": "dagster-runs",
        "DAGSTER_K8S_INSTANCE_CONFIG_MAP": "dagster-instance",
        "DAGSTER_K8S_PG_PASSWORD_SECRET": "dagster-postgres",
        "DAGSTER_K8S_SETTINGS_CONFIG_MAP": "ml-platform",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(kubeconfig_for(cluster.address)))
    deployed = yaml.safe_load((PROJECT_ROOT / "deploy" / "dagster.yaml").read_text())
    deployed["run_launcher"]["config"] |= {
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(deployed))
    with dg.DagsterInstance.from_config(str(tmp_path)) as loaded:
        yield loaded


def test_a_run_and_its_events_are_written_to_postgres_and_read_back(
    instance: dg.DagsterInstance,
) -> None:
    done = greeting.execute_in_process(instance=instance)
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.is_success
    said = [event.user_message for event in instance.all_logs(done.run_id)]
    assert "good morning from PostgreSQL" in said
    assert type(instance.run_storage).__name__ == "PostgresRunStorage"


def test_pools_and_backfills_are_limited(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config()
    assert limits.pool_config.default_pool_limit == 4
    assert limits.run_queue_config is not None
    assert limits.run_queue_config.max_concurrent_runs == 20
    assert limits.run_queue_config.tag_concurrency_limits == [
        {"key": "dagster/backfill", "limit": 4}
    ]


def test_lost_runs_are_resumed_and_an_assets_own_failure_is_not_retried(
    instance: dg.DagsterInstance,
) -> None:
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_max_resume_run_attempts == 2
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure


def test_nothing_is_reported_to_anybody(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled


def test_a_run_becomes_a_job_that_can_reach_its_state_and_settings(
    instance: dg.DagsterInstance, cluster: Cluster
) -> None:
    job = launched(instance, cluster)
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]
    password = {"name": "dagster-postgres", "key": "postgresql-password"}
    assert job["metadata"]["namespace"] == "ml"
    assert container["image"] == IMAGE
    assert pod["serviceAccountName"] == "dagster-runs"
    assert {"configMapRef": {"name": "ml-platform"}} in container["envFrom"]
    assert {"name": "DAGSTER_PG_PASSWORD", "valueFrom": {"secretKeyRef": password}} in container[
        "env"
    ]


def test_a_run_is_told_where_its_state_is_but_no_password(
    instance: dg.DagsterInstance, cluster: Cluster, postgres: Postgres
) -> None:
    [container] = launched(instance, cluster)["spec"]["template"]["spec"]["containers"]
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert "DAGSTER_PG_HOST" in container["args"][3]
    assert postgres.password not in json.dumps(container)


def test_a_runs_pod_has_the_images_dagster_home(
    instance: dg.DagsterInstance, cluster: Cluster
) -> None:
    [container] = launched(instance, cluster)["spec"]["template"]["spec"]["containers"]
    [home] = [entry["value"] for entry in container["env"] if entry["name"] == "DAGSTER_HOME"]
    assert f"DAGSTER_HOME={home} " in (PROJECT_ROOT / "deploy" / "Dockerfile").read_text()


def test_a_runs_pod_is_not_root_and_is_not_evicted(
    instance: dg.DagsterInstance, cluster: Cluster
) -> None:
    template = launched(instance, cluster)["spec"]["template"]
    [container] = template["spec"]["containers"]
    assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert (
        template["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"]
        == "false"
    )


def launched(instance: dg.DagsterInstance, cluster: Cluster) -> dict[str, Any]:
    """The job that the cluster was asked for when a run is launched."""
    origin = dg.reconstructable(greeting).get_python_origin()
    # The code location's server writes its own image here, from DAGSTER_CURRENT_IMAGE.
    location = origin.repository_origin._replace(container_image=IMAGE)
    run = instance.create_run_for_job(
        greeting, job_code_origin=origin._replace(repository_origin=location)
    )
    instance.launch_run(run.run_id, workspace=None)  # type: ignore[arg-type]  # not used by it
    [job] = cluster.jobs
    return job


def kubeconfig_for(address: str) -> dict[str, Any]:
    named = {"name": "test"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [named | {"context": {"cluster": "test", "user": "test"}}],
        "clusters": [named | {"cluster": {"server": address}}],
        "users": [named | {"user": {}}],
    }


@contextmanager
def serving(cluster: Cluster) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            namespace = self.path.split("/")[5]  # /apis/batch/v1/namespaces/<namespace>/jobs
            job["metadata"]["namespace"] = namespace
            cluster.jobs.append(job)
            body = json.dumps(job).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: pytest's output is the tests'."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    cluster.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
