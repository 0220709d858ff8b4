"""RayJobs recorded in HTTPMode where only the submission differs: here the play submits."""

from tests.kubernetes.conformance.containers import runs
from tests.kubernetes.conformance.manifests import requesting
from tests.kubernetes.conformance.operator_pod import restart_operator
from tests.kubernetes.conformance.plays_interactive import LONG_S, submit_and_tell
from tests.kubernetes.conformance.situation import allow, situation
from tests.kubernetes.conformance.stage import Stage

# As recorded; the plays that need the rest of it see it running up to 3 s late.
TASK_S = 12


@situation("rj-success", http=True)
def success(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("Pod", "RayCluster")
    stage.pause(2)


@situation("rj-ttl", http=True)
def ttl(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, "echo hi")
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("Pod", "RayCluster")
    stage.pause(10)


@situation("rj-user-error", http=True)
def user_error(stage: Stage) -> None:
    stage.create(stage.manifests.job(ttlSecondsAfterFinished=8))
    submit_and_tell(stage, "echo bad input >&2; exit 1")
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("Pod")
    stage.pause(1)


@situation("rj-prerunning-deadline", pods=1, http=True)
def pre_running_deadline(stage: Stage) -> None:
    group = requesting(stage.manifests.group(), "requests", "cpu", "64")
    cluster = stage.manifests.spec(groups=[group], head_env=stage.ray.slow())
    stage.create(stage.manifests.job(cluster=cluster, preRunningDeadlineSeconds=15))
    stage.wait_for_deployment("Failed", "Retrying")
    stage.wait_until_gone("Pod")
    stage.pause(1)


@situation(
    "rj-invalid",
    http=True,
    allowances=(
        allow(r".*(inv-noentry|crd-mode).*", "an entrypoint and other modes are not ours to test"),
        allow(r"(objects|pods) before the clean-up", "those two have clusters in the recording"),
    ),
)
def invalid(stage: Stage) -> None:
    make = stage.manifests
    stage.create(make.job("inv-ttl", shutdownAfterJobFinishes=False))
    stage.create(make.job("inv-deadline", activeDeadlineSeconds=0))
    stage.create(make.job("inv-backoff", backoffLimit=-1))
    manifest = make.job("inv-auth", cluster=make.spec(authOptions={"mode": "token"}))
    del manifest["spec"]["rayClusterSpec"]["rayVersion"]
    stage.create(manifest)
    stage.create(
        make.job(
            "inv-suspend",
            suspend=True,
            shutdownAfterJobFinishes=False,
            ttlSecondsAfterFinished=None,
        )
    )
    stage.create(make.job("inv-runtimeenv", runtimeEnvYAML="a: [b"))
    manifest = make.job("inv-nocluster")
    del manifest["spec"]["rayClusterSpec"]
    stage.create(manifest)
    stage.pause(4)
    stage.patch("RayJob", "inv-deadline", {"spec": {"activeDeadlineSeconds": 100}})
    stage.patch("RayJob", "inv-backoff", {"spec": {"backoffLimit": 0}})
    stage.pause(5)


@situation("rj-name-too-long", http=True)
def name_too_long(stage: Stage) -> None:
    make = stage.manifests
    slow = make.spec(head_env=stage.ray.slow())
    stage.create(make.job("n" * 48))
    stage.create(make.job("1digit"))
    stage.create(make.job("m" * 47, cluster=slow))
    stage.pause(8)


@situation("rj-suspend-then-run", http=True)
def suspend_then_run(stage: Stage) -> None:
    stage.create(stage.manifests.job(suspend=True))
    stage.pause(4)
    stage.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    submit_and_tell(stage, stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation("rj-suspend-while-running", pods=4, http=True)
def suspend_while_running(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(LONG_S))
    stage.wait_for_job("RUNNING")
    stage.pause(1)
    old = {pod["metadata"]["name"] for pod in stage.pods()}
    stage.patch("RayJob", "rj1", {"spec": {"suspend": True}})
    stage.wait_for_deployment("Suspended")
    stage.pause(3)
    stage.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    # The id is still in the spec: the RayJob does not wait for it a second time.
    stage.wait_for_deployment("Running")
    stage.submit("mine-1", stage.ray.task(LONG_S))
    stage.wait_for_job("RUNNING")
    stage.wait("the end of the old pods", lambda: not old & stage.film.latest["Pod"].keys())
    stage.pause(1)


@situation("rj-deleted-while-starting", http=True)
def deleted_while_starting(stage: Stage) -> None:
    slow = stage.manifests.spec(head_env=stage.ray.slow(deaf=True))
    stage.create(stage.manifests.job(cluster=slow))
    stage.wait("the head's container", lambda: runs(stage, "head"))
    stage.pause(1)
    stage.delete("RayJob", "rj1")
    stage.wait_until_gone()


@situation("rj-deleted-while-running", http=True)
def deleted_while_running(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(LONG_S))
    stage.wait_for_job("RUNNING")
    stage.pause(1)
    stage.delete("RayJob", "rj1")
    stage.wait_until_gone()


@situation("rj-worker-killed-while-running", http=True)
def worker_killed(stage: Stage) -> None:
    # The successor is still waiting for the head when the job, a little after its task, ends.
    late = stage.manifests.group(env=stage.ray.late(8))
    stage.create(stage.manifests.job(cluster=stage.manifests.spec(groups=[late])))
    submit_and_tell(stage, f"{stage.ray.task(TASK_S + 4)}; sleep 3")
    stage.wait_for_job("RUNNING")
    stage.pause(3)
    stage.delete("Pod", stage.pods("worker")[0]["metadata"]["name"])
    stage.wait_for_deployment("Complete", "Failed")


@situation("rj-worker-force-killed", http=True)
def worker_force_killed(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(TASK_S))
    stage.wait_for_job("RUNNING")
    stage.pause(3)
    name = stage.pods("worker")[0]["metadata"]["name"]
    stage.delete("Pod", name, {"gracePeriodSeconds": 0})
    stage.wait_for_deployment("Complete", "Failed")


@situation("rj-worker-oomkilled", http=True)
def worker_oom_of_a_process(stage: Stage) -> None:
    stage.create(stage.manifests.job(ttlSecondsAfterFinished=25))
    submit_and_tell(stage, f"sleep 3; {stage.ray.eats('task')}")
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation("rj-worker-oomkilled-group", http=True)
def worker_oom_of_the_container(stage: Stage) -> None:
    entrypoint = f"sleep 3; {stage.ray.eats('worker')}"
    stage.create(stage.manifests.job(ttlSecondsAfterFinished=25))
    submit_and_tell(stage, entrypoint)
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait("the worker again", lambda: runs(stage, "worker", restarted=True))
    stage.pause(3)


@situation("rj-driver-oomkilled", http=True)
def driver_oom(stage: Stage) -> None:
    stage.create(stage.manifests.job(ttlSecondsAfterFinished=15))
    submit_and_tell(stage, f"sleep 3; {stage.ray.eats('driver')}")
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation("rj-raycluster-deleted", http=True)
def cluster_deleted(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(TASK_S + 4))
    stage.wait_for_job("RUNNING")
    stage.pause(2)
    pods = {pod["metadata"]["name"] for pod in stage.pods()}
    stage.delete("RayCluster", next(iter(stage.film.latest["RayCluster"])))
    stage.wait("the end of the old pods", lambda: not pods & stage.film.latest["Pod"].keys())
    stage.wait("a new head", lambda: runs(stage, "head"))
    stage.submit("mine-1", stage.ray.quick)
    stage.wait_for_job("PENDING")
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation(
    "rj-same-name-recreated-immediately",
    pods=4,
    http=True,
    allowances=(
        allow("refused: create RayJob/rj1", "the old one may be gone some milliseconds earlier"),
    ),
)
def same_name_again(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(LONG_S))
    stage.wait_for_job("RUNNING")
    stage.pause(1)
    latest = stage.film.latest
    old = {*latest["RayCluster"], *latest["Service"], *latest["Pod"]} - {"rj1-head-svc"}
    stage.delete("RayJob", "rj1")
    for _ in range(100):
        if stage.create(stage.manifests.job()) == 201:
            break
        stage.pause(0.1)
    stage.wait("the new RayJob", lambda: stage.job().get("jobDeploymentStatus") == "Initializing")
    # What is left of the old one when the new one runs, its service above all, is taken over.
    stage.wait(
        "the end of all that was the old one's",
        lambda: not old & {*latest["RayCluster"], *latest["Service"], *latest["Pod"]},
    )
    submit_and_tell(stage, stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation("rj-token-auth", http=True)
def token(stage: Stage) -> None:
    cluster = stage.manifests.spec(authOptions={"mode": "token"})
    stage.create(stage.manifests.job(cluster=cluster))
    stage.wait_for_deployment("Waiting")
    assert stage.dashboard("GET", "/api/jobs/")[0] == 401, "nobody may ask without the token"
    stage.token = "nonsense"
    assert stage.dashboard("GET", "/api/jobs/")[0] == 403, "a wrong token is refused"
    stage.token = stage.secret_token()
    submit_and_tell(stage, "sleep 6")
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("RayCluster")
    stage.pause(0.5)


@situation("rj-operator-restarted", http=True, alone=True)
def operator_restarted(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(15))
    stage.wait_for_job("RUNNING")
    restart_operator(stage.api)
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("Pod")
