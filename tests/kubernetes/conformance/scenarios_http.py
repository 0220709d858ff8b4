"""RayJobs recorded in HTTPMode where only the submission differs: here the scenario submits."""

from tests.kubernetes.conformance.containers import runs
from tests.kubernetes.conformance.manifests import requesting
from tests.kubernetes.conformance.operator_pod import restart_operator
from tests.kubernetes.conformance.run import Run
from tests.kubernetes.conformance.scenario import allow, scenario
from tests.kubernetes.conformance.scenarios_interactive import LONG_S, submit_and_tell

# As recorded; the scenarios that need the rest of it see it running up to 3 s late.
TASK_S = 12


@scenario("rj-success", http=True)
def success(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("Pod", "RayCluster")
    run.pause(2)


@scenario("rj-ttl", http=True)
def ttl(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, "echo hi")
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("Pod", "RayCluster")
    run.pause(10)


@scenario("rj-user-error", http=True)
def user_error(run: Run) -> None:
    run.create(run.manifests.job(ttlSecondsAfterFinished=8))
    submit_and_tell(run, "echo bad input >&2; exit 1")
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("Pod")
    run.pause(1)


@scenario("rj-prerunning-deadline", pods=1, http=True)
def pre_running_deadline(run: Run) -> None:
    group = requesting(run.manifests.group(), "requests", "cpu", "64")
    cluster = run.manifests.spec(groups=[group], head_env=run.ray.slow())
    run.create(run.manifests.job(cluster=cluster, preRunningDeadlineSeconds=15))
    run.wait_for_deployment("Failed", "Retrying")
    run.wait_until_gone("Pod")
    run.pause(1)


@scenario(
    "rj-invalid",
    http=True,
    allowances=(
        allow(r".*(inv-noentry|crd-mode).*", "an entrypoint and other modes are not ours to test"),
        allow(r"(objects|pods) before the clean-up", "those two have clusters in the recording"),
    ),
)
def invalid(run: Run) -> None:
    make = run.manifests
    run.create(make.job("inv-ttl", shutdownAfterJobFinishes=False))
    run.create(make.job("inv-deadline", activeDeadlineSeconds=0))
    run.create(make.job("inv-backoff", backoffLimit=-1))
    manifest = make.job("inv-auth", cluster=make.spec(authOptions={"mode": "token"}))
    del manifest["spec"]["rayClusterSpec"]["rayVersion"]
    run.create(manifest)
    run.create(
        make.job(
            "inv-suspend",
            suspend=True,
            shutdownAfterJobFinishes=False,
            ttlSecondsAfterFinished=None,
        )
    )
    run.create(make.job("inv-runtimeenv", runtimeEnvYAML="a: [b"))
    manifest = make.job("inv-nocluster")
    del manifest["spec"]["rayClusterSpec"]
    run.create(manifest)
    run.pause(4)
    run.patch("RayJob", "inv-deadline", {"spec": {"activeDeadlineSeconds": 100}})
    run.patch("RayJob", "inv-backoff", {"spec": {"backoffLimit": 0}})
    run.pause(5)


@scenario("rj-name-too-long", http=True)
def name_too_long(run: Run) -> None:
    make = run.manifests
    slow = make.spec(head_env=run.ray.slow())
    run.create(make.job("n" * 48))
    run.create(make.job("1digit"))
    run.create(make.job("m" * 47, cluster=slow))
    run.pause(8)


@scenario("rj-suspend-then-run", http=True)
def suspend_then_run(run: Run) -> None:
    run.create(run.manifests.job(suspend=True))
    run.pause(4)
    run.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    submit_and_tell(run, run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario("rj-suspend-while-running", pods=4, http=True)
def suspend_while_running(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(LONG_S))
    run.wait_for_job("RUNNING")
    run.pause(1)
    old = {pod["metadata"]["name"] for pod in run.pods()}
    run.patch("RayJob", "rj1", {"spec": {"suspend": True}})
    run.wait_for_deployment("Suspended")
    run.pause(3)
    run.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    # The id is still in the spec: the RayJob does not wait for it a second time.
    run.wait_for_deployment("Running")
    run.submit("mine-1", run.ray.task(LONG_S))
    run.wait_for_job("RUNNING")
    run.wait("the end of the old pods", lambda: not old & run.observed.latest["Pod"].keys())
    run.pause(1)


@scenario("rj-deleted-while-starting", http=True)
def deleted_while_starting(run: Run) -> None:
    slow = run.manifests.spec(head_env=run.ray.slow(deaf=True))
    run.create(run.manifests.job(cluster=slow))
    run.wait("the head's container", lambda: runs(run, "head"))
    run.pause(1)
    run.delete("RayJob", "rj1")
    run.wait_until_gone()


@scenario("rj-deleted-while-running", http=True)
def deleted_while_running(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(LONG_S))
    run.wait_for_job("RUNNING")
    run.pause(1)
    run.delete("RayJob", "rj1")
    run.wait_until_gone()


@scenario("rj-worker-killed-while-running", http=True)
def worker_killed(run: Run) -> None:
    # The successor is still waiting for the head when the job, a little after its task, ends.
    late = run.manifests.group(env=run.ray.late(8))
    run.create(run.manifests.job(cluster=run.manifests.spec(groups=[late])))
    submit_and_tell(run, f"{run.ray.task(TASK_S + 4)}; sleep 3")
    run.wait_for_job("RUNNING")
    run.pause(3)
    run.delete("Pod", run.pods("worker")[0]["metadata"]["name"])
    run.wait_for_deployment("Complete", "Failed")


@scenario("rj-worker-force-killed", http=True)
def worker_force_killed(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(TASK_S))
    run.wait_for_job("RUNNING")
    run.pause(3)
    name = run.pods("worker")[0]["metadata"]["name"]
    run.delete("Pod", name, {"gracePeriodSeconds": 0})
    run.wait_for_deployment("Complete", "Failed")


@scenario("rj-worker-oomkilled", http=True)
def worker_oom_of_a_process(run: Run) -> None:
    run.create(run.manifests.job(ttlSecondsAfterFinished=25))
    submit_and_tell(run, f"sleep 3; {run.ray.eats('task')}")
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario("rj-worker-oomkilled-group", http=True)
def worker_oom_of_the_container(run: Run) -> None:
    entrypoint = f"sleep 3; {run.ray.eats('worker')}"
    run.create(run.manifests.job(ttlSecondsAfterFinished=25))
    submit_and_tell(run, entrypoint)
    run.wait_for_deployment("Complete", "Failed")
    run.wait("the worker again", lambda: runs(run, "worker", restarted=True))
    run.pause(3)


@scenario("rj-driver-oomkilled", http=True)
def driver_oom(run: Run) -> None:
    run.create(run.manifests.job(ttlSecondsAfterFinished=15))
    submit_and_tell(run, f"sleep 3; {run.ray.eats('driver')}")
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario("rj-raycluster-deleted", http=True)
def cluster_deleted(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(TASK_S + 4))
    run.wait_for_job("RUNNING")
    run.pause(2)
    pods = {pod["metadata"]["name"] for pod in run.pods()}
    run.delete("RayCluster", next(iter(run.observed.latest["RayCluster"])))
    run.wait("the end of the old pods", lambda: not pods & run.observed.latest["Pod"].keys())
    run.wait("a new head", lambda: runs(run, "head"))
    run.submit("mine-1", run.ray.quick)
    run.wait_for_job("PENDING")
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario(
    "rj-same-name-recreated-immediately",
    pods=4,
    http=True,
    allowances=(
        allow("refused: create RayJob/rj1", "the old one may be gone some milliseconds earlier"),
    ),
)
def same_name_again(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(LONG_S))
    run.wait_for_job("RUNNING")
    run.pause(1)
    latest = run.observed.latest
    old = {*latest["RayCluster"], *latest["Service"], *latest["Pod"]} - {"rj1-head-svc"}
    run.delete("RayJob", "rj1")
    for _ in range(100):
        if run.create(run.manifests.job()) == 201:
            break
        run.pause(0.1)
    run.wait("the new RayJob", lambda: run.job().get("jobDeploymentStatus") == "Initializing")
    # What is left of the old one when the new one runs, its service above all, is taken over.
    run.wait(
        "the end of all that was the old one's",
        lambda: not old & {*latest["RayCluster"], *latest["Service"], *latest["Pod"]},
    )
    submit_and_tell(run, run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario("rj-token-auth", http=True)
def token(run: Run) -> None:
    cluster = run.manifests.spec(authOptions={"mode": "token"})
    run.create(run.manifests.job(cluster=cluster))
    run.wait_for_deployment("Waiting")
    assert run.dashboard("GET", "/api/jobs/")[0] == 401, "nobody may ask without the token"
    run.token = "nonsense"
    assert run.dashboard("GET", "/api/jobs/")[0] == 403, "a wrong token is refused"
    run.token = run.secret_token()
    submit_and_tell(run, "sleep 6")
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("RayCluster")
    run.pause(0.5)


@scenario("rj-operator-restarted", http=True, alone=True)
def operator_restarted(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(15))
    run.wait_for_job("RUNNING")
    restart_operator(run.api)
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("Pod")
