"""Submit a Ray job, or adopt the one that is there, and follow it to its end.

The same for a Ray on this machine and for a remote one: all it needs is a head's address. Losing
the connection loses nothing: the job runs on, and its log is read again from where it broke off.
"""

import contextlib
import math
import shlex
from collections.abc import Callable
from typing import Final, Literal, cast

from ml_platform.clusters.interface import Entrypoint, Job, JobKey, JobOutcome, Phase
from ml_platform.clusters.jobs.api import HeadAddress, JobDetails, JobsApi
from ml_platform.clusters.jobs.log import LogLines
from ml_platform.clusters.jobs.retry import Patience
from ml_platform.clusters.jobs.tries import Adopt, Try, next_try, submission_id, try_number
from ml_platform.errors import (
    ClusterError,
    ClusterLostError,
    HeadUnreachableError,
    JobExistsError,
    LogStreamBrokenError,
)

POLL_S: Final = 0.2
STOP_TIMEOUT_S: Final = 30.0


class SubmittedJob(Job):
    """A job on a head. `follow` and `stop` work from any process that knows the head."""

    def __init__(
        self, api: JobsApi, submission_id: str, *, adopted: bool, patience: Patience
    ) -> None:
        self.submission_id = submission_id
        self.adopted = adopted
        self._api = api
        self._patience = patience

    def follow(
        self,
        *,
        on_log: Callable[[str], None],
        on_phase: Callable[[Phase], None] = lambda phase: None,
        limit_s: float = math.inf,
    ) -> JobOutcome:
        """Stream log lines until the job ends; an adopted job's log comes from its start.

        A job that is still running after `limit_s` is stopped, see `Job.follow`.

        Raises:
            ClusterLostError: the head does not answer any more, or has forgotten the job.
            ClusterError: the job is overdue and does not stop.
        """
        clock = self._patience.clock
        began = clock()
        details = self._when(lambda seen: seen.status != "PENDING")
        on_phase(Phase(name="pending", seconds=clock() - began))
        began = clock()
        details = self._stream(details, on_log, deadline=began + limit_s)
        status = cast(
            Literal["succeeded", "failed", "stopped", "overdue"],
            details.status.lower() if details.is_over else "overdue",
        )
        on_phase(Phase(name="running", seconds=clock() - began, detail=status))
        if status == "overdue":
            self.stop()
        return JobOutcome(
            status=status,
            message=details.message,
            submission_id=self.submission_id,
            adopted=self.adopted,
        )

    def stop(self) -> None:
        """Stop the job and wait until it is stopped; a head that is gone has stopped it too.

        Raises:
            ClusterError: the job is still running after 30 seconds.
        """
        deadline = self._patience.clock() + STOP_TIMEOUT_S
        try:
            self._patience.ask(lambda: self._api.stop(self.submission_id))
            details = self._when(lambda seen: seen.is_over or self._patience.clock() >= deadline)
        except ClusterLostError:
            return
        if not details.is_over:
            raise ClusterError(
                f"job {self.submission_id} did not stop within {STOP_TIMEOUT_S:.0f} s",
                hint="it ends with its cluster; `mlp doctor` shows the clusters of this machine.",
            )

    def _stream(
        self, details: JobDetails, on_log: Callable[[str], None], *, deadline: float
    ) -> JobDetails:
        """Returns when the job is over, or when it is not and the deadline has passed."""
        log = LogLines()
        complete = False
        pause = POLL_S
        while not complete:
            before = log.position
            if details.is_over:
                # What a stream did not bring, or nobody saw because the job was over already.
                complete = True
                self._read_rest(log, on_log)
            else:
                complete = self._tail(log, on_log, deadline=deadline)
                details = self._now()
                # A stream that ended at once brought nothing: the driver may never have started.
                complete = complete and details.is_over and log.position > 0
                if not details.is_over and self._patience.clock() >= deadline:
                    complete = True
            if not complete and not details.is_over:
                pause = POLL_S if log.position > before else min(2 * pause, 5.0)
                self._patience.sleep(pause)
        for line in log.finish():
            on_log(line)
        return details

    def _tail(self, log: LogLines, on_log: Callable[[str], None], *, deadline: float) -> bool:
        """Whether the stream came to its own end."""
        log.restart()
        try:
            for chunk in self._api.tail(self.submission_id):
                for line in log.feed(chunk):
                    on_log(line)
                if self._patience.clock() >= deadline:
                    return False
                if not chunk and self._now().is_over:
                    return False  # it hangs: the rest is read at once
        except LogStreamBrokenError:
            return False
        return True

    def _read_rest(self, log: LogLines, on_log: Callable[[str], None]) -> None:
        log.restart()
        # The outcome is known; a head that cannot give the log any more does not change it.
        with contextlib.suppress(HeadUnreachableError):
            for line in log.feed(self._api.logs(self.submission_id)):
                on_log(line)

    def _when(self, condition: Callable[[JobDetails], bool]) -> JobDetails:
        while True:
            details = self._now()
            if condition(details):
                return details
            self._patience.sleep(POLL_S)

    def _now(self) -> JobDetails:
        details = self._patience.ask(lambda: self._api.job(self.submission_id))
        if details is None:
            raise ClusterLostError(
                f"the Ray head at {self._api.url} has forgotten job {self.submission_id}: "
                "it was restarted",
                hint="run the step again: it goes on from the last checkpoint.",
            )
        return details


def submit_or_adopt(
    api: JobsApi,
    head: HeadAddress,
    key: JobKey,
    entrypoint: Entrypoint,
    *,
    patience: Patience,
    on_phase: Callable[[Phase], None] = lambda phase: None,
) -> SubmittedJob:
    """The job of `key` on this head: the one that runs or has succeeded, else a new try.

    Leaving by an exception (an interrupt too) leaves no job behind that was submitted here.

    Raises:
        ClusterLostError: the head stays silent.
        ClusterError: the head refuses the job.
    """
    began = patience.clock()
    decision = next_try(patience.ask(lambda: _tries(api, key)))
    job = SubmittedJob(
        api,
        submission_id(key, decision.number),
        adopted=isinstance(decision, Adopt),
        patience=patience,
    )
    if not job.adopted:
        job.adopted = _submit(api, head, key, entrypoint, job, patience)
    on_phase(
        Phase(
            name="submit",
            seconds=patience.clock() - began,
            detail="adopted" if job.adopted else f"try {decision.number}",
        )
    )
    return job


def _tries(api: JobsApi, key: JobKey) -> list[Try]:
    numbered = ((try_number(key, job.submission_id), job.status) for job in api.jobs())
    return [Try(number=number, status=status) for number, status in numbered if number is not None]


def _submit(
    api: JobsApi,
    head: HeadAddress,
    key: JobKey,
    entrypoint: Entrypoint,
    job: SubmittedJob,
    patience: Patience,
) -> bool:
    """Submit; returns whether somebody else had submitted it first."""
    # `exec`: the shell that Ray starts becomes the driver, and signals reach it.
    command = "exec " + shlex.join(
        [*head.python, "-m", entrypoint.module, *entrypoint.arguments],
    )
    unsure = False

    def attempt() -> bool:
        nonlocal unsure
        try:
            api.submit(
                job.submission_id,
                command,
                env={**head.env, **entrypoint.env},
                metadata={
                    "asset": key.asset,
                    "partition": key.partition,
                    "attempt_group": key.attempt_group,
                },
            )
        except JobExistsError:
            return not unsure  # an answer that was lost may have been ours
        except HeadUnreachableError:
            unsure = True
            raise
        return False

    try:
        return patience.ask(attempt)
    except ClusterError:
        raise
    except BaseException:
        # Interrupted between request and answer: the head may have taken the job.
        with contextlib.suppress(ClusterError):
            api.stop(job.submission_id)
        raise
