"""Attempts as they lie in storage, written by the same calls as those of a training."""

from dataclasses import dataclass, field
from typing import Any, Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.training.checkpoints import CheckpointRef
from ml_platform.training.journal import note_attempt
from ml_platform.training.record import Attempt, Claim, Ended, Owner, Ready, Started, TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.training.result import EpochRecord, TrainingResult
from ml_platform.training.telemetry.writer import SAMPLES_FOLDER
from ml_platform.xray.costs import Cost
from ml_platform.xray.records import Event
from ml_platform.xray.samples import Sample, to_line
from tests.support.lineages import lineage

DAY_S: Final = 86_400.0
AT_S: Final = 1_795_874_400.0
"""28 November 2026, 14:00 UTC."""
OUT_OF_MEMORY: Final = Failure(
    cause=Cause.OUT_OF_MEMORY,
    place=Place(kind="group", name="workers"),
    message="a worker went over its memory limit and was killed",
    hint="give the workers more memory in `cluster.workers.memory`.",
    evidence=("OOMKilled, exit code 137",),
)

NO_COST: Final = Cost(
    paid_s=0.0,
    idle_s=0.0,
    cpu_hours=0.0,
    gib_hours=0.0,
    gpu_hours=0.0,
    total=None,
    idle=None,
    wasted=None,
)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training whose attempts are written by hand."""

    storage_root: str
    partition: str = "2013-03-14"
    retrain: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    cluster: ClusterSpec = field(default_factory=lambda: ClusterSpec(provisioner="ephemeral"))

    @property
    def request(self) -> TrainingRequest:
        request = lineage(self.partition, retrain=self.retrain).request
        training = request.training.model_copy(
            update={"parameters": request.training.parameters | self.parameters}
        )
        return request.model_copy(
            update={
                "storage_root": self.storage_root,
                "cluster": self.cluster,
                "training": training,
            }
        )

    @property
    def record(self) -> TrainingRecord:
        return TrainingRecord(self.request.folder_uri)

    def claim(
        self,
        number: int = 1,
        *,
        at_s: float = AT_S,
        run: str = "run-1",
        root: str = "",
        team: str = "",
        backfill: str = "",
        journal: bool = True,
        **values: Any,
    ) -> Attempt:
        """Claim the attempt, and note it in the journal."""
        key = self.request.job_key()
        claim = Claim(
            number=number,
            owner=Owner(
                run=run,
                root=root or run,
                step="model",
                process="host 1",
                team=team,
                backfill=backfill,
            ),
            provisioner="ephemeral",
            place="kubernetes:ray",
            cluster=f"{key.slug()}-{number}",
            spec=self.cluster,
            training=self.request.training,
            submission_id=key.submission_id(number),
            claimed_at_s=at_s,
            nonce=f"nonce {number}",
            **values,
        )
        assert self.record.claim(claim)
        if journal:
            assert note_attempt(self.request, claim) == ""
        return self.record.attempt(number)

    def reports(self, number: int, *epochs: EpochRecord) -> None:
        """Make the attempt's the model that counts, with what it reported."""
        self.record.commit(
            TrainingResult(inputs_hash=self.request.inputs_hash(), attempt=number, history=epochs)
        )

    def train(
        self, number: int = 1, *, at_s: float = AT_S, failure: Failure | None = None, **claim: Any
    ) -> Attempt:
        """A whole attempt: ready after 60 s, running after 90, over after 690."""
        attempt = self.claim(number, at_s=at_s, **claim)
        runs(attempt, at_s=at_s)
        note(attempt, "running", "ended", at_s + 690, seconds=600.0, detail="succeeded")
        end(attempt, at_s=at_s + 690, failure=failure)
        return attempt


def epochs_of(*validation_losses: float) -> tuple[EpochRecord, ...]:
    """Epochs as the example's `train.py` reports them."""
    return tuple(
        EpochRecord(epoch=epoch, metrics={"training_loss": loss / 2, "validation_loss": loss})
        for epoch, loss in enumerate(validation_losses)
    )


def runs(attempt: Attempt, *, at_s: float) -> None:
    """Its cluster is ready after 60 s, and its driver began after 90."""
    note(attempt, "cluster", "began", at_s)
    note(attempt, "cluster", "ended", at_s + 60, seconds=60.0, detail="started")
    attempt.note_ready(Ready(incarnation="uid", at_s=at_s + 60))
    note(attempt, "submit", "began", at_s + 60)
    note(attempt, "submit", "ended", at_s + 61, seconds=1.0, detail="job")
    note(attempt, "pending", "began", at_s + 61)
    note(attempt, "pending", "ended", at_s + 90, seconds=29.0)
    note(attempt, "running", "began", at_s + 90)
    attempt.note_started(Started(at_s=at_s + 90))


def end(
    attempt: Attempt,
    *,
    at_s: float,
    failure: Failure | None = None,
    checkpoint: CheckpointRef | None = None,
    **values: Any,
) -> None:
    """Close it: with a failure, or with success."""
    attempt.close(
        Ended(
            status="failed" if failure else "succeeded",
            failure=failure,
            checkpoint=checkpoint,
            progressed=checkpoint is not None,
            ended_at_s=at_s,
            seen_by=Owner(run="run-1", root="run-1"),
            **{"ran_s": 600.0} | values,
        )
    )


def note(attempt: Attempt, name: str, state: Any, at_s: float, **values: Any) -> None:
    """An event of it."""
    attempt.note_event(Event(name=name, state=state, at_s=at_s, **values))


def measure(attempt: Attempt, source: str, *samples: Sample) -> None:
    """An object of samples, as a process on the cluster writes it."""
    name = f"{SAMPLES_FOLDER}/{source}/{samples[-1].at_s * 1000:.0f}.jsonl"
    assert attempt.folder.create(name, "".join(map(to_line, samples)).encode())
