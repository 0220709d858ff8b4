"""Why an attempt ended: one enum for job, pod and cluster, with the place and the evidence.

Categories are those of Ray's coming health framework (enhancement 71), so that its decisions can be
taken over where it makes them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from ml_platform.errors import (
    ClusterError,
    ClusterLostError,
    ClusterStartError,
    ModelSpecError,
    NonFiniteLossError,
    NoProgressError,
    OutOfMemoryError,
    PlatformError,
    StorageError,
    TrainingError,
    TrainingStoppedError,
    TrainingTimeoutError,
    UserCodeError,
    WorkerDiedError,
)


class Category(StrEnum):
    """Who has to act."""

    HARDWARE = "HARDWARE"
    INFRASTRUCTURE = "INFRASTRUCTURE"
    APPLICATION = "APPLICATION"
    NO_PROGRESS = "NO_PROGRESS"


class Cause(StrEnum):
    """Why an attempt ended."""

    USER_CODE = "user_code"
    BAD_INPUT = "bad_input"
    NON_FINITE = "non_finite"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_LOST = "worker_lost"
    NODE_LOST = "node_lost"
    HEAD_LOST = "head_lost"
    START_FAILED = "start_failed"
    NO_PROGRESS = "no_progress"
    OVER_LIMIT = "over_limit"
    CANCELLED = "cancelled"
    STORAGE = "storage"
    PLATFORM = "platform"

    @property
    def category(self) -> Category:
        """Who has to act: the model's author, or whoever runs the machines."""
        return _CATEGORIES[self]


_CATEGORIES: Final = {
    Cause.USER_CODE: Category.APPLICATION,
    Cause.BAD_INPUT: Category.APPLICATION,
    Cause.NON_FINITE: Category.APPLICATION,
    Cause.OUT_OF_MEMORY: Category.APPLICATION,
    Cause.OVER_LIMIT: Category.APPLICATION,
    Cause.CANCELLED: Category.APPLICATION,
    Cause.WORKER_LOST: Category.INFRASTRUCTURE,
    Cause.NODE_LOST: Category.INFRASTRUCTURE,
    Cause.HEAD_LOST: Category.INFRASTRUCTURE,
    Cause.START_FAILED: Category.INFRASTRUCTURE,
    Cause.STORAGE: Category.INFRASTRUCTURE,
    Cause.PLATFORM: Category.INFRASTRUCTURE,
    Cause.NO_PROGRESS: Category.NO_PROGRESS,
}


class Place(BaseModel):
    """Where it ended: what kind of thing, and which one where that is known."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["cluster", "head", "driver", "group", "worker", "node", "gpu", "storage", "step"]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


class Failure(BaseModel):
    """Why an attempt ended: what a person, and the ladder, need to know of it.

    Attributes:
        cause: Why.
        place: Where.
        message: What happened, in a sentence.
        hint: The next thing to do.
        evidence: What it was told by: lines of a log, an exit code, a state.
        traceback: The author's own, when there is one.
    """

    model_config = ConfigDict(frozen=True)

    cause: Cause
    place: Place
    message: str
    hint: str
    evidence: tuple[str, ...] = ()
    traceback: str = ""

    def to_error(self) -> PlatformError:
        """The named error of this cause."""
        kind = _ERRORS[self.cause]
        if issubclass(kind, TrainingError):
            return kind(self.message, hint=self.hint, traceback=self.traceback)
        return kind(self.message, hint=self.hint)

    def to_start_error(
        self, cluster: str, *, logs: Mapping[str, tuple[str, ...]] | None = None
    ) -> ClusterStartError:
        """The error of a cluster that this kept from starting; `of_start` reads it back."""
        return ClusterStartError(
            f"the cluster {cluster}: {self.message}",
            hint=self.hint,
            evidence=self.evidence,
            cause=self.cause.value,
            place=(self.place.kind, self.place.name),
            logs=logs,
        )

    @classmethod
    def of_start(cls, error: ClusterStartError) -> "Failure":
        """Why a cluster did not start, in the error's words."""
        kind, name = error.place
        return cls(
            cause=Cause(error.cause) if error.cause else Cause.START_FAILED,
            place=Place.model_validate({"kind": kind, "name": name}),
            message=error.message,
            hint=error.hint,
            evidence=error.evidence,
        )


_ERRORS: Final[dict[Cause, type[PlatformError]]] = {
    Cause.USER_CODE: UserCodeError,
    Cause.BAD_INPUT: ModelSpecError,
    Cause.NON_FINITE: NonFiniteLossError,
    Cause.OUT_OF_MEMORY: OutOfMemoryError,
    Cause.WORKER_LOST: WorkerDiedError,
    Cause.NODE_LOST: ClusterLostError,
    Cause.HEAD_LOST: ClusterLostError,
    Cause.START_FAILED: ClusterStartError,
    Cause.NO_PROGRESS: NoProgressError,
    Cause.OVER_LIMIT: TrainingTimeoutError,
    Cause.CANCELLED: TrainingStoppedError,
    Cause.STORAGE: StorageError,
    Cause.PLATFORM: ClusterError,
}
