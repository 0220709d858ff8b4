"""Submit a Ray job, or adopt the one that is there, and follow it to its end.

The same for a Ray on this machine and for a remote one: all it needs is a head's address. Losing
the connection loses nothing: the job runs on, and its log is read again from where it broke off.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.jobs.api import JobDetails, JobsApi
from ml_platform.clusters.jobs.log import LogLines
from ml_platform.clusters.jobs.looks import LOOK_S, Looks, api_of, looks_of
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.jobs.retry import HeadRetry, retry_of
from ml_platform.clusters.jobs.silence import Silence
from ml_platform.clusters.jobs.submission import look, submit_once
from ml_platform.errors import (
    ClusterError,
    ClusterLostError,
    LogStreamBrokenError,
    PlatformError,
)
from ml_platform.xray.records import Recorder

POLL_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
SHARE_OF_AGE: Final = 0.1
"""A pause is so much of the time waited already: Ray starts a job in a second, or queues it."""
LOG_REST_S: Final = 1.5
"""How long the head may be silent when it is asked for the rest of the log of a job that is over.

With `QUIET_S`, `LOOK_S` or the 3 s between two looks of KubeRay's before it, a step ends within 5 s
of its job. Only where its stream hangs and whoever vouches for it is mistaken too, an operator that
is away, it takes `LOOK_ANYWAY_S`.
"""
STOP_TIMEOUT_S: Final = 30.0
GivenUp = Literal["unstarted", "overdue", "silent"]
JobEnd = Literal["succeeded", "failed", "stopped"] | GivenUp
GIVEN_UP: Final = get_args(GivenUp)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """How the Ray job ended, as Ray says it. Its result is in object storage, not here.

    `unstarted`: Ray could not begin it, or had not at the limit of its start and it was stopped.
    `overdue`: it was still running at its limit, and was stopped for that. `silent`: so it was when
    nothing had come from it for too long.

    Attributes:
        limit_s: The limit of its start, or of its silence, if that is why it ended; else infinite.
        stopped: False if it was to be and is not: it may still begin.
    """

    status: JobEnd
    message: str
    submission_id: str
    adopted: bool
    limit_s: float = math.inf
    stopped: bool = True

    @property
    def was_given_up(self) -> bool:
        """It did not end by itself: it could not begin, or was stopped at a limit."""
        return self.status in GIVEN_UP


class FollowedJob:
    """A job on a head, submitted or adopted.

    Attributes:
        submission_id: Its id.
        adopted: Whether it was there already.

    Args:
        start_s: How long Ray may leave the job pending, from when it is followed.
        begin_looks: When it is looked at while its log's stream is open; at each silence unless
            given.
    """

    def __init__(
        self,
        api: JobsApi,
        submission_id: str,
        *,
        adopted: bool,
        start_s: float,
        retry: HeadRetry,
        recorder: Recorder,
        begin_looks: Callable[[], Looks] | None = None,
    ) -> None:
        self.submission_id = submission_id
        self.adopted = adopted
        self._start_s = start_s
        self._api = api
        self._retry = retry
        self._recorder = recorder
        self._begin_looks = begin_looks or (lambda: Looks(lambda: False, 0.0, retry.clock))

    def follow(
        self,
        *,
        on_log: Callable[[str], None],
        limit_s: Callable[[], float] = lambda: math.inf,
        silence_s: float = math.inf,
        goes_on: Callable[[], bool] = lambda: False,
    ) -> JobOutcome:
        """Stream log lines until the job ends; an adopted job's log comes from its start.

        Args:
            on_log: Called with each line.
            limit_s: Asked once the job runs: how many seconds more it may. Waiting does not count.
            silence_s: How long it may run without a line.
            goes_on: Asked after that: whether it has shown otherwise that it makes progress.

        Raises:
            ClusterLostError: the head has ended, stays silent, or has forgotten the job.
        """
        with self._recorder.phase("pending") as phase:
            deadline = self._retry.clock() + self._start_s
            details = self._when(lambda seen: not seen.is_pending, deadline=deadline)
            if details.is_pending or details.could_not_begin:
                phase.detail = "unstarted"
        if details.is_pending:
            return self._give_up("unstarted", details.message, limit_s=self._start_s)
        if details.could_not_begin:
            return self._outcome("unstarted", details.message)
        with self._recorder.phase("running") as phase:
            deadline = self._retry.clock() + limit_s()
            silence = Silence(silence_s, self._retry.clock, goes_on)
            details = self._stream(details, on_log, deadline=deadline, silence=silence)
            if details.is_over:
                phase.detail = details.status.lower()
                return self._outcome(cast(JobEnd, phase.detail), details.message)
            if self._past(deadline):
                phase.detail = "overdue"
                return self._give_up("overdue", details.message)
            phase.detail = "silent"
            return self._give_up("silent", details.message, limit_s=silence_s)

    def stop(self) -> None:
        """Stop the job and wait until it is stopped; a head that is gone has stopped it too.

        Raises:
            ClusterError: the job is still running after 30 seconds.
        """
        deadline = self._retry.clock() + STOP_TIMEOUT_S
        try:
            self._retry.ask(lambda: self._api.stop(self.submission_id))
            details = self._when(lambda seen: seen.is_over, deadline=deadline)
        except ClusterLostError:
            return
        if not details.is_over:
            raise ClusterError(
                f"job {self.submission_id} did not stop within {STOP_TIMEOUT_S:.0f} s",
                hint="it ends with its cluster; `mlp cluster ls` shows them.",
            )

    def _give_up(
        self,
        status: GivenUp,
        message: str,
        *,
        limit_s: float = math.inf,
    ) -> JobOutcome:
        stopped = True
        try:
            self.stop()
        except ClusterError:
            # Ray 2.60 tells the job's supervisor, an actor that has no process yet, to stop it; or
            # one that hangs.
            stopped = False
        return self._outcome(status, message, limit_s=limit_s, stopped=stopped)

    def _outcome(
        self, status: JobEnd, message: str, *, limit_s: float = math.inf, stopped: bool = True
    ) -> JobOutcome:
        return JobOutcome(
            status=status,
            message=message,
            submission_id=self.submission_id,
            adopted=self.adopted,
            limit_s=limit_s,
            stopped=stopped,
        )

    def _past(self, deadline: float) -> bool:
        return self._retry.clock() >= deadline

    def _stream(
        self,
        details: JobDetails,
        on_log: Callable[[str], None],
        *,
        deadline: float,
        silence: Silence,
    ) -> JobDetails:
        """Returns when the job is over, or when it is not and has reached one of its limits."""
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
                complete = self._tail(log, on_log, deadline=deadline, silence=silence)
                details = self._now()
                # A stream that ended at once brought nothing: the driver may never have started.
                complete = complete and details.is_over and log.position > 0
                if not details.is_over and (
                    self._past(deadline) or self._is_silent(log, on_log, silence)
                ):
                    complete = True
            if not complete and not details.is_over:
                pause = POLL_S if log.position > before else min(2 * pause, LOOK_S)
                self._retry.sleep(pause)
                details = self._now()
        for line in log.finish():
            on_log(line)
        return details

    def _is_silent(self, log: LogLines, on_log: Callable[[str], None], silence: Silence) -> bool:
        if not silence.is_over_limit:
            return False
        # The stream may be what is silent: a log that cannot be had says nothing of the job.
        known = self._read_rest(log, on_log)
        silence.heard(log.position)
        if known and silence.is_over_limit and not silence.goes_on():
            return True
        silence.begin_anew()
        return False

    def _tail(
        self, log: LogLines, on_log: Callable[[str], None], *, deadline: float, silence: Silence
    ) -> bool:
        """Whether the stream came to its own end."""
        log.restart()
        looks = self._begin_looks()
        try:
            for chunk in self._api.tail(self.submission_id):
                for line in log.feed(chunk):
                    on_log(line)
                silence.heard(log.position)
                if self._past(deadline) or silence.is_over_limit:
                    return False
                # A stream that lags behind talks on after the end.
                if looks.is_due(is_quiet=not chunk) and self._now().is_over:
                    return False  # the rest is read at once
        except LogStreamBrokenError:
            return False
        return True

    def _read_rest(self, log: LogLines, on_log: Callable[[str], None]) -> bool:
        """What no stream has brought; returns whether the log could be read."""
        log.restart()
        try:
            rest = self._api.logs(self.submission_id, within_s=LOG_REST_S)
        except ClusterError:
            return False  # a head that cannot, or will not, give it changes no outcome
        for line in log.feed(rest):
            on_log(line)
        return True

    def _when(self, condition: Callable[[JobDetails], bool], *, deadline: float) -> JobDetails:
        """The job once it is so, or as it is at the deadline."""
        began = self._retry.clock()
        while True:
            details = self._now()
            now = self._retry.clock()
            if condition(details) or now >= deadline:
                return details
            pause = min(max(POLL_S, SHARE_OF_AGE * (now - began)), LONGEST_PAUSE_S)
            self._retry.sleep(min(pause, deadline - now))

    def _now(self) -> JobDetails:
        details = self._retry.ask(look(self._api, self.submission_id))
        if details is None:
            raise ClusterLostError(
                f"the Ray head at {self._api.url} has forgotten job {self.submission_id}: "
                "it was restarted",
                hint="run the step again: it goes on from the last checkpoint.",
            )
        return details


@contextmanager
def followed_job(
    cluster: Cluster,
    job: JobRequest,
    recorder: Recorder,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[FollowedJob]:
    """The job of this id on a cluster: the one that is there, else it is submitted.

    Leaving the block by an exception, an interrupt too, stops the job.

    Raises:
        ClusterLostError: the head has ended, or stays silent.
        ApiForbiddenError: the account lacks the right to reach the head.
        ClusterError: the head refuses the job.
    """
    retry = retry_of(cluster, clock=clock, sleep=sleep)
    with api_of(cluster) as api:
        with recorder.phase("submit") as phase:
            adopted = submit_once(api, cluster, job, retry)
            cluster.note_job(job.submission_id)
            phase.detail = "adopted" if adopted else job.submission_id
        followed = FollowedJob(
            api,
            job.submission_id,
            adopted=adopted,
            start_s=cluster.job_start_s,
            retry=retry,
            recorder=recorder,
            begin_looks=looks_of(cluster, job.submission_id, clock),
        )
        try:
            yield followed
        except ClusterLostError:
            raise  # nobody is there who could stop it
        except BaseException:
            # What the block raised is the news; a job that cannot be stopped now ends with its
            # cluster, which has lost its user.
            with contextlib.suppress(PlatformError):
                followed.stop()
            raise
