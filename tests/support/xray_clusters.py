"""Clusters that X-Ray's pages show and act on: the real provisioner, on an API server of a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

from ml_platform.clusters.interface import Reaped
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.interactive import InteractiveClusters
from ml_platform.clusters.kuberay.interactive_manifest import Wanted
from ml_platform.clusters.kuberay.start import PODS
from ml_platform.reaping import reap_all
from ml_platform.settings import Settings
from ml_platform.xray.acts import ActLog
from ml_platform.xray.pages.cluster_acts import ClusterActs
from ml_platform.xray.pages.inventory import Inventory
from ml_platform.xray.records import Recorder
from tests.support.xray_pages import NOW_S
from tests.unit.clusters.kuberay.clusters import CONFIG, cluster
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server
from tests.unit.clusters.kuberay.objects import container, pod, running

JOBS: Final = "rayjobs"
ADA: Final = "ada@laptop"
ADAS: Final = "dev-ada"
AN_HOUR_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class SomeClusters:
    """Clusters, and what the pages know them by.

    Attributes:
        server: The API server.
        inventory: Looks at them.
        acts: Acts on them.
        log: Where that is noted.
    """

    server: KubernetesServer
    inventory: Inventory
    acts: ClusterActs
    log: ActLog


@contextmanager
def clusters_of(
    settings: Settings, *, now: Callable[[], float] = lambda: NOW_S
) -> Iterator[SomeClusters]:
    """Ada's cluster, which lives for an hour and is there for one; its head runs."""
    with kubernetes_server() as server:
        api = KubernetesApi(server.access, away_s=0)
        provisioner = EphemeralProvisioner(CONFIG, api=api, now=now)
        people = InteractiveClusters(CONFIG, api=api, now=now)
        wanted = Wanted(name=ADAS, spec=cluster(), owner=ADA, ttl_s=AN_HOUR_S)
        people.up(wanted, Recorder(), wait=False)
        job = server.found(JOBS, ADAS)
        assert job is not None
        made = datetime.fromtimestamp(NOW_S - AN_HOUR_S, UTC).isoformat()
        waiting = {"jobDeploymentStatus": "Waiting", "dashboardURL": "head.ray:8265"}
        server.replace(JOBS, job, {"metadata": {"creationTimestamp": made}, "status": waiting})
        head = pod(
            f"{ADAS}-head",
            head=True,
            phase="Running",
            ready=True,
            containers=[container("ray-head", state=running(), ready=True)],
        )
        head["metadata"]["labels"]["ml-platform/cluster"] = ADAS
        server.make(PODS, head)
        inventory, log = Inventory([provisioner], now=now), ActLog(settings.storage_root)

        def reap() -> Iterator[Reaped]:
            root = settings.storage_root
            return reap_all([provisioner], lambda run: None, storage_root=root, tell=print)

        ids = count()
        acts = ClusterActs(
            inventory,
            log,
            extend=people.extend,
            reap=reap,
            now=now,
            new_id=lambda: f"{next(ids):04d}",
        )
        yield SomeClusters(server=server, inventory=inventory, acts=acts, log=log)
