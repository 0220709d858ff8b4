"""A Kubernetes node as processes of this machine: brought up, looked at, taken down without trace.

All state is in one folder, so any process can look at the node, stop one of its components, or take
it down, also when the one that brought it up was killed half-way.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_platform.processes import stop_all
from tests.kubernetes.testbed import (
    cgroups,
    configuration,
    image,
    layout,
    namespaces,
    object_storage,
)
from tests.kubernetes.testbed.cluster import Cluster, ClusterError
from tests.kubernetes.testbed.components import Component
from tests.kubernetes.testbed.errors import KubernetesTestError
from tests.kubernetes.testbed.programs import Programs, built, machine_lock

COMPONENTS: Final = (
    "etcd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    object_storage.NAME,
)
_READY: Final = "ready.json"
_READY_S: Final = 60.0


class NodeError(KubernetesTestError):
    """The node could not be brought up or taken down; the message says what is in the way."""


@dataclass(frozen=True, slots=True)
class Node:
    """The node that is up. `running()` finds it, `up()` brings it up."""

    kubeconfig: Path = configuration.KUBECONFIG
    folder: Path = layout.FOLDER
    address: str = layout.NODE_ADDRESS
    host_address: str = layout.HOST_ADDRESS

    @property
    def checkout(self) -> Path:
        """The checkout that its pods see."""
        return Path(_said_when_ready()["checkout"])

    @property
    def cluster(self) -> Cluster:
        """Its API, for tests that do not care what is behind it."""
        return _cluster(_said_when_ready()["kubectl"])

    @property
    def components(self) -> list[Component]:
        """All of its programs."""
        return [self.component(name) for name in COMPONENTS]

    def component(self, name: str) -> Component:
        """One of its programs, to stop, freeze or start again: a name of `COMPONENTS`."""
        if name not in COMPONENTS:
            raise NodeError(f"no component {name!r}; there are {', '.join(COMPONENTS)}")
        return Component(name=name)

    def run(self, *command: str, timeout_s: float = 60.0) -> str:
        """Run a command in the node's network and mounts; its standard output."""
        return namespaces.run(command, timeout_s=timeout_s)


def running() -> Node | None:
    """The node that was brought up and not taken down since, whatever state it is in."""
    return Node() if (layout.FOLDER / _READY).exists() else None


def up(say: Callable[[str], None] = lambda _: None) -> Node:
    """Bring the node up, or find it up. What a killed `up` has left is removed first.

    Args:
        say: Told of what takes long, and of what this node will not be able to do.

    Raises:
        ProgramsError: a program could not be built.
        UnreadableError: pods could not read the checkout.
        ComponentError, NamespacesError, NodeError: the node does not start; what has started is
            left to be looked at, `down` removes it.
    """
    obstacle = image.why_no_ray(Path(sys.prefix))
    if obstacle:
        say(obstacle)
    programs = built(say)
    with machine_lock("node"):
        node = running()
        if node is not None and all(component.is_running for component in node.components):
            return node
        _remove()
        for folder in ("", "log", "components"):
            (layout.FOLDER / folder).mkdir(mode=0o755)
        namespaces.make()
        _start(programs)
        said = {"checkout": str(layout.CHECKOUT), "kubectl": str(programs.path("kubectl"))}
        (layout.FOLDER / _READY).write_text(json.dumps(said))
    return Node()


def down() -> None:
    """Take the node down, whatever state it is in; nothing of it is left.

    Raises:
        NodeError, CgroupError: a process of it could not be ended.
    """
    with machine_lock("node"):
        _remove()


def _start(programs: Programs) -> None:
    etcd = configuration.define_etcd(programs)
    etcd.launch()
    containerd = configuration.define_containerd()
    containerd.launch()
    configuration.write_keys()
    api_server = configuration.define_api_server(programs)
    etcd.wait_until_serving()
    api_server.launch()
    storage = object_storage.define(programs)
    storage.launch()
    containerd.wait_until_serving()
    for name, path in layout.IMAGES.items():
        _import(image.archive(name, pause=programs.path("pause"), path=path))
    api_server.wait_until_serving()
    configuration.write_kubeconfig()
    cgroups.make()
    rest = [
        configuration.define_controller_manager(programs),
        configuration.define_scheduler(programs),
        configuration.define_kubelet(programs),
        configuration.define_kube_proxy(programs),
        configuration.define_dns(programs),
    ]
    for component in rest:
        component.launch()
    for component in (*rest, storage):
        component.wait_until_serving()
    cluster = _cluster(str(programs.path("kubectl")))
    for what, condition, log_of in (
        (f"node/{layout.NODE}", "create", "kubelet"),
        (f"node/{layout.NODE}", "condition=Ready", "kubelet"),
        # A pod made before this exists is refused.
        ("serviceaccount/default", "create", "kube-controller-manager"),
    ):
        try:
            cluster.kubectl("wait", what, f"--for={condition}", f"--timeout={_READY_S:.0f}s")
        except ClusterError as error:
            end = Component(name=log_of).end_of_log()
            raise NodeError(f"no {condition} of {what}: {error}{end}") from error


def _cluster(kubectl: str) -> Cluster:
    return Cluster(
        kubeconfig=configuration.KUBECONFIG,
        kubectl_program=kubectl,
        image=layout.IMAGE,
        another_image=layout.ANOTHER_IMAGE,
    )


def _import(archive: bytes) -> None:
    file = layout.FOLDER / "image.tar"
    file.write_bytes(archive)
    where = [f"--address={configuration.CONTAINERD}", "--namespace=k8s.io"]
    namespaces.run(["ctr", *where, "images", "import", str(file)])
    file.unlink()


def _remove() -> None:
    """Whatever a node has left on this machine, in an order that can be cut short anywhere."""
    left = stop_all(layout.MARK, None, grace_s=0)
    if left:
        raise NodeError(f"these processes of the node survive SIGKILL: {left}")
    # A container's process whose parents were killed first carries no mark, but is still in here.
    cgroups.remove()
    if layout.FOLDER.exists():
        namespaces.remove()
        shutil.rmtree(layout.FOLDER)


def _said_when_ready() -> dict[str, Any]:
    return json.loads((layout.FOLDER / _READY).read_text())
