"""RayClusters: from a good start to images that are missing, quotas, suspension and pod deaths."""

from tests.kubernetes.conformance.containers import is_ready, restarts, runs_in
from tests.kubernetes.conformance.manifests import requesting
from tests.kubernetes.conformance.run import Run
from tests.kubernetes.conformance.scenario import allow, scenario
from tests.support.kuberay.api import Object

LONGER = allow(
    r"RayCluster/.* HeadPodReady",
    "how often the container is seen running between two of its ends depends on the kubelet",
)


@scenario("rc-ready", pods=3)
def ready(run: Run) -> None:
    run.create(run.manifests.cluster(groups=[run.manifests.group(replicas=2)]))
    run.wait_until_provisioned()
    run.pause(2)
    run.delete("RayCluster", "rc1")
    run.wait_until_gone()


@scenario(
    "rc-invalid",
    pods=4,
    allowances=(
        allow(
            r"refused: create RayCluster/crd-(nohead|unknownfield|badtype)",
            "what the definitions refuse never comes to the operator, and ours are small ones",
        ),
    ),
)
def invalid(run: Run) -> None:
    make, slow = run.manifests, run.ray.slow(reachable=True)
    without_version = make.cluster(
        "inv-auth", groups=[], authOptions={"mode": "token"}, head_env=slow
    )
    del without_version["spec"]["rayVersion"]
    run.create(without_version)
    run.create(make.cluster("n" * 54, groups=[]))
    group = {**make.group(), "minReplicas": 3, "maxReplicas": 1, "replicas": 2}
    run.create(make.cluster("inv-minmax", groups=[group]))
    group = make.group(env=slow)
    del group["minReplicas"], group["maxReplicas"]
    run.create(make.cluster("inv-nominmax", groups=[group], head_env=slow))
    run.create(make.cluster("1starts-with-digit", groups=[]))
    group = {**make.group(), "resources": {"CPU": "1"}}
    run.create(make.cluster("inv-dup-resources", groups=[group]))
    run.create(make.cluster("Crd-Upper"))
    manifest = make.cluster("crd-nocontainers")
    manifest["spec"]["headGroupSpec"]["template"]["spec"]["containers"] = []
    run.create(manifest)
    group = {**make.group(), "numOfHosts": 0}
    run.create(make.cluster("numofhosts-zero", groups=[group], head_env=slow))
    run.wait("all containers", lambda: [runs_in(pod) for pod in run.pods()] == [True] * 3)
    run.pause(6)
    run.delete("RayCluster", "numofhosts-zero")
    run.patch("RayCluster", "inv-auth", {"spec": {"authOptions": None}})
    run.pause(8)


@scenario("rc-worker-pod-deleted", pods=3)
def worker_pod_deleted(run: Run) -> None:
    run.create(run.manifests.cluster(groups=[run.manifests.group(replicas=2)]))
    run.wait_until_provisioned()
    run.pause(2)
    name = run.pods("worker")[0]["metadata"]["name"]
    run.delete("Pod", name)
    run.wait(
        "a ready replacement",
        lambda: (
            name not in run.observed.latest["Pod"] and run.cluster().get("readyWorkerReplicas") == 2
        ),
    )
    run.pause(2)


@scenario("rc-head-pod-deleted")
def head_pod_deleted(run: Run) -> None:
    run.create(run.manifests.cluster())
    run.wait_until_provisioned()
    run.pause(2)
    name = run.pods("head")[0]["metadata"]["name"]
    run.delete("Pod", name)
    run.wait(
        "a new head that is ready",
        lambda: name not in run.observed.latest["Pod"] and run.condition("HeadPodReady") == "True",
    )
    run.wait("the worker's container again", lambda: is_ready(run, "worker", restarted=True))
    run.wait("the worker ready again", lambda: run.cluster().get("readyWorkerReplicas") == 1)


@scenario("rc-worker-oomkilled")
def worker_oom_of_a_process(run: Run) -> None:
    _run_until_failed(run, run.ray.eats("task"))


@scenario("rc-worker-oom-raymonitor")
def worker_oom_by_rays_monitor(run: Run) -> None:
    """A task that fails: all that a pod and a RayCluster show when Ray's monitor has ended one.

    The monitor itself is not observed.
    """
    _run_until_failed(run, f"{run.ray.task(1)}; exit 1")


@scenario("rc-worker-oomkilled-group")
def worker_oom_of_the_container(run: Run) -> None:
    _run_until_failed(run, run.ray.eats("worker"))
    run.wait("the worker's container again", lambda: is_ready(run, "worker", restarted=True))
    run.wait("the worker ready again", lambda: run.cluster().get("readyWorkerReplicas") == 1)
    run.pause(1)


@scenario("rc-head-oomkilled")
def head_oom_of_the_driver(run: Run) -> None:
    _run_until_failed(run, run.ray.eats("driver"))


@scenario("rc-head-oomkilled-group", allowances=(LONGER,))
def head_oom_of_the_container(run: Run) -> None:
    entrypoint = run.ray.eats("head")
    run.create(run.manifests.cluster())
    run.wait_until_provisioned()
    run.submit("job1", entrypoint)
    run.wait("the head's container again", lambda: is_ready(run, "head", restarted=True))
    run.wait("the head ready again", lambda: run.condition("HeadPodReady") == "True")
    run.pause(3)
    code, _ = run.dashboard("GET", "/api/jobs/job1")
    assert code == 404, "a head that was restarted knows no job"


@scenario("rc-image-missing", pods=3)
def image_missing(run: Run) -> None:
    make = run.manifests
    never = make.group("never", image="tb.local/absent:1")
    if_not_present = make.group("ifnp", image="tb.local/absent:1", imagePullPolicy="IfNotPresent")
    run.create(make.cluster(groups=[never, if_not_present]))
    run.wait("head ready", lambda: run.condition("HeadPodReady") == "True")
    run.pause(20)


@scenario("rc-unschedulable", pods=1)
def unschedulable(run: Run) -> None:
    make = run.manifests
    big = requesting(make.group("bigcpu"), "requests", "cpu", "64")
    gpu = requesting(make.group("gpu"), "limits", "nvidia.com/gpu", "1")
    run.create(make.cluster(groups=[big, gpu]))
    run.wait("head ready", lambda: run.condition("HeadPodReady") == "True")
    run.pause(5)


@scenario("rc-quota", pods=2)
def quota(run: Run) -> None:
    # A worker counts for what its init container asks for: 256Mi.
    hard = {"requests.memory": "400Mi"}
    run.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q"},
            "spec": {"hard": hard},
        }
    )
    run.pause(1.5)
    run.create(run.manifests.cluster(groups=[run.manifests.group(replicas=2)]))
    run.wait("first worker", lambda: run.cluster().get("readyWorkerReplicas") == 1)
    # The worker's own changes cause tries too, until now; after 13 the next is due in 20 s or more.
    run.pause(3)
    run.wait("a long back-off", lambda: len(_tries(run)) >= 13)
    run.patch("ResourceQuota", "q", {"spec": {"hard": {"requests.memory": "4Gi"}}})
    run.pause(8)


@scenario("rc-suspend-resume")
def suspend_and_resume(run: Run) -> None:
    run.create(run.manifests.cluster())
    run.wait_until_provisioned()
    run.patch("RayCluster", "rc1", {"spec": {"suspend": True}})
    run.wait("suspended", lambda: run.condition("RayClusterSuspended") == "True")
    run.pause(4)
    run.patch("RayCluster", "rc1", {"spec": {"suspend": False}})
    run.pause(1)
    run.wait_until_provisioned()
    run.pause(1)


@scenario("rc-crash-loop", allowances=(LONGER,))
def crash_loop(run: Run) -> None:
    run.create(run.manifests.cluster(params={"no-such-flag": "1"}))
    run.wait("3 restarts", lambda: restarts(run, "head") >= 3, 150)
    run.pause(0.5)


@scenario("rc-bad-serviceaccount")
def bad_service_account(run: Run) -> None:
    make = run.manifests
    head = {"serviceAccountName": "nope"}
    run.create(make.cluster(head_env=run.ray.slow(), head_pod=head))
    # As long as in the recording: it tells when the next try is due.
    run.pause(25)
    run.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nope"}})
    run.wait("the head pod", lambda: run.pods("head"))
    run.wait("its address", lambda: (run.cluster().get("head") or {}).get("podIP"))
    run.pause(1)


def _run_until_failed(run: Run, entrypoint: str) -> None:
    """A job on a RayCluster without a RayJob: nobody but the dashboard knows of its end."""
    run.create(run.manifests.cluster())
    run.wait_until_provisioned()
    run.submit("job1", entrypoint)
    for _ in range(120):
        code, text = run.dashboard("GET", "/api/jobs/job1")
        if code == 200 and '"FAILED"' in text:
            return
        run.pause(0.5)
    raise AssertionError(f"{run.scenario}: the job did not fail: {code} {text[:300]}")


def _tries(run: Run) -> list[Object]:
    """Entries that tell of a worker pod that could not be made."""
    return [
        entry
        for entry in run.observed.draft.entries
        if entry["kind"] == "Event" and entry["part"].get("reason") == "FailedToCreateWorkerPod"
    ]
