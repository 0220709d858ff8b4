"""The operator runs as it does in production: in a pod, as an account with few rights."""

import json
from typing import Any

import pytest

from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.kubernetes.testbed.node import Node

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.whole_node,
    pytest.mark.usefixtures("node"),
]

_WHERE = f"--namespace={operator.NAMESPACE}"


def test_the_operator_is_not_root(kuberay: KubeRay) -> None:
    uid = kuberay.cluster.kubectl("exec", f"deployment/{operator.NAME}", _WHERE, "--", "id", "-u")
    assert uid.strip() == str(layout.USER)


@pytest.mark.parametrize(
    ("right", "granted"),
    [
        (("create", "", "pods"), True),
        (("update", "ray.io", "rayjobs"), True),
        (("delete", "", "namespaces"), False),
        (("list", "", "nodes"), False),
    ],
)
def test_the_operator_may_do_what_its_chart_grants(
    kuberay: KubeRay, right: tuple[str, str, str], granted: bool
) -> None:
    attributes = dict(zip(("verb", "group", "resource"), right, strict=True))
    account = f"system:serviceaccount:{operator.NAMESPACE}:{operator.NAME}"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": account, "resourceAttributes": attributes},
    }
    answer = kuberay.cluster.kubectl(
        "create", "--filename=-", "--output=json", stdin=json.dumps(review)
    )
    assert json.loads(answer)["status"]["allowed"] is granted


def test_the_operator_can_be_away_and_comes_back(kuberay: KubeRay) -> None:
    kuberay.stop()
    assert _pods(kuberay.cluster) == []
    kuberay.start()
    (pod,) = _pods(kuberay.cluster)
    assert pod["status"]["containerStatuses"][0]["ready"]


def test_an_installed_operator_is_found_installed(node: Node, kuberay: KubeRay) -> None:
    (before,) = _pods(kuberay.cluster)
    operator.install(node.cluster, kuberay.which)
    (after,) = _pods(kuberay.cluster)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def _pods(cluster: Cluster) -> list[dict[str, Any]]:
    return list(cluster.get("pods", _WHERE)["items"])
