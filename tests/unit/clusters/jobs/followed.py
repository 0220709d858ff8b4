"""A job at a head, as the tests here follow it."""

from collections.abc import Callable

from ml_platform.clusters.interface import (
    QUIET_S,
    Cluster,
    Entrypoint,
    HeadAddress,
    JobKey,
    JobRuntime,
)
from ml_platform.clusters.jobs.job import FollowedJob, followed_job
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer

KEY = JobKey(asset="model", partition="2013-03-01", training="abc")
ID = KEY.submission_id(1)
JOB = JobRequest(
    submission_id=ID,
    entrypoint=Entrypoint(module="train", arguments=("--name", "it's"), env={"A": "entry point"}),
    metadata={"asset": "model", "attempt": "1"},
)
START_S = 10.0
LOG = "first line\nsecond line\nthird line\n"
LINES = ["first line", "second line", "third line"]


def cluster_at(
    server: RayJobsServer,
    *,
    token: str = TOKEN,
    is_gone: Callable[[], bool] = lambda: False,
    quiet_s: float = QUIET_S,
    vouches_for: Callable[[str], bool] | None = None,
) -> Cluster:
    return Cluster(
        name="cluster",
        head=HeadAddress(url=server.url, token=token),
        runtime=JobRuntime(python=("/opt/python",), env={"A": "head", "B": "head"}),
        incarnation="first life",
        is_gone=is_gone,
        quiet_s=quiet_s,
        vouches_for=vouches_for,
    )


def submitted(cluster: Cluster, recorder: Recorder, time: FakeTime) -> FollowedJob:
    with followed_job(cluster, JOB, recorder, clock=time.clock, sleep=time.sleep) as job:
        return job


def ignore(line: str) -> None:
    del line
