"""RayJobs in InteractiveMode, as recorded in InteractiveMode."""

from tests.kubernetes.conformance.containers import is_ready
from tests.kubernetes.conformance.situation import situation
from tests.kubernetes.conformance.stage import Stage

LONG_S = 600


def submit_and_tell(stage: Stage, entrypoint: str) -> None:
    """What a client does when the RayJob waits."""
    stage.wait_for_deployment("Waiting")
    stage.submit("mine-1", entrypoint)
    stage.patch("RayJob", "rj1", {"spec": {"jobId": "mine-1"}})


@situation("rj-interactive-success")
def success(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.wait_until_gone("Pod", "RayCluster")
    stage.pause(2)


@situation("rj-interactive-head-killed")
def head_killed(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(60))
    stage.wait_for_job("RUNNING")
    name = stage.pods("head")[0]["metadata"]["name"]
    stage.delete("Pod", name)
    stage.wait("the end of the old head", lambda: name not in stage.film.latest["Pod"], 60)
    stage.wait("a new head that is ready", lambda: is_ready(stage, "head"))
    stage.wait("the worker's restart", lambda: is_ready(stage, "worker", restarted=True))
    stage.pause(3)
    code, _ = stage.dashboard("GET", "/api/jobs/mine-1")
    assert code == 404, "the operator must not have submitted anything"
    stage.submit("mine-2", "echo hi")
    stage.patch("RayJob", "rj1", {"spec": {"jobId": "mine-2"}})
    stage.pause(7)
    assert stage.job()["jobId"] == "mine-1", "a job id that was taken up stays"


@situation("rj-interactive-never-submitted")
def never_submitted(stage: Stage) -> None:
    stage.create(stage.manifests.job(preRunningDeadlineSeconds=stage.ray.deadline(20, 60)))
    stage.wait_for_deployment("Failed", "Retrying")
    stage.wait_until_gone("Pod")
    stage.pause(2)


@situation("rj-interactive-active-deadline")
def active_deadline(stage: Stage) -> None:
    stage.create(stage.manifests.job(activeDeadlineSeconds=stage.ray.deadline(25, 70)))
    submit_and_tell(stage, stage.ray.task(LONG_S))
    stage.wait_for_deployment("Failed", "Complete")
    stage.wait_until_gone("Pod")
    stage.pause(2)


@situation("rj-interactive-deleted-while-running")
def deleted_while_running(stage: Stage) -> None:
    stage.create(stage.manifests.job())
    submit_and_tell(stage, stage.ray.task(LONG_S))
    stage.wait_for_job("RUNNING")
    stage.pause(2)
    stage.delete("RayJob", "rj1")
    stage.wait_until_gone("Pod")
    stage.pause(1)


@situation("rj-interactive-suspended-first")
def suspended_first(stage: Stage) -> None:
    stage.create(stage.manifests.job(suspend=True))
    stage.wait_for_deployment("Suspended")
    stage.pause(3)
    stage.patch("RayJob", "rj1", {"spec": {"suspend": False}})
    submit_and_tell(stage, stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)


@situation("rj-interactive-jobid-preset")
def job_id_preset(stage: Stage) -> None:
    stage.create(stage.manifests.job(jobId="mine-1"))
    stage.wait_for_deployment("Running")
    stage.pause(4)
    assert "jobStatus" not in stage.job(), "nobody has submitted yet"
    stage.submit("mine-1", stage.ray.quick)
    stage.wait_for_deployment("Complete", "Failed")
    stage.pause(1)
