"""The one loop over a training's attempts: go on with the one that is open, or claim the next.

What is there decides, not the memory of a process: the record in storage names the attempt, its
provisioner says whether the cluster lives, the head knows the job. Everything that is done twice is
done once, so any number of processes may go on with the same attempt, and any may be killed.
"""

import contextlib
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.interface import Cluster, ClusterRequest, LastWords, Provisioner
from ml_platform.clusters.jobs.job import JobOutcome, followed_job
from ml_platform.clusters.ladder import Action, decide, worker_restarts_left
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import (
    ClusterLeftError,
    ClusterLostError,
    ClusterStartError,
    PlatformError,
    StorageError,
)
from ml_platform.training import endings
from ml_platform.training.allowance import Allowance, unlimited
from ml_platform.training.checkpoints import CheckpointRef, newest_checkpoint
from ml_platform.training.claims import (
    budgets_of,
    failed_of,
    new_claim,
    was_anothers_interrupt,
)
from ml_platform.training.driver_job import driver_job
from ml_platform.training.heartbeat import heartbeat
from ml_platform.training.journal import note_attempt
from ml_platform.training.listeners import EndedReport, Listeners
from ml_platform.training.lost import after_end, after_loss, end_cluster, has_ended
from ml_platform.training.record import (
    Attempt,
    Claim,
    Ended,
    Owner,
    Ready,
    TrainingRecord,
    for_ladder,
)
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import PhaseRecord, TrainingResult
from ml_platform.training.running_time import RunningTime
from ml_platform.xray.records import Event, Recorder

TAIL_LINES: Final = 200
WATCH_S: Final = 5.0

ProvisionerOf = Callable[[ClusterSpec], Provisioner]


class AttemptLoop:
    """Works on one training until there is a model, or nothing more to be tried.

    Args:
        request: The training.
        record: What is known of it.
        provisioner_of: The provisioner that makes clusters of a spec.
        owner: Who works here.
        env: Variables for the job, such as those of Dagster Pipes.
        listeners: Who is told.
        allowance: Asked before each attempt is claimed.
        now: Seconds since 1970.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        request: TrainingRequest,
        record: TrainingRecord,
        *,
        provisioner_of: ProvisionerOf,
        owner: Owner,
        listeners: Listeners,
        env: Mapping[str, str] | None = None,
        allowance: Allowance = unlimited,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._request = request
        self._record = record
        self._provisioner_of = provisioner_of
        self._owner = owner
        self._listeners = listeners
        self._env = dict(env or {})
        self._allowance = allowance
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._phases: list[PhaseRecord] = []
        self._words = LastWords()
        self._left: ClusterLeftError | None = None
        self._found: frozenset[int] | None = None
        self._newest: CheckpointRef | None = None
        self.adopted = False

    @property
    def phases(self) -> tuple[PhaseRecord, ...]:
        """What the last attempt went through, as far as this process saw it."""
        return tuple(self._phases)

    def run(self) -> TrainingResult:
        """The result of the training.

        Raises:
            TrainingError: it failed for good; the subclass names the cause.
            BudgetError: no attempt may begin: a budget is spent.
            ClusterError: the cluster could not be made, was lost too often, or could not be given
                back; after the last, the result is there all the same.
        """
        while True:
            # Listed once: in a second list there might be one more, which has not ended.
            attempts = self._record.attempts()
            if self._found is None:
                self._found = frozenset(one.number for one in attempts)
            open_one = next((one for one in attempts if not one.has_ended()), None)
            # After the list: an attempt is closed after its result, so none of those that have
            # ended can have one that is missed here.
            if (result := self._record.result()) is not None:
                if self._left is not None:
                    raise self._left
                return result
            attempt = open_one or self._claim_after(attempts)
            if attempt is not None:
                self._go_on_with(attempt)

    def _claim_after(self, attempts: list[Attempt]) -> Attempt | None:
        """The attempt after these, if the ladder says so and nobody else is first."""
        ours = [
            (claim, ended)
            for claim, ended in failed_of(self._owner.root, attempts)
            if not was_anothers_interrupt(ended, self._owner)
        ]
        restarts = self._request.training.worker_retries
        if ours:
            failed = [one for claim, ended in ours if (one := for_ladder(claim, ended))]
            budgets = budgets_of(self._request.training, sum(one.ran_s for _, one in ours))
            decision = decide(failed, budgets)
            self._listeners.on_decision(decision)
            if decision.action is Action.GIVE_UP:
                failure = ours[-1][1].failure
                assert failure is not None
                raise failure.to_error()
            self._sleep(decision.pause_s)
            restarts = worker_restarts_left(failed, budgets)
        for line in self._allowance(self._request, self._owner):
            self._listeners.on_warning(line)
        number = attempts[-1].number + 1 if attempts else 1
        provisioner = self._provisioner_of(self._request.cluster)
        claim = new_claim(
            number,
            self._request,
            provisioner,
            self._owner,
            worker_restarts=restarts,
            at_s=self._now(),
        )
        return self._record.attempt(number) if self._record.claim(claim) else None

    def _go_on_with(self, attempt: Attempt) -> None:
        """Bring the attempt to its end, from wherever it is; afterwards it is closed."""
        claim = attempt.claim()
        assert claim is not None
        if trouble := note_attempt(self._request, claim):
            self._listeners.on_log(trouble)
        self._tail.clear()
        self._phases.clear()
        self._words = LastWords()
        self._left = None
        self._running_time = RunningTime(attempt, now=self._now, clock=self._clock)
        provisioner = self._provisioner_of(claim.spec)
        if claim.abandoned_after_s is not None and claim.place != provisioner.place:
            self._watch_from_afar(attempt, claim)
            return
        view = provisioner.look(claim.cluster)
        ready = attempt.ready()
        if ready is not None and has_ended(view, ready):
            known = view.reason or f"the cluster is {view.phase}"
            self._settle(attempt, after_end(provisioner, claim, known))
        elif (
            ready is None
            and view.is_gone
            and claim.spec.spec_hash() != self._request.cluster.spec_hash()
            # One that was claimed since we came is of somebody who is about to make its cluster:
            # two who want other clusters would supersede each other for ever.
            and self._found is not None
            and attempt.number in self._found
        ):
            self._close(attempt, status="superseded")
        else:
            self._work_on(attempt, claim, provisioner)

    def _work_on(self, attempt: Attempt, claim: Claim, provisioner: Provisioner) -> None:
        recorder = Recorder(
            self._listeners.on_event,
            attempt.note_event,
            self._keep_phase,
            self._running_time.hear,
            now=self._now,
            clock=self._clock,
        )
        ready = attempt.ready()
        wanted = ClusterRequest(
            name=claim.cluster,
            spec=claim.spec,
            holder=self._request.job_key().slug(),
            run=self._owner.run,
            # Once it was ready it is adopted or lost; somebody may have ended, and given it back.
            incarnation=ready.incarnation if ready is not None else "",
            work_s=self._request.training.max_runtime_s,
        )
        observed: Failure | JobOutcome | None = None
        beating = (
            contextlib.nullcontext()
            if claim.abandoned_after_s is None
            else heartbeat(attempt, f"{socket.gethostname()} {uuid.uuid4().hex}")
        )
        try:
            with beating, provisioner.acquire(wanted, recorder) as cluster:
                first = attempt.note_ready(Ready(incarnation=cluster.incarnation, at_s=self._now()))
                if first.incarnation != cluster.incarnation:
                    observed = endings.head_lost("another head took its place")
                elif attempt.has_ended():
                    return
                # The driver of an attempt that was given up may have been about to commit.
                elif self._record.result() is None:
                    observed = self._follow(cluster, attempt, claim, recorder)
        except ClusterLeftError as error:
            self._left = error
            self._settle(attempt, observed)
        except ClusterStartError as error:
            self._keep(attempt, LastWords(logs=error.logs))
            self._settle(attempt, endings.start_failed(error))
        except ClusterLostError as error:
            self._settle(attempt, after_loss(error, provisioner, claim, attempt.ready()))
        except PlatformError as error:
            self._settle(attempt, endings.platform(error))
        except BaseException as error:
            self._close(attempt, failure=endings.interrupted(error))
            raise
        else:
            if isinstance(observed, JobOutcome) and not observed.stopped:
                reason = f"job {observed.submission_id} is {observed.status} and does not stop"
                end_cluster(provisioner, claim, reason)
            self._settle(attempt, observed)

    def _follow(
        self, cluster: Cluster, attempt: Attempt, claim: Claim, recorder: Recorder
    ) -> Failure | JobOutcome:
        """How its job ended; what the cluster says last is kept before it is given back."""
        spent_s = sum(one.ran_s for _, one in failed_of(self._owner.root, self._record.attempts()))
        job = driver_job(self._request, self._record, claim, self._env)
        try:
            with followed_job(
                cluster, job, recorder, clock=self._clock, sleep=self._sleep
            ) as running:
                self.adopted = running.adopted
                outcome = running.follow(
                    on_log=self._on_line,
                    limit_s=lambda: self._seconds_left(spent_s),
                    silence_s=self._request.training.no_progress_s,
                    goes_on=lambda: self._has_new_checkpoint(attempt),
                )
        except ClusterLostError:
            self._keep(attempt, cluster.last_words())
            raise
        ended_early = outcome.status in ("failed", "stopped")
        if ended_early or outcome.was_given_up:
            self._keep(attempt, cluster.last_words())
        if ended_early and cluster.is_gone():
            # A head that ends takes the driver with it, whose death is seen first; a cluster that
            # is deleted or suspended has its jobs stopped.
            return endings.head_lost(outcome.message.strip())
        return outcome

    def _keep(self, attempt: Attempt, words: LastWords) -> None:
        self._words = words
        try:
            attempt.keep_logs(words.logs)
        except Exception as error:  # boundary: why it ended is known, with or without them
            self._listeners.on_log(f"the cluster's last lines cannot be kept: {error!r}")

    def _watch_from_afar(self, attempt: Attempt, claim: Claim) -> None:
        """Wait for the end of an attempt whose cluster cannot be seen from here.

        Silence of its follower for longer than its provisioner lets a job live without one is its
        end: should it live on all the same, it stops itself at its next checkpoint.
        """
        assert claim.abandoned_after_s is not None
        self._listeners.on_event(
            Event(
                name="watching",
                state="began",
                at_s=self._now(),
                detail=f"attempt {claim.number} is followed by run {claim.owner.run} "
                f"({claim.owner.process}) on {claim.place}",
            )
        )
        last, since = attempt.heartbeat(), self._clock()
        while not attempt.has_ended() and self._record.result() is None:
            silent_s = self._clock() - since
            if silent_s >= claim.abandoned_after_s:
                self._settle(
                    attempt,
                    endings.head_lost(
                        f"nobody on {claim.place} has followed it for {silent_s:.0f} s"
                    ),
                )
                return
            self._sleep(WATCH_S)
            beat = attempt.heartbeat()
            if beat != last:
                last, since = beat, self._clock()

    def _settle(self, attempt: Attempt, observed: Failure | JobOutcome | None) -> None:
        """Close an attempt by what it left, else by what was seen of its end; None: not needed."""
        result = self._record.result()
        said = attempt.outcome()
        if result is None and said and said.result and not attempt.has_ended():
            result = self._record.commit(said.result)
        if result is not None and result.attempt == attempt.number:
            self._close(attempt, status="succeeded")
            return
        if observed is None:
            self._close(attempt, status="superseded")
            return
        if isinstance(observed, JobOutcome):
            # What a job says of its end after it was stopped for its age is not why it ended.
            failure = None if observed.was_given_up or said is None else said.failure
            failure = failure or endings.of_job(
                observed, self._request, attempt.stuck(), self._tail[-1] if self._tail else ""
            )
        else:
            failure = (said and said.failure) or observed
        self._close(attempt, failure=endings.named(failure, self._words.failure))

    def _close(
        self,
        attempt: Attempt,
        *,
        status: Literal["succeeded", "failed", "superseded"] = "failed",
        failure: Failure | None = None,
    ) -> None:
        newest = newest_checkpoint(self._record.folder)
        progressed = newest is not None and newest.attempt == attempt.number
        ended = attempt.close(
            Ended(
                status=status,
                failure=failure,
                checkpoint=newest,
                progressed=progressed,
                worker_restarts=attempt.restarts(),
                ran_s=self._running_time.until_its_end(newest if progressed else None),
                ended_at_s=self._now(),
                seen_by=self._owner,
                phases=self.phases,
                log_tail=tuple(self._tail) if status == "failed" else (),
            )
        )
        claim = attempt.claim()
        if ended.failure is not None and claim is not None:
            self._listeners.on_attempt(EndedReport(claim=claim, ended=ended, logs=self._words.logs))

    def _seconds_left(self, spent_s: float) -> float:
        """Of `max_runtime_s`, which counts the running time of all attempts of our root run."""
        limit_s = self._request.training.max_runtime_s
        return max(0.0, limit_s - spent_s - self._running_time.until_now())

    def _has_new_checkpoint(self, attempt: Attempt) -> bool:
        """Whether a training that says nothing goes on: epochs are silent where no Pipes listen.

        When one was written is not asked: its pod's clock may be wrong.
        """
        try:
            newest = newest_checkpoint(self._record.folder)
        except StorageError:
            return True  # not known: its own limit is there, too
        before, self._newest = self._newest, newest
        return newest is not None and newest.attempt == attempt.number and newest != before

    def _on_line(self, line: str) -> None:
        self._tail.append(line)
        self._listeners.on_log(line)

    def _keep_phase(self, event: Event) -> None:
        if event.seconds is not None:
            self._phases.append(PhaseRecord(name=event.name, seconds=event.seconds))
