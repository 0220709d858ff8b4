"""The record of a training's attempts: files in its folder, each written once, by whoever is first.

    request.json  code/            what is to be done, and the code that does it
    attempts/0001/
      claim.json                   who, where, on which cluster: before anything is made
      ready.json                   which life of the cluster's head it was given
      started.json                 when the driver began
      restarts/0001                its workers were started again
      checkpoints/  model/         see `checkpoints`; of this attempt alone
      events/*.json                what began and ended, with times
      stuck.txt                    its ranks waited for each other, and which was where
      logs/<pod>.<container>.log   the last lines of its cluster, if it failed there
      outcome.json                 how it ended, in the driver's own words
      ended.json                   why it ended, by whoever saw it first
      heartbeat                    changes while its follower lives
    result.json                    the model that counts, and of which attempt it is

At most one attempt has no `ended.json`. Whoever comes goes on with that one; a number is claimed
only when all before it have ended, and by one alone, since a file is created once.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.ladder import EndedAttempt
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.storage import Folder
from ml_platform.training.checkpoints import ATTEMPTS_FOLDER, CheckpointRef, attempt_path
from ml_platform.training.request import REQUEST_FILE, RESULT_FILE, TrainingRequest
from ml_platform.training.result import DriverOutcome, PhaseRecord, TrainingResult
from ml_platform.training.spec import TrainingSpec
from ml_platform.xray.records import Event

CLAIM_FILE: Final = "claim.json"
READY_FILE: Final = "ready.json"
STARTED_FILE: Final = "started.json"
OUTCOME_FILE: Final = "outcome.json"
ENDED_FILE: Final = "ended.json"
STUCK_FILE: Final = "stuck.txt"
HEARTBEAT_FILE: Final = "heartbeat"
RESTARTS_FOLDER: Final = "restarts"
EVENTS_FOLDER: Final = "events"
LOGS_FOLDER: Final = "logs"
MODEL_FOLDER: Final = "model"

_EVENT: Final = TypeAdapter(Event)
Value = TypeVar("Value", bound=BaseModel)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Owner(_Value):
    """Who works on a training.

    Attributes:
        run: Dagster's run, or the command's own id.
        root: What budgets are counted by: the run that a person or a schedule started. A retry has
            that of the run that it retries.
        step: The step.
        process: Host and process id: a run that is resumed is another process of the same run.
        team: Who pays: the first owner of the asset that is a team, without its `team:`. Empty if
            none is, and in claims from before it was noted; so is `backfill`.
        backfill: Id of Dagster's backfill that the run belongs to.
    """

    run: str
    root: str
    step: str = ""
    process: str = ""
    team: str = ""
    backfill: str = ""


class Claim(_Value):
    """An attempt, before anything of it is made.

    Attributes:
        number: From 1.
        owner: Who claimed it; anybody may go on with it.
        provisioner: Kind of its cluster.
        place: From where that cluster can be seen, see `Provisioner.place`.
        abandoned_after_s: See `Provisioner.abandoned_after_s`; None if that never ends.
        cluster: Its name.
        spec: What it is to be.
        training: The limits that this attempt has; what decides the outcome is in the request.
        submission_id: Id of its Ray job.
        rung: Position on the memory ladder.
        worker_restarts: How often its job may start its workers again.
        platform_version: Of the package that runs beside Dagster; the request keeps that of the
            first claim. Empty in claims from before it was noted, as is `storage_root`.
        storage_root: Where the storage is now; it may have moved since the request was written.
        claimed_at_s: When, in seconds since 1970.
        nonce: Makes each claim another file.
    """

    number: int
    owner: Owner
    provisioner: str
    place: str
    abandoned_after_s: float | None = None
    cluster: str
    spec: ClusterSpec
    training: TrainingSpec
    submission_id: str
    rung: int = 0
    worker_restarts: int = 0
    platform_version: str = ""
    storage_root: str = ""
    claimed_at_s: float
    nonce: str


class Ready(_Value):
    """Which life of the cluster's head the attempt was given, and when."""

    incarnation: str
    at_s: float


class Started(_Value):
    """When the driver began, in seconds since 1970."""

    at_s: float


class Ended(_Value):
    """Why an attempt ended.

    Attributes:
        status: Whether it left the model; `superseded` if it was not needed: nothing of it had been
            made when another cluster was asked for, or another attempt's model was there.
        failure: Why it did not.
        checkpoint: The newest checkpoint of the training at that time.
        progressed: Whether that was written by this attempt.
        worker_restarts: How often its workers were started again.
        ran_s: How long its driver ran.
        ended_at_s: When this was seen, in seconds since 1970.
        seen_by: By whom.
        phases: What it went through.
        log_tail: The last lines of its log that were seen.
    """

    status: Literal["succeeded", "failed", "superseded"]
    failure: Failure | None = None
    checkpoint: CheckpointRef | None = None
    progressed: bool = False
    worker_restarts: int = 0
    ran_s: float = 0.0
    ended_at_s: float
    seen_by: Owner
    phases: tuple[PhaseRecord, ...] = ()
    log_tail: tuple[str, ...] = ()


class Attempt:
    """One try at a training; what is asked of it is read anew each time."""

    def __init__(self, training: Folder, number: int) -> None:
        self.number = number
        self.folder = training / attempt_path(number)

    def claim(self) -> Claim | None:
        """Who claimed it; None if nobody has."""
        return self._read(CLAIM_FILE, Claim)

    def ready(self) -> Ready | None:
        """Which head it was given; None before that."""
        return self._read(READY_FILE, Ready)

    def note_ready(self, ready: Ready) -> Ready:
        """Note which head it was given; returns the first note, which may be another's."""
        self._create(READY_FILE, ready)
        return self.ready() or ready

    def started(self) -> Started | None:
        """When its driver began."""
        return self._read(STARTED_FILE, Started)

    def note_started(self, started: Started) -> None:
        """Note that the driver has begun."""
        self._create(STARTED_FILE, started)

    def restarts(self) -> int:
        """How often its workers were started again."""
        return len(self.folder.names(RESTARTS_FOLDER))

    def note_restart(self, number: int) -> None:
        """Note that its workers are started again for the `number`-th time."""
        self.folder.create(f"{RESTARTS_FOLDER}/{number:04d}", b"")

    def outcome(self) -> DriverOutcome | None:
        """How it ended in its driver's own words."""
        return self._read(OUTCOME_FILE, DriverOutcome)

    def note_outcome(self, outcome: DriverOutcome) -> None:
        """Say how it ended; the driver's last act but for the result."""
        self._create(OUTCOME_FILE, outcome)

    def ended(self) -> Ended | None:
        """Why it ended; None while it has not."""
        return self._read(ENDED_FILE, Ended)

    def has_ended(self) -> bool:
        """Whether somebody has closed it: whoever still works on it stops."""
        return self.folder.exists(ENDED_FILE)

    def close(self, ended: Ended) -> Ended:
        """Close it; returns the verdict that counts, which may be another's who was first."""
        self._create(ENDED_FILE, ended)
        return self.ended() or ended

    def heartbeat(self) -> bytes:
        """What its follower wrote last; empty if it has not."""
        try:
            return self.folder.read(HEARTBEAT_FILE)
        except FileNotFoundError:
            return b""

    def beat(self, content: bytes) -> None:
        """Show that its follower lives."""
        self.folder.write(HEARTBEAT_FILE, content)

    def note_stuck(self, told: str) -> None:
        """Keep that the ranks wait for each other, and which is where; nothing if they do not."""
        if told:
            self.folder.write(STUCK_FILE, told.encode())
        else:
            self.folder.remove(STUCK_FILE)

    def stuck(self) -> str:
        """Which rank was where when they waited for each other; empty if they did not."""
        try:
            return self.folder.read(STUCK_FILE).decode()
        except FileNotFoundError:
            return ""

    def keep_logs(self, logs: Mapping[str, tuple[str, ...]]) -> None:
        """Keep the last lines of its cluster, by source."""
        for source, lines in logs.items():
            text = "".join(f"{line}\n" for line in lines)
            self.folder.create(f"{LOGS_FOLDER}/{source}.log", text.encode())

    def note_event(self, event: Event) -> None:
        """Keep an event, by its time."""
        name = f"{EVENTS_FOLDER}/{event.at_s:017.6f}-{event.name}-{event.state}.json"
        self.folder.create(name, json.dumps(asdict(event)).encode())

    def event_names(self) -> list[str]:
        """Names of its events, oldest first."""
        names = self.folder.names(EVENTS_FOLDER)
        return [name for name in names if name.endswith(".json") and not name.startswith(".")]

    def event(self, name: str) -> Event:
        """The event of this name."""
        return _EVENT.validate_json(self.folder.read(f"{EVENTS_FOLDER}/{name}"))

    def log_sources(self) -> list[str]:
        """Of which parts of its cluster the last lines were kept."""
        names = self.folder.names(LOGS_FOLDER)
        return [name.removesuffix(".log") for name in names if name.endswith(".log")]

    def log(self, source: str) -> tuple[str, ...]:
        """The last lines of one of them."""
        text = self.folder.read(f"{LOGS_FOLDER}/{source}.log").decode(errors="replace")
        return tuple(text.splitlines())

    def _create(self, name: str, value: BaseModel) -> bool:
        return self.folder.create(name, value.model_dump_json(indent=1).encode())

    def _read(self, name: str, kind: type[Value]) -> Value | None:
        try:
            return kind.model_validate_json(self.folder.read(name))
        except FileNotFoundError:
            return None


class TrainingRecord:
    """All that is known of a training, in its folder."""

    def __init__(self, uri: str) -> None:
        self.folder = Folder(uri)

    def has_request(self) -> bool:
        """Whether it is said what is to be done."""
        return self.folder.exists(REQUEST_FILE)

    def write_request(self, request: TrainingRequest) -> None:
        """Say what is to be done; a request of the same training that is there stays."""
        self.folder.create(REQUEST_FILE, (request.model_dump_json(indent=1) + "\n").encode())

    def result(self) -> TrainingResult | None:
        """The model that counts, if there is one."""
        try:
            found = TrainingResult.model_validate_json(self.folder.read(RESULT_FILE))
        except FileNotFoundError:
            return None
        return found if found.status == "succeeded" else None

    def commit(self, result: TrainingResult) -> TrainingResult:
        """Make a model the one that counts; returns the one that does, which may be another's."""
        self.folder.create(RESULT_FILE, (result.model_dump_json(indent=1) + "\n").encode())
        return self.result() or result

    def attempt(self, number: int) -> Attempt:
        """The attempt of this number."""
        return Attempt(self.folder, number)

    def attempts(self) -> list[Attempt]:
        """All that were claimed, oldest first."""
        numbers = sorted(int(n) for n in self.folder.names(ATTEMPTS_FOLDER) if n.isdigit())
        return [one for one in map(self.attempt, numbers) if one.claim() is not None]

    def claim(self, claim: Claim) -> bool:
        """Claim the attempt; False if somebody else was first."""
        name = f"{attempt_path(claim.number)}/{CLAIM_FILE}"
        return self.folder.create(name, claim.model_dump_json(indent=1).encode())


def for_ladder(claim: Claim, ended: Ended) -> EndedAttempt | None:
    """What the ladder needs of an attempt; None for one that did not fail."""
    if ended.failure is None:
        return None
    return EndedAttempt(
        cause=ended.failure.cause,
        place=ended.failure.place,
        progressed=ended.progressed,
        worker_restarts=ended.worker_restarts,
        rung=claim.rung,
    )
