"""RayClusters: from a good start to images that are missing, quotas, suspension and pod deaths."""

from tests.kubernetes.conformance.containers import is_ready, restarts, runs_in
from tests.kubernetes.conformance.manifests import requesting
from tests.kubernetes.conformance.situation import allow, situation
from tests.kubernetes.conformance.stage import Stage
from tests.support.kuberay.api import Object

LONGER = allow(
    r"RayCluster/.* HeadPodReady",
    "how often the container is seen running between two of its ends depends on the kubelet",
)


@situation("rc-ready", pods=3)
def ready(stage: Stage) -> None:
    stage.create(stage.manifests.cluster(groups=[stage.manifests.group(replicas=2)]))
    stage.wait_until_provisioned()
    stage.pause(2)
    stage.delete("RayCluster", "rc1")
    stage.wait_until_gone()


@situation(
    "rc-invalid",
    pods=4,
    allowances=(
        allow(
            r"refused: create RayCluster/crd-(nohead|unknownfield|badtype)",
            "what the definitions refuse never comes to the operator, and ours are small ones",
        ),
    ),
)
def invalid(stage: Stage) -> None:
    make, slow = stage.manifests, stage.ray.slow(reachable=True)
    without_version = make.cluster(
        "inv-auth", groups=[], authOptions={"mode": "token"}, head_env=slow
    )
    del without_version["spec"]["rayVersion"]
    stage.create(without_version)
    stage.create(make.cluster("n" * 54, groups=[]))
    group = {**make.group(), "minReplicas": 3, "maxReplicas": 1, "replicas": 2}
    stage.create(make.cluster("inv-minmax", groups=[group]))
    group = make.group(env=slow)
    del group["minReplicas"], group["maxReplicas"]
    stage.create(make.cluster("inv-nominmax", groups=[group], head_env=slow))
    stage.create(make.cluster("1starts-with-digit", groups=[]))
    group = {**make.group(), "resources": {"CPU": "1"}}
    stage.create(make.cluster("inv-dup-resources", groups=[group]))
    stage.create(make.cluster("Crd-Upper"))
    manifest = make.cluster("crd-nocontainers")
    manifest["spec"]["headGroupSpec"]["template"]["spec"]["containers"] = []
    stage.create(manifest)
    group = {**make.group(), "numOfHosts": 0}
    stage.create(make.cluster("numofhosts-zero", groups=[group], head_env=slow))
    stage.wait("all containers", lambda: [runs_in(pod) for pod in stage.pods()] == [True] * 3)
    stage.pause(6)
    stage.delete("RayCluster", "numofhosts-zero")
    stage.patch("RayCluster", "inv-auth", {"spec": {"authOptions": None}})
    stage.pause(8)


@situation("rc-worker-pod-deleted", pods=3)
def worker_pod_deleted(stage: Stage) -> None:
    stage.create(stage.manifests.cluster(groups=[stage.manifests.group(replicas=2)]))
    stage.wait_until_provisioned()
    stage.pause(2)
    name = stage.pods("worker")[0]["metadata"]["name"]
    stage.delete("Pod", name)
    stage.wait(
        "a ready replacement",
        lambda: (
            name not in stage.film.latest["Pod"] and stage.cluster().get("readyWorkerReplicas") == 2
        ),
    )
    stage.pause(2)


@situation("rc-head-pod-deleted")
def head_pod_deleted(stage: Stage) -> None:
    stage.create(stage.manifests.cluster())
    stage.wait_until_provisioned()
    stage.pause(2)
    name = stage.pods("head")[0]["metadata"]["name"]
    stage.delete("Pod", name)
    stage.wait(
        "a new head that is ready",
        lambda: name not in stage.film.latest["Pod"] and stage.condition("HeadPodReady") == "True",
    )
    stage.wait("the worker's container again", lambda: is_ready(stage, "worker", restarted=True))
    stage.wait("the worker ready again", lambda: stage.cluster().get("readyWorkerReplicas") == 1)


@situation("rc-worker-oomkilled")
def worker_oom_of_a_process(stage: Stage) -> None:
    _run_until_failed(stage, stage.ray.eats("task"))


@situation("rc-worker-oom-raymonitor")
def worker_oom_by_rays_monitor(stage: Stage) -> None:
    """A task that fails: all that a pod and a RayCluster show when Ray's monitor has ended one.

    The monitor itself is not played.
    """
    _run_until_failed(stage, f"{stage.ray.task(1)}; exit 1")


@situation("rc-worker-oomkilled-group")
def worker_oom_of_the_container(stage: Stage) -> None:
    _run_until_failed(stage, stage.ray.eats("worker"))
    stage.wait("the worker's container again", lambda: is_ready(stage, "worker", restarted=True))
    stage.wait("the worker ready again", lambda: stage.cluster().get("readyWorkerReplicas") == 1)
    stage.pause(1)


@situation("rc-head-oomkilled")
def head_oom_of_the_driver(stage: Stage) -> None:
    _run_until_failed(stage, stage.ray.eats("driver"))


@situation("rc-head-oomkilled-group", allowances=(LONGER,))
def head_oom_of_the_container(stage: Stage) -> None:
    entrypoint = stage.ray.eats("head")
    stage.create(stage.manifests.cluster())
    stage.wait_until_provisioned()
    stage.submit("job1", entrypoint)
    stage.wait("the head's container again", lambda: is_ready(stage, "head", restarted=True))
    stage.wait("the head ready again", lambda: stage.condition("HeadPodReady") == "True")
    stage.pause(3)
    code, _ = stage.dashboard("GET", "/api/jobs/job1")
    assert code == 404, "a head that was restarted knows no job"


@situation("rc-image-missing", pods=3)
def image_missing(stage: Stage) -> None:
    make = stage.manifests
    never = make.group("never", image="tb.local/absent:1")
    if_not_present = make.group("ifnp", image="tb.local/absent:1", imagePullPolicy="IfNotPresent")
    stage.create(make.cluster(groups=[never, if_not_present]))
    stage.wait("head ready", lambda: stage.condition("HeadPodReady") == "True")
    stage.pause(20)


@situation("rc-unschedulable", pods=1)
def unschedulable(stage: Stage) -> None:
    make = stage.manifests
    big = requesting(make.group("bigcpu"), "requests", "cpu", "64")
    gpu = requesting(make.group("gpu"), "limits", "nvidia.com/gpu", "1")
    stage.create(make.cluster(groups=[big, gpu]))
    stage.wait("head ready", lambda: stage.condition("HeadPodReady") == "True")
    stage.pause(5)


@situation("rc-quota", pods=2)
def quota(stage: Stage) -> None:
    # A worker counts for what its init container asks for: 256Mi.
    hard = {"requests.memory": "400Mi"}
    stage.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q"},
            "spec": {"hard": hard},
        }
    )
    stage.pause(1.5)
    stage.create(stage.manifests.cluster(groups=[stage.manifests.group(replicas=2)]))
    stage.wait("first worker", lambda: stage.cluster().get("readyWorkerReplicas") == 1)
    # The worker's own changes cause tries too, until now; after 13 the next is due in 20 s or more.
    stage.pause(3)
    stage.wait("a long back-off", lambda: len(_tries(stage)) >= 13)
    stage.patch("ResourceQuota", "q", {"spec": {"hard": {"requests.memory": "4Gi"}}})
    stage.pause(8)


@situation("rc-suspend-resume")
def suspend_and_resume(stage: Stage) -> None:
    stage.create(stage.manifests.cluster())
    stage.wait_until_provisioned()
    stage.patch("RayCluster", "rc1", {"spec": {"suspend": True}})
    stage.wait("suspended", lambda: stage.condition("RayClusterSuspended") == "True")
    stage.pause(4)
    stage.patch("RayCluster", "rc1", {"spec": {"suspend": False}})
    stage.pause(1)
    stage.wait_until_provisioned()
    stage.pause(1)


@situation("rc-crash-loop", allowances=(LONGER,))
def crash_loop(stage: Stage) -> None:
    stage.create(stage.manifests.cluster(params={"no-such-flag": "1"}))
    stage.wait("3 restarts", lambda: restarts(stage, "head") >= 3, 150)
    stage.pause(0.5)


@situation("rc-bad-serviceaccount")
def bad_service_account(stage: Stage) -> None:
    make = stage.manifests
    head = {"serviceAccountName": "nope"}
    stage.create(make.cluster(head_env=stage.ray.slow(), head_pod=head))
    # As long as in the recording: it tells when the next try is due.
    stage.pause(25)
    stage.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nope"}})
    stage.wait("the head pod", lambda: stage.pods("head"))
    stage.wait("its address", lambda: (stage.cluster().get("head") or {}).get("podIP"))
    stage.pause(1)


def _run_until_failed(stage: Stage, entrypoint: str) -> None:
    """A job on a RayCluster without a RayJob: nobody but the dashboard knows of its end."""
    stage.create(stage.manifests.cluster())
    stage.wait_until_provisioned()
    stage.submit("job1", entrypoint)
    for _ in range(120):
        code, text = stage.dashboard("GET", "/api/jobs/job1")
        if code == 200 and '"FAILED"' in text:
            return
        stage.pause(0.5)
    raise AssertionError(f"{stage.situation}: the job did not fail: {code} {text[:300]}")


def _tries(stage: Stage) -> list[Object]:
    """Entries that tell of a worker pod that could not be made."""
    return [
        entry
        for entry in stage.film.draft.entries
        if entry["kind"] == "Event" and entry["part"].get("reason") == "FailedToCreateWorkerPod"
    ]
