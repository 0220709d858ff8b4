"""RayJobs in InteractiveMode, as recorded in InteractiveMode."""

from tests.kubernetes.conformance.containers import is_ready
from tests.kubernetes.conformance.run import Run
from tests.kubernetes.conformance.scenario import scenario

LONG_S = 600


def submit_and_tell(run: Run, entrypoint: str) -> None:
    """What a client does when the RayJob waits."""
    run.wait_for_deployment("Waiting")
    run.submit("mine-1", entrypoint)
    run.patch("RayJob", "rj1", {"spec": {"jobId": "mine-1"}})


@scenario("rj-interactive-success")
def success(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.wait_until_gone("Pod", "RayCluster")
    run.pause(2)


@scenario("rj-interactive-head-killed")
def head_killed(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(60))
    run.wait_for_job("RUNNING")
    name = run.pods("head")[0]["metadata"]["name"]
    run.delete("Pod", name)
    run.wait("the end of the old head", lambda: name not in run.observed.latest["Pod"], 60)
    run.wait("a new head that is ready", lambda: is_ready(run, "head"))
    run.wait("the worker's restart", lambda: is_ready(run, "worker", restarted=True))
    run.pause(3)
    code, _ = run.dashboard("GET", "/api/jobs/mine-1")
    assert code == 404, "the operator must not have submitted anything"
    run.submit("mine-2", "echo hi")
    run.patch("RayJob", "rj1", {"spec": {"jobId": "mine-2"}})
    run.pause(7)
    assert run.job()["jobId"] == "mine-1", "a job id that was taken up stays"


@scenario("rj-interactive-never-submitted")
def never_submitted(run: Run) -> None:
    run.create(run.manifests.job(preRunningDeadlineSeconds=run.ray.deadline(20, 60)))
    run.wait_for_deployment("Failed", "Retrying")
    run.wait_until_gone("Pod")
    run.pause(2)


@scenario("rj-interactive-active-deadline")
def active_deadline(run: Run) -> None:
    run.create(run.manifests.job(activeDeadlineSeconds=run.ray.deadline(25, 70)))
    submit_and_tell(run, run.ray.task(LONG_S))
    run.wait_for_deployment("Failed", "Complete")
    run.wait_until_gone("Pod")
    run.pause(2)


@scenario("rj-interactive-deleted-while-running")
def deleted_while_running(run: Run) -> None:
    run.create(run.manifests.job())
    submit_and_tell(run, run.ray.task(LONG_S))
    run.wait_for_job("RUNNING")
    run.pause(2)
    run.delete("RayJob", "rj1")
    run.wait_until_gone("Pod")
    run.pause(1)


@scenario("rj-interactive-suspended-first")
def suspended_first(run: Run) -> None:
    run.create(run.manifests.job(suspend=True))
    run.wait_for_deployment("Suspended")
    run.pause(3)
    run.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    submit_and_tell(run, run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)


@scenario("rj-interactive-jobid-preset")
def job_id_preset(run: Run) -> None:
    run.create(run.manifests.job(jobId="mine-1"))
    run.wait_for_deployment("Running")
    run.pause(4)
    assert "jobStatus" not in run.job(), "nobody has submitted yet"
    run.submit("mine-1", run.ray.quick)
    run.wait_for_deployment("Complete", "Failed")
    run.pause(1)
