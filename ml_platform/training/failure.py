"""From the exception of a failed Ray Train run to its cause, and from the cause to what to do.

Ray wraps what a worker raised several times over, and a memory death can surface as a failure of
the controller, so the whole chain is searched. `classify` and `after_failure` are pure.
"""

import re
import traceback
from collections.abc import Iterator
from enum import Enum
from typing import Final

from ml_platform.errors import InputError, NonFiniteLossError, PlatformError
from ml_platform.training.result import Failure

_WRAPPED: Final = ("controller_failure", "health_check_failure", "_base_exc", "cause", "__cause__")
_PLATFORM_FRAME: Final = re.compile(r"/ml_platform/training/|/site-packages/")


class Decision(Enum):
    """What follows a failure."""

    GO_ON_FROM_CHECKPOINT = "go on from the last checkpoint"
    GIVE_UP = "give up"


def after_failure(failure: Failure, *, retries_used: int, retries: int) -> Decision:
    """Go on only where another try can end otherwise: a worker that died, never user code."""
    if failure.cause == "worker_died" and retries_used < retries:
        return Decision.GO_ON_FROM_CHECKPOINT
    return Decision.GIVE_UP


def classify(error: BaseException) -> Failure:
    """The cause of a failed `TorchTrainer.fit()`, with its traceback and the next thing to do."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, NonFiniteLossError):
            return Failure(cause="non_finite_loss", message=one.message, hint=one.hint)
    for one in chain:
        if _is_out_of_memory(one):
            return Failure(
                cause="out_of_memory",
                message=f"a training worker ran out of memory: {_first_line(one)}",
                hint="give the workers more memory in `cluster.workers.memory`, or use smaller "
                "batches.",
            )
    for one in chain:
        if type(one).__name__ in _DEATHS:
            return Failure(
                cause="worker_died",
                message=f"a training worker died: {_first_line(one)}",
                hint="look at the end of the job's log; if it happens again, give the workers more "
                "memory.",
            )
    user = _user_error(chain)
    if user is None:
        return Failure(
            cause="platform",
            message=f"the training could not be run: {_first_line(error)}",
            hint="materialize again; if it stays, the job's log has the whole story.",
            traceback="".join(traceback.format_exception(error)),
        )
    hint = user.hint if isinstance(user, PlatformError) else "mend train.py at the line above."
    return Failure(
        cause="user_code",
        message=f"train.py raised {type(user).__name__}: {_first_line(user)}",
        hint=hint,
        traceback=_traceback_of(user, error),
    )


_DEATHS: Final = frozenset(
    {
        "ActorDiedError",
        "ActorUnavailableError",
        "NodeDiedError",
        "WorkerCrashedError",
        "WorkerHealthCheckTimeoutError",
        "RayActorError",
    }
)


def _chain(error: BaseException | None, seen: set[int] | None = None) -> Iterator[BaseException]:
    seen = set() if seen is None else seen
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for name in _WRAPPED:
        inner = getattr(error, name, None)
        if isinstance(inner, BaseException):
            yield from _chain(inner, seen)
    for inner in (getattr(error, "worker_failures", None) or {}).values():
        yield from _chain(inner, seen)


def _is_out_of_memory(error: BaseException) -> bool:
    if type(error).__name__ in ("OutOfMemoryError", "MemoryError"):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _user_error(chain: list[BaseException]) -> BaseException | None:
    """The innermost exception that is no wrapper of Ray's."""
    own = [one for one in chain if not type(one).__module__.startswith("ray.")]
    return own[-1] if own else None


def _first_line(error: BaseException) -> str:
    if isinstance(error, InputError):
        return error.message
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _traceback_of(user: BaseException, error: BaseException) -> str:
    """The user's own frames; Ray sends a traceback as text, so look there when there are none."""
    if user.__traceback__ is not None:
        return "".join(traceback.format_exception(user))
    text = str(error)
    start = text.find("Traceback (most recent call last)")
    return text[start:] if start >= 0 else text
