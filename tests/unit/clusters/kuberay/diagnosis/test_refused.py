"""What the API server says when it does not make an object, and how long that may last."""

import pytest

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis
from ml_platform.clusters.kuberay.diagnosis.refused import refused_create
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import (
    event,
    only_finding,
    pod,
    ray_cluster,
    ray_job,
    seen_of,
)

POD = 'pods "c-w-worker-2n482" is forbidden: '


def refused_with(text: str, *pods: Object, reason: str = "FailedCreateWorkerPod") -> Diagnosis:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": reason}
    failure["message"] = f"{reason}\n{text}"
    return only_finding(seen_of(*pods, ray_cluster=ray_cluster(failure)))


def test_a_quota_that_others_use_up_may_have_room_again() -> None:
    resources = {"requests": {"memory": "512Mi"}}
    mine = pod(spec={"containers": [{"name": "ray-worker", "resources": resources}]})
    found = refused_with(
        'pods "c-w-worker-2n482" is forbidden: exceeded quota: team, requested: '
        "requests.cpu=2,requests.memory=512Mi, used: requests.cpu=15,requests.memory=3Gi, "
        "limited: requests.cpu=16,requests.memory=3Gi",
        mine,
    )
    assert (found.key, found.state, found.give_up_after_s) == ("quota/team", "starting", None)
    assert "requests.cpu: 2 more would make 17 of 16, 1 too much" in found.failure.message
    assert "3584Mi of 3Gi, 512Mi too much" in found.failure.message


@pytest.mark.parametrize(
    ("reason", "pods"),
    [
        ("FailedCreateHeadPod", [pod("c-head", head=True)]),
        ("FailedCreateHeadPod", [pod("c-head", head=True), pod()]),
        ("FailedCreateWorkerPod", [pod("c-head", head=True), pod()]),
    ],
)
def test_what_was_refused_and_is_there_now_is_refused_no_longer(
    reason: str, pods: list[Object]
) -> None:
    """The operator's condition is older than the pod: with it, one would seem to be too many."""
    text = "exceeded quota: full, requested: pods=1, used: pods=2, limited: pods=2"
    failure = {"type": "ReplicaFailure", "status": "True", "reason": reason}
    failure["message"] = f"{reason}\n{text}"
    groups = [{"groupName": "w", "replicas": 1}]
    cluster = {**ray_cluster(failure), "spec": {"workerGroupSpecs": groups}}
    assert diagnose(seen_of(*pods, ray_cluster=cluster)) == ()


@pytest.mark.parametrize(
    ("text", "key", "state"),
    [
        (
            'admission webhook "policy.team.io" denied the request: no privileged pods',
            "admission/worker/w/policy.team.io",
            "broken",
        ),
        (
            'pods "c" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "admission/worker/w/PodSecurity",
            "broken",
        ),
        (
            'pods "c" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            "admission/worker/w/maximum memory usage per Container",
            "broken",
        ),
        (
            'pods "c" is forbidden: no PriorityClass with name urgent was found',
            "priority/urgent",
            "broken",
        ),
        (
            f"{POD}cpu max limit to request ratio per Container is 2, but no request is specified",
            "admission/worker/w/cpu max limit to request ratio per Container",
            "broken",
        ),
        (
            f"{POD}image policy webhook backend denied one or more images: not signed",
            "admission/worker/w/image policy",
            "broken",
        ),
        ('Pod "c" is invalid: spec.volumes[0].name: Required', "invalid/worker/w", "broken"),
        (
            'failed calling webhook "policy.team.io": connection refused',
            "webhook/policy.team.io",
            "starting",
        ),
        ("etcdserver: request timed out", "create/worker/w", "starting"),
    ],
)
def test_what_admission_refuses_is_for_ever_and_what_fails_on_the_way_is_not(
    text: str, key: str, state: str
) -> None:
    found = refused_with(text)
    assert (found.key, found.state) == (key, state)
    assert found.failure.evidence == (text,)


def test_a_ray_cluster_that_may_not_be_made_is_told_by_the_event_of_its_job() -> None:
    text = "Failed to create RayCluster ns/c: exceeded quota: q, requested: count/x=1, "
    said = event(
        "FailedToCreateRayCluster", f"{text}used: count/x=5, limited: count/x=5", "c", kind="RayJob"
    )
    job = ray_job(status={"jobDeploymentStatus": "Initializing"})
    assert only_finding(seen_of(ray_job=job, events=[said])).key == "quota/q"


def test_an_account_that_the_autoscaler_lacks_is_named() -> None:
    text = (
        "Failed to reconcile RayCluster ns/c. If users specify ServiceAccountName for the head "
        "Pod, they need to create a ServiceAccount themselves. However, ServiceAccount trainer is "
        "not found. Please create one."
    )
    told = event("AutoscalerServiceAccountNotFound", text, "c", kind="RayCluster")
    found = only_finding(seen_of(ray_cluster=ray_cluster(), events=[told]))
    assert (found.key, found.failure.place.kind) == ("service-account/trainer", "head")


@pytest.mark.parametrize(
    ("text", "key", "said", "hint"),
    [
        (
            'pod rejected: RuntimeClass "gvisor" not found',
            "runtime-class/gvisor",
            "no runtime class gvisor",
            "kubectl get runtimeclasses",
        ),
        (
            "pod node label selector conflicts with its namespace node label selector",
            "node-selector/worker/w",
            "keeps its pods to other nodes",
            "Leave `nodeSelector`",
        ),
        (
            "insufficient quota to match these scopes: [{PriorityClass In [high]}]",
            "quota-scope/worker/w",
            "PriorityClass In [high]",
            "another `priority`",
        ),
        (
            "unable to create new content in namespace ray because it is being terminated",
            "namespace-ends/ray",
            "The namespace ray is being removed",
            "another `namespace`",
        ),
        (
            'User "system:serviceaccount:kuberay:op" cannot create resource "pods" in API group ""',
            "right/system:serviceaccount:kuberay:op",
            "lacks the right",
            "look after this namespace",
        ),
        ("nobody knows this rule", "forbidden/worker/w", "nobody knows this rule", "namespace"),
    ],
)
def test_what_is_forbidden_is_named_and_given_a_minute(
    text: str, key: str, said: str, hint: str
) -> None:
    found = refused_with(f"{POD}{text}")
    assert (found.key, found.state, found.give_up_after_s) == (key, "starting", 60.0)
    assert said in found.failure.message
    assert hint in found.failure.hint


def test_what_is_no_valid_pod_is_the_users_input() -> None:
    text = 'Pod "c" is invalid: spec.containers[0].image: Required value'
    assert refused_with(text).failure.cause is Cause.BAD_INPUT


def test_what_kuberay_tries_ever_more_seldom_is_told_from_what_is_for_ever() -> None:
    paused = [f"{POD}nobody knows this rule", "etcdserver: request timed out"]
    for_ever = f"{POD}no PriorityClass with name urgent was found"
    assert [refused_with(text).operator_pauses for text in (*paused, for_ever)] == [
        *(True, True, False)
    ]


@pytest.mark.parametrize(
    ("text", "key", "said", "hint"),
    [
        (
            'rayjobs.ray.io "c" is forbidden: exceeded quota: team, requested: '
            "count/rayjobs.ray.io=1, used: count/rayjobs.ray.io=5, limited: count/rayjobs.ray.io=5",
            "quota/team",
            "has no room for its RayJob: count/rayjobs.ray.io: 1 more would make 6 of 5",
            "others have ended",
        ),
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: label team is '
            "required",
            "admission/cluster/validate.kyverno.svc-fail",
            "label team is required",
            "ask whoever set the rule",
        ),
        (
            'rayjobs.ray.io "c" is forbidden: unable to create new content in namespace ray '
            "because it is being terminated",
            "namespace-ends/ray",
            "The namespace ray is being removed",
            "Wait until it is gone",
        ),
        ('namespaces "ray" not found', "no-namespace", "no namespace ray", "create namespace ray"),
        ("404 page not found", "not-installed", "KubeRay is not installed", "Install KubeRay"),
        (
            'Internal error occurred: failed calling webhook "mrayjob.kb.io": connection refused',
            "webhook/mrayjob.kb.io",
            "mrayjob.kb.io does not answer",
            "tried again",
        ),
    ],
)
def test_a_ray_job_that_is_not_made_says_why(text: str, key: str, said: str, hint: str) -> None:
    found = refused_create(text, "ray")
    assert found is not None
    assert (found.key, found.failure.place) == (key, Place(kind="cluster"))
    assert said in found.failure.message
    assert hint in found.failure.hint


@pytest.mark.parametrize(
    "text",
    [
        "503 Service Unavailable",
        'rayjobs.ray.io is forbidden: User "ada" cannot create resource "rayjobs" in API group ""',
    ],
)
def test_a_server_that_is_away_or_refuses_us_says_nothing_of_the_ray_job(text: str) -> None:
    assert refused_create(text, "ray") is None
