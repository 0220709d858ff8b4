"""A stand-in for KubeRay that is quick: what it is given is ready at once, and gone at once."""

from ml_platform.clusters.kuberay.start import CLUSTERS, PODS
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer
from tests.unit.clusters.kuberay.objects import container, pod, ray_cluster, running

READY = {"type": "HeadPodReady", "status": "True"}


def make_ready(server: KubernetesServer, name: str) -> None:
    """Make the RayCluster, the head and the worker of a RayJob."""
    for kind in ("head", "worker"):
        its = [container(f"ray-{kind}", state=running(), ready=True)]
        is_head = kind == "head"
        server.make(
            PODS,
            pod(f"{name}-{kind}", head=is_head, phase="Running", ready=True, containers=its),
        )
    server.make(CLUSTERS, ray_cluster(READY, state="ready"))
