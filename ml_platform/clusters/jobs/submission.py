"""A job is submitted once: unless it is there, and for no longer than its head is."""

import contextlib
import itertools
import shlex
from collections.abc import Callable
from typing import Final

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.jobs.api import REQUEST_TIMEOUT_S, JobDetails, JobsApi
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.jobs.retry import HeadRetry
from ml_platform.errors import ClusterError, HeadUnreachableError, JobExistsError

LOOK_WITHIN_S: Final = 3.0
"""How long the head may be silent at the first look, and twice as long at each further one.

Behind a proxy a pod that has gone answers nothing, and whether it has gone is asked after a look.
"""


def look(api: JobsApi, submission_id: str) -> Callable[[], JobDetails | None]:
    """Asks for a job, each time with more patience."""
    limits_s = (min(LOOK_WITHIN_S * 2**n, REQUEST_TIMEOUT_S) for n in itertools.count())
    return lambda: api.job(submission_id, within_s=next(limits_s))


def submit_once(api: JobsApi, cluster: Cluster, job: JobRequest, retry: HeadRetry) -> bool:
    """Submit unless it is there; returns whether it was there before.

    Raises:
        ClusterLostError: the head has ended, or stays silent.
        ApiForbiddenError: the account lacks the right to reach the head.
        ClusterError: the head refuses the job.
    """
    if retry.ask(look(api, job.submission_id)) is not None:
        return True
    entrypoint = job.entrypoint
    # `exec`: the shell that Ray starts becomes the driver, and signals reach it.
    command = "exec " + shlex.join([*cluster.runtime.python, *entrypoint.argv])
    unsure = False

    def submit() -> bool:
        nonlocal unsure
        try:
            api.submit(
                job.submission_id,
                command,
                env={**cluster.runtime.env, **entrypoint.env},
                working_dir=entrypoint.working_dir,
                metadata=job.metadata,
                unless=cluster.is_gone,
            )
        except JobExistsError:
            return not unsure  # an answer that was lost may have been ours
        except HeadUnreachableError:
            unsure = True
            raise
        return False

    try:
        return retry.ask(submit)
    except ClusterError:
        raise
    except BaseException:
        # Interrupted between request and answer: the head may have taken the job.
        with contextlib.suppress(ClusterError):
            api.stop(job.submission_id)
        raise
