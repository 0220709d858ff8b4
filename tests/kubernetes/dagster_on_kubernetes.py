"""A real Dagster with the instance of `deploy/dagster.yaml`: PostgreSQL, and a pod for every run.

Webserver, daemon and code location run on this machine, the runs in pods, with the account and the
role of `deploy/rbac.yaml`.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import PROJECT_ROOT
from tests.kubernetes.accounts import STEP, make_account
from tests.kubernetes.code_server import CodeServer, code_server
from tests.kubernetes.main_jobs import MODEL, OnKubernetes
from tests.kubernetes.testbed import layout
from tests.support.dagster_server import DAGSTER_DEV, DagsterServer, dagster_at
from tests.support.postgres import Postgres, running_postgres

ACCOUNT: Final = "dagster-runs"
INSTANCE: Final = "dagster-instance"
SETTINGS: Final = "ml-platform"
PASSWORD: Final = "dagster-postgres"
LAUNCH: Final = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
TERMINATE: Final = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on TerminateRunFailure { message }
    ... on PythonError { message }
  }
}
"""
RUN: Final = """
query Run($run: ID!) {
  runOrError(runId: $run) {
    ... on Run { status }
    ... on Error { message }
  }
  logsForRun(runId: $run) {
    ... on EventConnection { events { ... on MessageEvent { message } } }
    ... on Error { message }
  }
}
"""
BACKFILL: Final = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL_STATUS: Final = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
SLOTS: Final = """
query Slots { instance { concurrencyLimit(concurrencyKey: "ray") { activeSlotCount } } }
"""
ENDED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterOnKubernetes:
    """A Dagster whose runs are pods.

    Attributes:
        server: Its webserver.
        world: The home that its runs work on.
        code: The server of the code location.
    """

    server: DagsterServer
    world: OnKubernetes
    code: CodeServer

    def launch(self, day: str, *, stage: str = "model") -> str:
        """Materialize an asset of the example's for a day; the run's id."""
        params = {
            "selector": {
                "repositoryLocationName": "ml_platform",
                "repositoryName": "__repository__",
                "jobName": "__ASSET_JOB",
                "assetSelection": [{"path": [MODEL, stage]}],
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
        }
        answer = self.server.ask(LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def terminate(self, run: str) -> None:
        """What the button of the Dagster UI does."""
        answer = self.server.ask(TERMINATE, run=run)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def status(self, run: str) -> str:
        """Dagster's word for the run's state."""
        return str(self.server.ask(RUN, run=run)["runOrError"]["status"])

    def messages(self, run: str) -> list[str]:
        """The run's event log."""
        events = self.server.ask(RUN, run=run)["logsForRun"]["events"]
        return [str(one.get("message", "")) for one in events]

    def slots_taken(self) -> int:
        """How many hold a slot of the trainings' pool."""
        return int(self.server.ask(SLOTS)["instance"]["concurrencyLimit"]["activeSlotCount"])

    def backfill(self, days: Sequence[str], *, stage: str = "model") -> str:
        """Launch a backfill of an asset of the example's; its id."""
        params = {
            "assetSelection": [{"path": [MODEL, stage]}],
            "partitionNames": list(days),
        }
        answer = self.server.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def backfill_status(self, backfill: str) -> str:
        """Dagster's word for the backfill's state."""
        return str(
            self.server.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"]
        )

    def run_pods(self, run: str) -> list[dict[str, Any]]:
        """The pods of a run."""
        where = (f"--namespace={self.world.clusters.namespace}", f"--selector=dagster/run-id={run}")
        return list(self.world.clusters.cluster.get("pods", *where)["items"])

    def wait(self, run: str, *, within_s: float) -> str:
        """How the run ended."""
        self.until(run, lambda: self.status(run) in ENDED, within_s=within_s)
        return self.status(run)

    def wait_for_message(self, run: str, text: str, *, within_s: float) -> None:
        """Wait until the run says `text`."""
        self.until(run, lambda: any(text in one for one in self.messages(run)), within_s=within_s)

    def until(self, run: str, condition: Callable[[], Any], *, within_s: float) -> None:
        """Wait for a condition; what the run said is in the failure's message."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, self.story(run)
            time.sleep(0.5)

    def story(self, run: str) -> str:
        """What is known of a run, for the message of a failure."""
        return "\n".join([self.status(run), *self.messages(run), self.server.end_of_log()])


@contextmanager
def dagster_on_kubernetes(
    world: OnKubernetes, *, variables: Mapping[str, str] | None = None
) -> Iterator[DagsterOnKubernetes]:
    """Run Dagster for `world`; `variables` are more settings of its code location and its runs."""
    cluster, namespace = world.clusters.cluster, world.clusters.namespace
    dagster_home = world.home / "dagster_on_kubernetes"
    dagster_home.mkdir()
    url = f"http://127.0.0.1:{free_port()}"
    with running_postgres(layout.HOST_ADDRESS) as postgres:
        settings = {
            **world.variables(),
            "MLP_HOME": str(world.home),
            "MLP_DAGSTER_URL": url,
            "MLP_IMAGE": cluster.image,
            "DAGSTER_PG_HOST": postgres.host,
            "DAGSTER_PG_PORT": str(postgres.port),
            "DAGSTER_PG_DB": postgres.database,
            "DAGSTER_PG_USERNAME": postgres.username,
            "DAGSTER_K8S_NAMESPACE": namespace,
            "DAGSTER_K8S_SERVICE_ACCOUNT": ACCOUNT,
            "DAGSTER_K8S_PG_PASSWORD_SECRET": PASSWORD,
            "DAGSTER_K8S_INSTANCE_CONFIG_MAP": INSTANCE,
            "DAGSTER_K8S_SETTINGS_CONFIG_MAP": SETTINGS,
            "DO_NOT_TRACK": "1",
            **(variables or {}),
        }
        (dagster_home / "dagster.yaml").write_text(yaml.safe_dump(_instance(world)))
        _create_objects(world, settings, postgres)
        _let_pods_write(world.home)
        env = {
            **os.environ,
            **settings,
            "DAGSTER_HOME": str(dagster_home),
            "DAGSTER_PG_PASSWORD": postgres.password,
            "DAGSTER_CURRENT_IMAGE": cluster.image,
            "KUBECONFIG": str(cluster.kubeconfig),
        }
        with (
            code_server(world.home, env) as code,
            dagster_at(
                url,
                world.home / "dagster.log",
                home=world.home,
                cwd=PROJECT_ROOT,
                env=env,
                command=(*DAGSTER_DEV[:2], "-w", str(code.workspace)),
            ) as server,
        ):
            yield DagsterOnKubernetes(server=server, world=world, code=code)


def _instance(world: OnKubernetes) -> dict[str, Any]:
    """`deploy/dagster.yaml`, and what this machine is instead of a company's cluster."""
    deployed: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "deploy" / "dagster.yaml").read_text()
    )
    launcher = deployed["run_launcher"]["config"]
    launcher |= {
        "load_incluster_config": False,
        "kubeconfig_file": str(world.clusters.cluster.kubeconfig),
        "image_pull_policy": "Never",
        # A laptop's warehouse is a file: its folder is what pods share. And a run makes the
        # launcher too, though it launches nothing.
        "volumes": [
            {"name": "home", "hostPath": {"path": str(world.home)}},
            {"name": "kubeconfig", "hostPath": {"path": str(_without_credentials(world))}},
        ],
        "volume_mounts": [
            {"name": "home", "mountPath": str(world.home)},
            {"name": "kubeconfig", "mountPath": str(world.clusters.cluster.kubeconfig)},
        ],
    }
    deployed["run_monitoring"] |= {"poll_interval_seconds": 5}
    deployed["concurrency"]["runs"]["tag_concurrency_limits"] = [
        {"key": "dagster/backfill", "limit": 1}
    ]
    return deployed


def _create_objects(world: OnKubernetes, settings: Mapping[str, str], postgres: Postgres) -> None:
    cluster, namespace = world.clusters.cluster, world.clusters.namespace
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": INSTANCE}, "data": {}},
        {"kind": "ConfigMap", "metadata": {"name": SETTINGS}, "data": dict(settings)},
        {
            "kind": "Secret",
            "metadata": {"name": PASSWORD},
            "stringData": {"postgresql-password": postgres.password},
        },
    ]
    for one in objects:
        text = json.dumps({"apiVersion": "v1", **one})
        cluster.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=text)
    make_account(cluster, namespace, ACCOUNT, STEP)


def _without_credentials(world: OnKubernetes) -> Path:
    """A kubeconfig that opens nothing: pods have their account."""
    named = {"name": "nobody"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "nobody",
        "contexts": [named | {"context": {"cluster": "nobody", "user": "nobody"}}],
        "clusters": [named | {"cluster": {"server": "https://nowhere.invalid"}}],
        "users": [named | {"user": {}}],
    }
    path = world.home / "kubeconfig-of-nobody"
    path.write_text(yaml.safe_dump(content))
    return path


def _let_pods_write(home: Path) -> None:
    """Runs in pods are of another user."""
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o666))
    for folder in home.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
