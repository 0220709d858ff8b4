"""The roles of `deploy/rbac.yaml`: an account with them may do this work and nothing else."""

import json
from collections.abc import Iterator

import pytest
import yaml

from ml_platform.settings import PROJECT_ROOT
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = pytest.mark.kubernetes

ROLES = PROJECT_ROOT / "deploy" / "rbac.yaml"
ACCOUNT = "step"
NOT_GRANTED = [
    ("create", "pods"),
    ("delete", "pods"),
    ("create", "pods/exec"),
    ("list", "secrets"),
    ("create", "secrets"),
    ("create", "rayclusters.ray.io"),
    ("delete", "rayclusters.ray.io"),
    ("update", "rayjobs.ray.io"),
    ("deletecollection", "rayjobs.ray.io"),
    ("get", "services/proxy"),
    ("get", "configmaps"),
    ("create", "roles.rbac.authorization.k8s.io"),
    ("list", "nodes"),
    ("create", "workloads.kueue.x-k8s.io"),
    ("patch", "workloads.kueue.x-k8s.io"),
    ("list", "localqueues.kueue.x-k8s.io"),
    ("get", "clusterqueues.visibility.kueue.x-k8s.io/pendingworkloads"),
]


@pytest.fixture(scope="module")
def granted(cluster: Cluster) -> Iterator[str]:
    """A namespace in which the account has the role of a step."""
    with cluster.namespace("rbac") as namespace:
        where = f"--namespace={namespace}"
        cluster.kubectl("apply", where, f"--filename={ROLES}")
        cluster.kubectl("create", "serviceaccount", ACCOUNT, where)
        whom = f"--serviceaccount={namespace}:{ACCOUNT}"
        cluster.kubectl("create", "rolebinding", "step", where, "--role=ml-platform-step", whom)
        yield namespace


def may(cluster: Cluster, namespace: str, verb: str, resource: str, *, of: str) -> bool:
    """Whether the account of namespace `of` may do this in `namespace`.

    Args:
        resource: `resource.group`, `resource/subresource` or `resource.group/subresource`.
    """
    whole, _, subresource = resource.partition("/")
    name, _, group = whole.partition(".")
    what = {"resource": name, "group": group, "subresource": subresource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{of}:{ACCOUNT}",
            "resourceAttributes": {"namespace": namespace, "verb": verb, **what},
        },
    }
    said = cluster.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
    return bool(json.loads(said)["status"]["allowed"])


def test_a_step_may_do_what_its_role_says(cluster: Cluster, granted: str) -> None:
    roles = {role["metadata"]["name"]: role for role in yaml.safe_load_all(ROLES.read_text())}
    for rule in roles["ml-platform-step"]["rules"]:
        group = f".{rule['apiGroups'][0]}" if rule["apiGroups"][0] else ""
        for resource in rule["resources"]:
            name, slash, subresource = resource.partition("/")
            for verb in rule["verbs"]:
                what = f"{name}{group}{slash}{subresource}"
                assert may(cluster, granted, verb, what, of=granted), f"{verb} {what}"


@pytest.mark.parametrize(("verb", "resource"), NOT_GRANTED)
def test_a_step_may_do_nothing_else(
    cluster: Cluster, granted: str, verb: str, resource: str
) -> None:
    assert not may(cluster, granted, verb, resource, of=granted)


def test_a_step_may_do_nothing_in_other_namespaces(cluster: Cluster, granted: str) -> None:
    assert not may(cluster, "default", "list", "rayjobs.ray.io", of=granted)
