"""The node is a real one, and pods on it see the project."""

import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes import pods
from tests.kubernetes.testbed import layout, object_storage
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.components import Component
from tests.kubernetes.testbed.node import Node

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]

_WHO_AM_I = """
import json, ssl, urllib.request
from pathlib import Path
account = Path("/var/run/secrets/kubernetes.io/serviceaccount")
review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
request = urllib.request.Request(
    "https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews",
    data=json.dumps(review).encode(),
    headers={"Authorization": "Bearer " + (account / "token").read_text(),
             "Content-Type": "application/json"},
)
trusted = ssl.create_default_context(cafile=account / "ca.crt")
with urllib.request.urlopen(request, context=trusted, timeout=10) as answer:
    print(json.load(answer)["status"]["userInfo"]["username"])
"""
_STORE = """
import gcsfs, os
files = gcsfs.GCSFileSystem(endpoint_url=os.environ["STORAGE_EMULATOR_HOST"], token="anon")
files.mkdir("shared")
with files.open("shared/from-a-pod", "wb") as file:
    file.write(b"x" * (1 << 20))
"""


def test_the_client_sees_a_node_that_is_ready(api_client: "ApiClient") -> None:
    from kubernetes.client import CoreV1Api

    (only,) = CoreV1Api(api_client).list_node().items
    assert {c.type: c.status for c in only.status.conditions}["Ready"] == "True"


def test_a_pod_runs_as_a_user_that_is_not_root(cluster: Cluster, namespace: str) -> None:
    assert pods.output(cluster, namespace, "who", ["id", "-u"]).strip() == str(layout.USER)


def test_a_pod_imports_the_project_from_the_checkout(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    code = "import ml_platform; print(ml_platform.__file__)"
    said = pods.output(cluster, namespace, "import", ["python", "-c", code])
    assert Path(said.strip()).parent == node.checkout / "ml_platform"


@pytest.mark.parametrize("folder", [str(layout.CHECKOUT), sys.prefix, "/usr"])
def test_a_pod_cannot_write_into_the_folders_of_the_machine(
    node: Node, cluster: Cluster, namespace: str, folder: str
) -> None:
    as_root = {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}}
    command = ["sh", "-c", f"touch {folder}/written || echo refused"]
    assert "refused" in pods.output(cluster, namespace, "writer", command, **as_root)


def test_another_image_is_another_image(node: Node, cluster: Cluster, namespace: str) -> None:
    command = ["/bin/sh", "-c", "echo $TESTBED_IMAGE"]
    said = pods.output(cluster, namespace, "other", command, image=cluster.another_image)
    assert said.strip() == layout.ANOTHER_IMAGE


def test_a_pod_reaches_the_api_by_name_as_its_own_account(cluster: Cluster, namespace: str) -> None:
    said = pods.output(cluster, namespace, "account", ["python", "-c", _WHO_AM_I])
    assert said.strip() == f"system:serviceaccount:{namespace}:default"


def test_a_pod_reaches_another_one_by_the_name_of_its_service(
    cluster: Cluster, namespace: str
) -> None:
    server = pods.pod(cluster, namespace, "server", ["python", "-m", "http.server", "8000"])
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    pods.create(cluster, server, service)
    pods.wait(cluster, namespace, "server", "condition=Ready")
    asking = ["wget", "--tries=10", "--retry-connrefused", "-q", "-O-", f"http://web.{namespace}"]
    assert "Directory listing" in pods.output(cluster, namespace, "client", asking)


def test_this_machine_reaches_a_pod_by_its_address(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    pods.create(
        cluster, pods.pod(cluster, namespace, "server", ["python", "-m", "http.server", "8000"])
    )
    pods.wait(cluster, namespace, "server", "condition=Ready")
    seen = cluster.get("pod/server", f"--namespace={namespace}")
    assert "Directory listing" in _page(f"http://{seen['status']['podIP']}:8000/")


def test_a_pod_and_this_machine_share_object_storage(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    import gcsfs

    env = {"STORAGE_EMULATOR_HOST": object_storage.URL}
    pods.output(cluster, namespace, "writer", ["python", "-c", _STORE], env=env)
    files = gcsfs.GCSFileSystem(endpoint_url=object_storage.URL, token="anon")
    assert files.cat("shared/from-a-pod") == b"x" * (1 << 20)


def test_a_frozen_component_answers_nothing_until_it_is_thawed(node: Node) -> None:
    dns = node.component("coredns")
    dns.freeze()
    try:
        assert dns.is_running
        assert not dns.serves()
    finally:
        dns.thaw()
    assert dns.serves()


def test_a_stopped_component_starts_again(node: Node) -> None:
    scheduler = node.component("kube-scheduler")
    before = scheduler.identity
    scheduler.stop()
    assert not scheduler.is_running
    scheduler.start()
    assert scheduler.serves()
    assert scheduler.identity != before


def test_pods_go_on_while_containerd_starts_again(
    node: Node, cluster: Cluster, namespace: str
) -> None:
    pods.create(cluster, pods.pod(cluster, namespace, "sleeper", ["sleep", "infinity"]))
    pods.wait(cluster, namespace, "sleeper", "condition=Ready")
    node.component("containerd").restart()
    (container,) = cluster.get("pod/sleeper", f"--namespace={namespace}")["status"][
        "containerStatuses"
    ]
    assert container["restartCount"] == 0
    pods.output(cluster, namespace, "another", ["true"])


def test_a_component_that_does_not_start_shows_the_end_of_its_log(node: Node) -> None:
    broken = Component(name="broken")
    broken.define(["sh", "-c", "echo no such door >&2; exit 1"], probe="http://127.0.0.1:9/")
    with pytest.raises(
        Exception, match=r"broken ended (at once|while starting)[\s\S]*no such door"
    ):
        broken.start()


def _page(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
