"""Everything that the platform raises on purpose; each error carries the next thing to do.

PlatformError
├── InputError                the user's words: a key, a column, a date (exit code 2)
│   ├── SettingsError         an environment variable of the platform
│   ├── ModelSpecError        a model's `defs.yaml`, `train.py` or `evaluate.py`
│   ├── DbtProjectError       a file of the dbt project, as dbt says
│   └── PartitionError        a partition or window that does not exist
├── WarehouseError            the engine refused, or a table is not as wanted
├── FeatureBuildError         dbt failed
├── TrainingSetError          a snapshot is missing, torn, empty or of another schema
├── ClusterError              the cluster could not be made or was lost
│   ├── ClusterStartError     it never became ready
│   ├── ClusterLostError      it was there and is gone
│   ├── ClusterLeftError      its work is done, and it could not be given back
│   ├── HeadUnreachableError  its head did not answer this once
│   ├── JobExistsError        a job of this submission id is there already
│   ├── ApiAwayError          Kubernetes did not answer this once
│   ├── ApiRefusedError       Kubernetes refuses: an object is not as wanted
│   │   └── ApiForbiddenError the account: a right is missing, or its server has just started
│   ├── WatchExpiredError     Kubernetes has forgotten from where a watch was to go on
│   ├── ObjectMissingError    Kubernetes has no such object
│   ├── ObjectConflictError   Kubernetes has one of this name, or it has changed
│   └── LogStreamBrokenError  a job's log broke off
├── TrainingError             the training itself ended badly
│   ├── UserCodeError         `train.py` or `evaluate.py` raised; carries its own traceback
│   ├── NonFiniteLossError    the loss became NaN or infinite
│   ├── WorkerDiedError       a worker process died; says how, when that is known
│   │   └── OutOfMemoryError  of memory, and where
│   ├── NoProgressError       it ran on without a step forward
│   ├── TrainingStoppedError  somebody stopped the job
│   └── TrainingTimeoutError  it ran longer than `training.max_runtime_s` and was stopped
├── BudgetError               a team or an asset has spent what it may: nothing was begun
├── StorageError              what is kept does not answer, or is full
├── EvaluationError           a model could not be scored
├── RegistryError             a version, an alias or the registry's server
├── XrayError                 X-Ray's database does not answer, is full, or is another one
├── DagsterServerError        a Dagster does not answer, refuses, or is somebody else's
├── RunFailedError            a Dagster run failed for a reason that has no error of its own
└── ChecksFailedError         blocking checks said no
"""

from collections.abc import Mapping


class PlatformError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What was wanted and what was found.
        hint: The next thing to do, as an instruction.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross Ray and process boundaries; keyword-only arguments need help to unpickle.
        return _rebuild, (type(self), self.message, self.__dict__.copy())


def _rebuild(kind: type[PlatformError], message: str, state: dict[str, object]) -> PlatformError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


def cause_of(error: BaseException | None) -> PlatformError | None:
    """The platform's own error among an error and its causes, which a library has wrapped."""
    while error is not None:
        if isinstance(error, PlatformError):
            return error
        error = error.__cause__ or error.__context__
    return None


def reason_of(error: Exception) -> str:
    """Why something failed, for one who goes on without it: ours says so, another names itself."""
    return error.message if isinstance(error, PlatformError) else repr(error)


class InputError(PlatformError):
    """The user's words are wrong: nothing ran and nothing was spent."""


class SettingsError(InputError):
    """A setting from the environment has a value that cannot be."""


class ModelSpecError(InputError):
    """A model's folder (`defs.yaml` and its code) asks for something that cannot be."""


class DbtProjectError(InputError):
    """dbt cannot read the project: a mistake in a file, a missing source or package."""


class PartitionError(InputError):
    """A partition or a window lies outside the days that exist."""


class WarehouseError(PlatformError):
    """The warehouse refused, or a table is not what was expected."""


class FeatureBuildError(PlatformError):
    """dbt failed to build or test feature tables."""


class TrainingSetError(PlatformError):
    """A snapshot is missing, incomplete, empty or of another schema."""


class StorageError(PlatformError):
    """The store of snapshots, checkpoints and models does not answer, or is full."""


class ClusterError(PlatformError):
    """The cluster could not be made or was lost; the training code is not to blame."""


class ClusterStartError(ClusterError):
    """The cluster never became ready.

    Args:
        message: Why.
        hint: What to do next.
        evidence: What that was told by: lines of a log, an exit code, a state.
        cause: The same in one word, as `clusters.causes.Cause` has it; empty where no other is
            known than that it did not start.
        place: Kind and name of where, as `clusters.causes.Place` has them.
        logs: The last lines of what failed, by a name that can be a file's.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        evidence: tuple[str, ...] = (),
        cause: str = "",
        place: tuple[str, str] = ("cluster", ""),
        logs: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.evidence = evidence
        self.cause = cause
        self.place = place
        self.logs = dict(logs or {})


class ClusterLostError(ClusterError):
    """The cluster was there and is gone."""


class ClusterLeftError(ClusterError):
    """The work is done, and its cluster could not be given back."""


class HeadUnreachableError(ClusterError):
    """The head did not answer this once; asking again may help."""


class JobExistsError(ClusterError):
    """There is a job of this submission id already."""


class ApiAwayError(ClusterError):
    """The API server of Kubernetes did not answer this once; asking again may help.

    Attributes:
        retry_after_s: For how long it wants to be left alone.
    """

    retry_after_s: float = 0.0


class ApiRefusedError(ClusterError):
    """The API server refuses: the account may not, or the object is not as it should be."""


class ApiForbiddenError(ApiRefusedError):
    """The API server refuses the account (401, 403): it may not, or the server knows nobody yet."""


class WatchExpiredError(ClusterError):
    """The API server has forgotten from where a watch was to go on (410 Gone): list anew."""


class ObjectMissingError(ClusterError):
    """Kubernetes has no such object, or no such kind of objects."""


class ObjectConflictError(ClusterError):
    """Kubernetes has an object of this name, or it has changed since it was read."""


class LogStreamBrokenError(ClusterError):
    """The log's stream ended before the log did."""


class TrainingError(PlatformError):
    """The training ended badly.

    Args:
        message: What happened.
        hint: What to do next.
        traceback: The user's own traceback, when there is one.
    """

    def __init__(self, message: str, *, hint: str = "", traceback: str = "") -> None:
        super().__init__(message, hint=hint)
        self.traceback = traceback


class UserCodeError(TrainingError):
    """`train.py` or `evaluate.py` raised."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite."""


class WorkerDiedError(TrainingError):
    """A training worker's process died."""


class OutOfMemoryError(WorkerDiedError):
    """A process of the training needed more memory than there was."""


class NoProgressError(TrainingError):
    """The training ran on without a step forward."""


class TrainingStoppedError(TrainingError):
    """The job was stopped before its end."""


class TrainingTimeoutError(TrainingError):
    """The job was still running at its limit, and was stopped for that."""


class BudgetError(PlatformError):
    """A team or an asset has spent its budget: no attempt was begun, nothing was spent."""


class EvaluationError(PlatformError):
    """A model could not be scored on the held-out partitions."""


class RegistryError(PlatformError):
    """A version or an alias is not there, or the registry's server does not answer."""


class XrayError(PlatformError):
    """X-Ray's database does not answer, is full or locked, or has other tables than ours."""


class DagsterServerError(PlatformError):
    """A Dagster server does not answer, refuses, or is not of this installation."""


class RunFailedError(PlatformError):
    """A Dagster run failed for a reason that is no error of the platform's own."""


class ChecksFailedError(PlatformError):
    """Blocking checks said no."""
