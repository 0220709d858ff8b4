"""The roles of `deploy/rbac.yaml`: an account with them may do this work and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ml_platform.clusters.causes import Place
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, clusters_path, core_path, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.connect import local_address
from ml_platform.clusters.kuberay.diagnosis.diagnoses import diagnosis
from ml_platform.clusters.kuberay.head_address import head_address
from ml_platform.clusters.kuberay.interactive import InteractiveClusters
from ml_platform.clusters.kuberay.interactive_manifest import Wanted
from ml_platform.clusters.kuberay.reminder import EVERY_S, Reminder
from ml_platform.clusters.kuberay.seen import Object, Seen
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.errors import ApiForbiddenError
from ml_platform.xray.records import Recorder
from tests.kubernetes import accounts
from tests.kubernetes.accounts import Right, as_account, asked_for, make_account, rights
from tests.kubernetes.faults.api_proxy import in_front_of
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

pytestmark = pytest.mark.kubernetes

OWNER = "ada@laptop"
NAME = "rights"
PACKAGE = "_ray_pkg_of_a_test.zip"
TOKEN = "ray-token"
NOT_HERE = {
    # `test_queue.py` has a queue.
    ("list", "kueue.x-k8s.io", "workloads", ""),
    ("watch", "kueue.x-k8s.io", "workloads", ""),
    # Served by Kueue itself, from its memory; the unit tests of `kueue.py` have its path.
    ("get", "visibility.kueue.x-k8s.io", "localqueues/pendingworkloads", ""),
}
ACCOUNT = "step"
OUTSIDE = "outside"
BYSTANDER = "bystander"
WITHIN_S = 10.0
SPEC = ClusterSpec(
    provisioner="ephemeral", head=HeadGroup(memory="256Mi"), workers=WorkerGroup(memory="256Mi")
)
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
    ("get", "rayclusters.ray.io"),
    ("get", "pods"),
    ("watch", "secrets"),
    ("update", "secrets"),
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
    head = head_address(api, granted, "none", auth={})
    retry = HeadRetry(still_grants=api.still_grants)
    with JobsApi(head) as jobs, pytest.raises(ApiForbiddenError) as raised:
        retry.ask(jobs.jobs)
    assert "services/proxy" in raised.value.message
    assert accounts.OUTSIDE in raised.value.hint


@pytest.fixture(scope="module")
def light(node: Node, cluster: Cluster, kuberay: operator.KubeRay) -> Iterator[LightClusters]:
    with light_clusters(cluster, NAME) as light:
        yield light


def test_each_right_is_one_that_the_work_takes(light: LightClusters) -> None:
    with in_front_of(light.outside) as proxy:
        work(light.config(kubeconfig=str(proxy.cluster.kubeconfig), token_auth=True))
        asked = asked_for(proxy.seen)

    assert asked == rights(rules_of(accounts.STEP, accounts.OUTSIDE)) - NOT_HERE


def work(config: KubeRayConfig) -> None:
    """A cluster is made, reminded of, asked for its logs, given a job, extended and removed."""
    clusters = InteractiveClusters(config)
    api = KubernetesApi(find_access(kubeconfig=config.kubeconfig))
    wanted = Wanted(name=NAME, spec=SPEC, owner=OWNER, ttl_s=180)
    clusters.up(wanted, Recorder(lambda event: None))
    with JobsApi(clusters.cluster(NAME).head) as jobs:
        jobs.upload_package(PACKAGE, b"a folder")
        jobs.submit("job", "true", env={}, metadata={})
        assert jobs.job("job")
    # What `ray job delete` asks; the light Ray need not know it.
    with local_address(clusters.cluster(NAME).head) as url:
        assert httpx.delete(f"{url}/api/jobs/job").status_code != httpx.codes.FORBIDDEN
    pod, *_ = api.list(core_path(config.namespace, "pods"))
    said = api.log(
        config.namespace,
        pod["metadata"]["name"],
        pod["spec"]["containers"][0]["name"],
        previous=False,
        lines=1,
        within_s=WITHIN_S,
    )
    assert said
    (ray_cluster,) = api.list(clusters_path(config.namespace))
    remind(api, config.namespace, ray_cluster)
    clusters.extend(NAME, OWNER, 240)
    clusters.down(NAME, OWNER)


def remind(api: KubernetesApi, namespace: str, ray_cluster: Object) -> None:
    """Remind KubeRay of the cluster, as of one whose pods a quota has refused for a while."""
    times = iter((0.0, EVERY_S, EVERY_S))
    reminder = Reminder(api, namespace, clock=lambda: next(times))
    refused = diagnosis("quota", "starting", Place(kind="cluster"), "", "", operator_pauses=True)
    for _ in range(2):
        reminder.about(Seen(ray_job=None, ray_cluster=ray_cluster), [refused])


def test_with_one_secret_for_all_clusters_a_step_reads_no_other(
    light: LightClusters, tmp_path: Path
) -> None:
    where = f"--namespace={light.namespace}"
    for name in (TOKEN, "another"):
        key = f"--from-literal=auth_token={name}"
        light.cluster.kubectl("create", "secret", "generic", name, where, key)
    narrow(light, "narrow")
    outside = as_account(light.cluster, light.namespace, "narrow", tmp_path)
    config = light.config(kubeconfig=str(outside.kubeconfig), token_auth=True, token_secret=TOKEN)
    clusters = InteractiveClusters(config)
    wanted = Wanted(name="narrow", spec=SPEC, owner=OWNER, ttl_s=180)
    clusters.up(wanted, Recorder(lambda event: None))
    with JobsApi(clusters.cluster("narrow").head) as jobs:
        assert jobs.jobs() == []
    api = KubernetesApi(find_access(kubeconfig=config.kubeconfig))
    with pytest.raises(ApiForbiddenError):
        api.get(core_path(light.namespace, "secrets", "another"))
    clusters.down("narrow", OWNER)


def narrow(light: LightClusters, account: str) -> None:
    """Make an account with both roles, of which the step's has the one secret only."""
    where = f"--namespace={light.namespace}"
    make_account(light.cluster, light.namespace, account, accounts.OUTSIDE)
    rules = rules_of(accounts.STEP)
    [of_secrets] = [rule for rule in rules if "secrets" in rule["resources"]]
    of_secrets["resourceNames"] = [TOKEN]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": account, "namespace": light.namespace},
        "rules": rules,
    }
    light.cluster.kubectl("create", "--filename=-", stdin=json.dumps(role))
    whom = f"--serviceaccount={light.namespace}:{account}"
    light.cluster.kubectl("create", "rolebinding", account, where, f"--role={account}", whom)


def test_a_step_may_do_nothing_in_other_namespaces(cluster: Cluster, granted: str) -> None:
    assert not may(cluster, "default", "list", "rayjobs.ray.io", of=granted)
