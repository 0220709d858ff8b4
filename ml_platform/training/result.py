"""How a training ended, as a file in object storage; the log stream may be lost, this is not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ml_platform.errors import (
    ClusterError,
    NonFiniteLossError,
    PlatformError,
    TrainingError,
    UserCodeError,
    WorkerDiedError,
)

Cause = Literal["user_code", "non_finite_loss", "worker_died", "out_of_memory", "platform"]


class EpochRecord(BaseModel):
    """Metrics of one epoch, averaged over the workers as `train.py` reported them."""

    model_config = ConfigDict(frozen=True)

    epoch: int
    metrics: dict[str, float]


class PhaseRecord(BaseModel):
    """How long a stretch of the training took, in seconds."""

    model_config = ConfigDict(frozen=True)

    name: str
    seconds: float


class Failure(BaseModel):
    """Why a training failed: what a person needs to mend it."""

    model_config = ConfigDict(frozen=True)

    cause: Cause
    message: str
    hint: str
    traceback: str = ""

    def to_error(self) -> PlatformError:
        """The named error of this cause."""
        if self.cause == "platform":
            return ClusterError(self.message, hint=self.hint)
        kinds: dict[Cause, type[TrainingError]] = {
            "user_code": UserCodeError,
            "non_finite_loss": NonFiniteLossError,
            "worker_died": WorkerDiedError,
            "out_of_memory": WorkerDiedError,
        }
        return kinds[self.cause](self.message, hint=self.hint, traceback=self.traceback)


class TrainingResult(BaseModel):
    """What came out of a training.

    Attributes:
        status: Whether there is a model.
        model_uri: Folder of the model's files, when there is one.
        encoding_hash: Hash of the encoding that the weights belong to.
        rows: Rows of the window, validation rows included.
        history: One record an epoch, oldest first.
        phases: Stretches inside the job: `import`, `encode`, `fit`, `loop` (the user's function on
            rank 0, within `fit`).
        attempts: How often the workers were started.
        resumed_from_epoch: The epoch that the last start went on from, if it did.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    status: Literal["succeeded", "failed"]
    inputs_hash: str
    model_uri: str = ""
    encoding_hash: str = ""
    rows: int = 0
    history: tuple[EpochRecord, ...] = ()
    phases: tuple[PhaseRecord, ...] = ()
    libraries: dict[str, str] = {}
    attempts: int = 1
    resumed_from_epoch: int | None = None
    failure: Failure | None = None
