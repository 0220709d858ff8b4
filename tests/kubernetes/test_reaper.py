"""The reaper on a real API server: what nobody needs goes, and nothing else.

No operator acts on these clusters and no pod is made: each is a RayJob that is said to be another
controller's, so that its status is what a test writes. Which runs have ended says a real Dagster.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any, Final

import dagster as dg
import pytest
import yaml
from pydantic import TypeAdapter

from ml_platform.clusters.interface import ClusterRequest, Reaped, RunEnd
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.manifests import ray_job
from ml_platform.clusters.kuberay.reaper import RETRY_WITHIN_S, UNHEARD_S
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.errors import ClusterStartError
from ml_platform.reaping import run_ends
from ml_platform.settings import PROJECT_ROOT
from ml_platform.xray.records import Recorder
from tests.kubernetes.faults.api_proxy import in_front_of
from tests.kubernetes.faults.api_script import Hold
from tests.kubernetes.faults.waiting import until
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster, ClusterError
from tests.support.commands import mlp
from tests.support.homes import dagster_of

pytestmark = pytest.mark.kubernetes

CRON_JOB = PROJECT_ROOT / "deploy" / "reaper-cronjob.yaml"
SPEC: Final = ClusterSpec(
    provisioner="ephemeral", head=HeadGroup(memory="256Mi"), workers=WorkerGroup(memory="256Mi")
)
ENDED: Final = "11111111-1111-4111-8111-111111111111"
"""A run that ended so long ago that nobody comes back for its cluster."""
LIVING: Final = "22222222-2222-4222-8222-222222222222"
"""A run that goes on."""
UNKNOWN: Final = "33333333-3333-4333-8333-333333333333"
RUNNING: Final = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "jobId": "train"}
HOURS: Final = 3600.0
WITHIN_S: Final = 15.0
# Nothing listens there.
NO_DATABASE: Final = {
    "storage": {"postgres": {"postgres_url": "postgresql+psycopg2://nobody:x@127.0.0.1:9/none"}}
}


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """One environment's clusters in the namespace of all tests here.

    Attributes:
        config: Its configuration.
        api: The API server, as its administrator.
        run_ended_s: What Dagster says.
    """

    config: KubeRayConfig
    api: KubernetesApi
    run_ended_s: RunEnd

    def make(
        self,
        name: str,
        *,
        annotations: dict[str, str],
        status: dict[str, Any] | None = None,
        label: dict[str, str] | None = None,
    ) -> None:
        """Make a RayJob as ours are, but for `label`, its labels where they are not ours."""
        manifest = ray_job(name, SPEC, self.config, annotations=annotations)
        manifest["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
        if label is not None:
            manifest["metadata"]["labels"] = label
        self.api.create(jobs_path(self.config.namespace), manifest)
        if status is not None:
            self.api.patch(f"{self.path(name)}/status", {"status": status})

    def adopt(self, name: str) -> None:
        """What a step does that comes back for its cluster."""
        self.api.patch(self.path(name), {"metadata": {"annotations": {labels.RUN: LIVING}}})

    def replace(self, name: str) -> None:
        """Another takes the name of a cluster that goes."""
        there = self.api.get(self.path(name))
        assert there is not None
        self.api.delete(self.path(name), uid=there["metadata"]["uid"])
        until("end of it", lambda: not self.is_there(name), timeout_s=WITHIN_S)
        self.make(name, annotations={labels.RUN: LIVING}, status=RUNNING)

    def is_there(self, name: str) -> bool:
        return self.api.get(self.path(name)) is not None

    def path(self, name: str) -> str:
        return jobs_path(self.config.namespace, name)

    def reap(self, *, api: KubernetesApi | None = None, later_s: float = 0.0) -> list[Reaped]:
        """Reap, `later_s` from now."""
        provisioner = EphemeralProvisioner(self.config, api=api, now=lambda: time.time() + later_s)
        return list(provisioner.reap(self.run_ended_s, dry_run=False))

    def reap_while(self, cluster: Cluster, name: str, happens: Callable[[str], None]) -> Reaped:
        """Reap, and let something happen to a cluster just before it is deleted."""
        let_go = Event()
        with (
            in_front_of(cluster) as proxy,
            proxy.failing(Hold(until=let_go), method="DELETE", path=name),
            ThreadPoolExecutor(1) as pool,
        ):
            api = KubernetesApi(find_access(kubeconfig=str(proxy.cluster.kubeconfig)))
            try:
                reaped = pool.submit(self.reap, api=api)
                until(
                    "request to delete it",
                    lambda: "DELETE" in [one.method for one in proxy.seen],
                    timeout_s=WITHIN_S,
                )
                happens(name)
            finally:
                let_go.set()
            [one] = reaped.result(WITHIN_S)
        return one


@pytest.fixture(scope="module")
def light(cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, "reaper") as light:
        yield light


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation whose Dagster knows two runs."""
    home = tmp_path_factory.mktemp("home")
    with dagster_of(home) as instance:
        for run in (ENDED, LIVING):
            started = dg.DagsterRunStatus.STARTED
            instance.add_run(dg.DagsterRun(job_name="training", run_id=run, status=started))
        failure = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.PIPELINE_FAILURE.value, job_name="training"
        )
        ended_at = datetime.fromtimestamp(time.time() - RETRY_WITHIN_S - 60, UTC)
        instance.handle_run_event(ENDED, failure, ended_at)
    return home


@pytest.fixture(scope="module")
def run_ended_s(home: Path) -> Iterator[RunEnd]:
    with dagster_of(home) as instance:
        yield run_ends(instance)


@pytest.fixture
def world(light: LightClusters, run_ended_s: RunEnd, request: pytest.FixtureRequest) -> World:
    """An environment of the test's own."""
    config = light.config(environment=request.node.name)
    return World(
        config=config,
        api=KubernetesApi(find_access(kubeconfig=str(light.cluster.kubeconfig))),
        run_ended_s=run_ended_s,
    )


@pytest.fixture
def reap_command(
    world: World, home: Path, tmp_path: Path
) -> Callable[..., dict[str, tuple[bool, str]]]:
    """`mlp cluster reap`: which it names, whether each was removed, and what it said beside."""
    values = TypeAdapter(KubeRayConfig).dump_python(world.config, mode="json")
    (tmp_path / "clusters.yaml").write_text(json.dumps(values))

    def typed(*options: str, **variables: str) -> dict[str, tuple[bool, str]]:
        file = {"MLP_CLUSTERS_FILE": str(tmp_path / "clusters.yaml")}
        done = mlp(home, "cluster", "reap", "--json", *options, **file, **variables)
        assert done.code == 0, done.err
        return {one["name"]: (one["removed"], done.err) for one in json.loads(done.out)}

    return typed


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("leaked", RUNNING),
        ("never-started", {"jobDeploymentStatus": "Initializing"}),
        ("in-a-queue", {"jobDeploymentStatus": "Suspended"}),
        ("unseen", None),
    ],
)
def test_a_cluster_whose_run_has_ended_is_removed_however_far_it_came(
    world: World, name: str, status: dict[str, str] | None
) -> None:
    world.make(name, annotations={labels.RUN: ENDED}, status=status)
    [reaped] = world.reap()
    assert (reaped.name, reaped.removed) == (name, True)
    assert f"its run {ENDED} ended" in reaped.reason
    assert not world.is_there(name)


def test_a_healthy_training_of_five_hours_is_kept(world: World) -> None:
    world.make("healthy", annotations={labels.RUN: LIVING}, status=RUNNING)
    world.make("forgotten", annotations={labels.RUN: ENDED}, status=RUNNING)
    reaped = world.reap(later_s=5 * HOURS)
    assert [one.name for one in reaped] == ["forgotten"]
    assert world.is_there("healthy")


def test_a_cluster_of_a_run_that_dagster_does_not_know_is_kept(world: World) -> None:
    world.make("of-another-dagster", annotations={labels.RUN: UNKNOWN}, status=RUNNING)
    [found] = world.reap(later_s=5 * HOURS)
    assert (found.removed, found.reason) == (
        False,
        f"Dagster has never heard of its run {UNKNOWN}",
    )
    assert found.kept.startswith("somebody else may use it until ")
    assert world.is_there("of-another-dagster")


def test_a_cluster_in_a_queue_that_nobody_ever_comes_back_for_is_removed_in_the_end(
    world: World,
) -> None:
    limits = world.config.limits
    world.make("of-nobody", annotations={}, status={"jobDeploymentStatus": "Suspended"})
    [found] = world.reap(later_s=limits.queue_s + limits.running_s + UNHEARD_S + 60)
    assert (found.name, found.removed) == ("of-nobody", True)
    assert not world.is_there("of-nobody")


def test_an_end_that_cannot_be_read_keeps_no_other_cluster(world: World) -> None:
    world.make("broken", annotations={labels.EXPIRES: "tomorrow"}, status=RUNNING)
    world.make("expired", annotations={labels.EXPIRES: "2026-01-02T12:00:00Z"}, status=RUNNING)
    assert {one.name: one.removed for one in world.reap()} == {"broken": False, "expired": True}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("of-production", {labels.MANAGED_BY: labels.US, labels.ENVIRONMENT: "prod"}),
        ("of-anybody", {}),
    ],
)
def test_a_cluster_of_others_is_never_touched(
    world: World, name: str, label: dict[str, str]
) -> None:
    old = {labels.RUN: ENDED, labels.EXPIRES: "2026-01-02T12:00:00Z"}
    world.make(name, annotations=old, status=RUNNING, label=label)
    assert world.reap(later_s=5 * HOURS) == []
    assert world.is_there(name)


def test_a_cluster_that_is_adopted_just_before_it_is_deleted_lives(
    world: World, cluster: Cluster
) -> None:
    world.make("adopted", annotations={labels.RUN: ENDED}, status=RUNNING)
    reaped = world.reap_while(cluster, "adopted", world.adopt)
    assert (reaped.name, reaped.removed) == ("adopted", False)
    assert world.is_there("adopted")
    assert world.reap() == []


def test_a_cluster_that_took_the_name_of_a_deleted_one_lives(
    world: World, cluster: Cluster
) -> None:
    world.make("renewed", annotations={labels.RUN: ENDED}, status=RUNNING)
    reaped = world.reap_while(cluster, "renewed", world.replace)
    assert (reaped.name, reaped.removed) == ("renewed", False)
    assert world.is_there("renewed")


def test_the_command_shows_and_with_yes_removes(
    world: World, reap_command: Callable[..., dict[str, tuple[bool, str]]]
) -> None:
    world.make("unneeded", annotations={labels.RUN: ENDED}, status=RUNNING)
    world.make("needed", annotations={labels.RUN: LIVING}, status=RUNNING)

    shown = reap_command()
    was_there = world.is_there("unneeded")
    removed = reap_command("--yes")

    assert [(name, gone) for name, (gone, _) in shown.items()] == [("unneeded", False)]
    assert was_there
    assert [(name, gone) for name, (gone, _) in removed.items()] == [("unneeded", True)]
    assert not world.is_there("unneeded")
    assert world.is_there("needed")


def test_without_dagster_the_clusters_of_runs_are_kept_and_the_expired_go(
    world: World, reap_command: Callable[..., dict[str, tuple[bool, str]]], tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(NO_DATABASE))
    world.make("of-a-run", annotations={labels.RUN: ENDED}, status=RUNNING)
    world.make("expired", annotations={labels.EXPIRES: "2026-01-02T12:00:00Z"}, status=RUNNING)

    [(name, (removed, said))] = reap_command("--yes", DAGSTER_HOME=str(tmp_path)).items()

    assert (name, removed) == ("expired", True)
    assert "Dagster cannot be asked which runs have ended" in said
    assert world.is_there("of-a-run")


def test_one_cluster_more_than_there_may_be_is_refused(light: LightClusters, world: World) -> None:
    world.make("the-only-one", annotations={labels.RUN: LIVING}, status=RUNNING)
    capped = light.config(environment=world.config.environment, max_clusters=1)
    request = ClusterRequest(name="one-more", spec=SPEC, holder="a test", run=LIVING)

    with (
        pytest.raises(
            ClusterStartError, match="as many clusters as it may have, 1 that"
        ) as refused,
        EphemeralProvisioner(capped).acquire(request, Recorder(lambda event: None)),
    ):
        pytest.fail("it was made")

    assert "`mlp cluster reap` those that nobody needs" in refused.value.hint
    assert not world.is_there("one-more")
    assert world.is_there("the-only-one")


def test_the_api_server_takes_the_reapers_cron_job(cluster: Cluster, light: LightClusters) -> None:
    where = f"--namespace={light.namespace}"
    strictly = ("--dry-run=server", "--validate=strict", f"--filename={CRON_JOB}")
    assert "created" in cluster.kubectl("create", where, *strictly)


def test_the_reapers_pod_may_run_in_a_restricted_namespace(
    cluster: Cluster, namespace: str
) -> None:
    job = yaml.safe_load(CRON_JOB.read_text())["spec"]["jobTemplate"]["spec"]
    spec = job["template"]["spec"]
    where = f"--namespace={namespace}"
    cluster.kubectl("create", "serviceaccount", spec["serviceAccountName"], where)
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, restricted)

    def create(spec: dict[str, Any]) -> str:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reaper"}, "spec": spec}
        options = ("--dry-run=server", "--validate=strict", "--filename=-")
        return cluster.kubectl("create", where, *options, stdin=json.dumps(pod))

    with pytest.raises(ClusterError, match="restricted"):
        create(spec | {"securityContext": {}})
    assert "created" in create(spec)
