"""Looking at the jobs of a cluster: the one that is named, else the newest, and its log."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.jobs.api import JobDetails, JobsApi
from ml_platform.clusters.jobs.job import FollowedJob
from ml_platform.clusters.jobs.looks import api_of, looks_of
from ml_platform.clusters.jobs.retry import retry_of
from ml_platform.errors import InputError
from ml_platform.wrong_values import shown_name
from ml_platform.xray.records import Recorder


def chosen_job(cluster: Cluster, submission_id: str = "") -> JobDetails:
    """The job of this id, or without one the job that was submitted last.

    Raises:
        InputError: there is none; names those that there are.
        ClusterLostError: the head has ended, or stays silent.
    """
    retry = retry_of(cluster)
    with JobsApi(cluster.head) as api:
        jobs = retry.ask(api.jobs)
    found = [job for job in jobs if submission_id in ("", job.submission_id)]
    if not found:
        there = ", ".join(sorted(job.submission_id for job in jobs)) or "none"
        which = f"job {shown_name(submission_id)}" if submission_id else "job"
        raise InputError(
            f"the cluster {cluster.name} has no {which}; it has {there}",
            hint="`mlp cluster run SCRIPT` submits one.",
        )
    return max(found, key=lambda job: job.started_ms)


def log_so_far(cluster: Cluster, submission_id: str) -> str:
    """All that a job has written until now.

    Raises:
        ClusterLostError: the head has ended, or stays silent.
    """
    retry = retry_of(cluster)
    with JobsApi(cluster.head) as api:
        return retry.ask(lambda: api.logs(submission_id))


@contextmanager
def attached_job(cluster: Cluster, submission_id: str) -> Iterator[FollowedJob]:
    """A job that is there, for one who only looks: leaving the block leaves it running."""
    retry = retry_of(cluster)
    with api_of(cluster) as api:
        yield FollowedJob(
            api,
            submission_id,
            adopted=True,
            start_s=math.inf,  # a job that does not start is stopped by who submitted it
            retry=retry,
            recorder=Recorder(),
            begin_looks=looks_of(cluster, submission_id, retry.clock),
        )
