"""What came out of a training, as files in storage; the log may be lost, these not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ml_platform.clusters.causes import Failure


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


class TrainingResult(BaseModel):
    """A trained model: what it is and how it was made.

    Attributes:
        status: `failed` only in files of before attempts had records of their own.
        attempt: The attempt whose model it is.
        model_uri: Folder of the model's files.
        encoding_hash: Hash of the encoding that the weights belong to.
        rows: Rows of the window, validation rows included.
        history: One record an epoch, oldest first.
        phases: Stretches inside the job: `import`, `encode`, `fit`, `loop` (the user's function on
            rank 0, within `fit`).
        worker_restarts: How often the workers were started again inside the job.
        resumed_from_epoch: The epoch that the last start went on from, if it did.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    status: Literal["succeeded", "failed"] = "succeeded"
    inputs_hash: str
    attempt: int = 1
    model_uri: str = ""
    encoding_hash: str = ""
    rows: int = 0
    history: tuple[EpochRecord, ...] = ()
    phases: tuple[PhaseRecord, ...] = ()
    libraries: dict[str, str] = {}
    worker_restarts: int = 0
    resumed_from_epoch: int | None = None


class DriverOutcome(BaseModel):
    """How an attempt's driver ended, in its own words: with a result, or with a failure."""

    model_config = ConfigDict(frozen=True)

    result: TrainingResult | None = None
    failure: Failure | None = None
