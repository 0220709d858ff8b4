"""The roles of `deploy/rbac.yaml`: an account with them may do this work and nothing else."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.head_address import head_address
from ml_platform.errors import ApiForbiddenError
from tests.kubernetes import accounts
from tests.kubernetes.accounts import as_account, make_account
from tests.kubernetes.testbed.cluster import Cluster

pytestmark = pytest.mark.kubernetes

ACCOUNT = "step"
OUTSIDE = "outside"
BYSTANDER = "bystander"
NOT_GRANTED = [
    ("create", "pods"),
    ("delete", "pods"),
    ("create", "pods/exec"),
    ("list", "secrets"),
    ("create", "secrets"),
    ("create", "rayclusters.ray.io"),
    ("delete", "rayclusters.ray.io"),
    ("update", "rayclusters.ray.io"),
    ("patch", "pods"),
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


Right = tuple[str, str, str, str]
"""Verb, API group, resource with its subresource, and the one name that it holds for, or empty."""


@pytest.fixture(scope="module")
def granted(cluster: Cluster) -> Iterator[str]:
    """A namespace in which one account has the role of a step, one both roles, and one none."""
    with cluster.namespace("rbac") as namespace:
        make_account(cluster, namespace, ACCOUNT, accounts.STEP)
        make_account(cluster, namespace, OUTSIDE, accounts.STEP, accounts.OUTSIDE)
        make_account(cluster, namespace, BYSTANDER)
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


def rights(rules: Iterable[dict[str, Any]]) -> set[Right]:
    """Rules, as the API writes them, one by one."""
    return {
        (verb, group, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
    }


def said_rules(cluster: Cluster, namespace: str, account: str) -> tuple[set[Right], set[str]]:
    """What the API server says an account may do in the namespace, and which paths it may read."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    whom = f"--as=system:serviceaccount:{namespace}:{account}"
    # To validate is to list the definitions of all kinds, which no such account may.
    how = ("--validate=false", "--filename=-", "--output=json")
    said = json.loads(cluster.kubectl("create", whom, *how, stdin=json.dumps(review)))
    others = said["status"]["nonResourceRules"]
    paths = {
        f"{verb} {path}"
        for rule in others
        for verb in rule["verbs"]
        for path in rule["nonResourceURLs"]
    }
    return rights(said["status"]["resourceRules"]), paths


def rules_of(*names: str) -> list[dict[str, Any]]:
    """The rules of these roles of the file."""
    roles = yaml.safe_load_all(accounts.FILE.read_text())
    return [rule for role in roles if role["metadata"]["name"] in names for rule in role["rules"]]


@pytest.mark.parametrize(
    ("account", "roles"),
    [
        (ACCOUNT, [accounts.STEP]),
        (OUTSIDE, [accounts.STEP, accounts.OUTSIDE]),
    ],
)
def test_an_account_has_the_rules_of_its_roles_and_those_of_every_account(
    cluster: Cluster, granted: str, account: str, roles: list[str]
) -> None:
    everybodys, paths_of_everybody = said_rules(cluster, granted, BYSTANDER)
    of_file = rights(rules_of(*roles))

    assert not everybodys & of_file
    assert said_rules(cluster, granted, account) == (everybodys | of_file, paths_of_everybody)


def test_a_step_may_do_what_its_role_says(cluster: Cluster, granted: str) -> None:
    roles = {
        role["metadata"]["name"]: role for role in yaml.safe_load_all(accounts.FILE.read_text())
    }
    for rule in roles[accounts.STEP]["rules"]:
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


@pytest.mark.usefixtures("kuberay")
def test_who_lacks_the_way_to_a_head_from_outside_is_told_the_right(
    cluster: Cluster, granted: str, tmp_path: Path
) -> None:
    step = as_account(cluster, granted, ACCOUNT, tmp_path)
    api = KubernetesApi(find_access(kubeconfig=str(step.kubeconfig)))
    assert api.list(jobs_path(granted)) == []
    head = head_address(api, granted, "none", token_auth=False)
    retry = HeadRetry(still_grants=api.still_grants)
    with JobsApi(head) as jobs, pytest.raises(ApiForbiddenError) as raised:
        retry.ask(jobs.jobs)
    assert "services/proxy" in raised.value.message
    assert accounts.OUTSIDE in raised.value.hint


def test_a_step_may_do_nothing_in_other_namespaces(cluster: Cluster, granted: str) -> None:
    assert not may(cluster, "default", "list", "rayjobs.ray.io", of=granted)
