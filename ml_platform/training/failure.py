"""From the exception of a failed Ray Train run to its cause; pure.

Ray wraps what a worker raised several times over, and a memory death can surface as a failure of
the controller, so the whole chain is searched.
"""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.errors import (
    InputError,
    NonFiniteLossError,
    PlatformError,
    StorageError,
    TrainingStoppedError,
)
from ml_platform.storage_retry import is_silence
from ml_platform.training.request import PACKAGE_ROOT

_WRAPPED: Final = ("controller_failure", "health_check_failure", "_base_exc", "cause", "__cause__")
_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')
_PLATFORM: Final = str(PACKAGE_ROOT)
# What `train.py` calls: whatever is raised there, it has been given something wrong.
_FACE: Final = f"{_PLATFORM}/training/worker.py"


def classify(error: BaseException, *, code: Path, shown_as: str = "") -> Failure:
    """The cause of a failed `TorchTrainer.fit()`, with its traceback and the next thing to do.

    Args:
        error: What was raised.
        code: The model's folder, or the end of its path where each process has a copy; its author
            is blamed for nothing that was raised elsewhere.
        shown_as: How the traceback is to name that folder, where it is a copy.
    """
    failure = _classify(error, code)
    if not shown_as:
        return failure
    copies = re.compile(rf'[^"\s]*/{re.escape(str(code).strip("/"))}(?=/)')
    shown = copies.sub(lambda _: shown_as.rstrip("/"), failure.traceback)
    return failure.model_copy(update={"traceback": shown})


def _classify(error: BaseException, code: Path) -> Failure:
    chain = list(_chain(error))
    for one in chain:
        for kind, cause in _NAMED.items():
            if isinstance(one, PlatformError) and isinstance(one, kind):
                return Failure(cause=cause, place=_place(error), message=one.message, hint=one.hint)
    for one in reversed(chain):  # wrappers repeat the words of what they hold
        if words := _of_gpu_memory(one):
            return Failure(
                cause=Cause.OUT_OF_MEMORY,
                place=_gpu(error, words),
                message=f"a GPU ran out of memory: {words}",
                hint="use smaller batches, a lower precision or gradient checkpointing, or a kind "
                "of GPU with more memory (`cluster.workers.gpu`).",
            )
    for one in chain:
        if _is_out_of_memory(one):
            return Failure(
                cause=Cause.OUT_OF_MEMORY,
                place=_place(error),
                message=f"a training worker ran out of memory: {_first_line(one)}",
                hint="use smaller batches or, on a cluster, give the workers more memory in "
                "`cluster.workers.memory`.",
            )
    for loss in _LOSSES:
        for one in chain:
            if type(one).__name__ in loss.names:
                return Failure(
                    cause=loss.cause,
                    place=_place(error),
                    message=f"{loss.what}: {_first_line(one)}",
                    hint=loss.hint,
                )
    innermost = _innermost(chain)
    text = _traceback_of(innermost, error)
    if isinstance(innermost, InputError):
        return Failure(
            cause=Cause.BAD_INPUT,
            place=_place(error),
            message=innermost.message,
            hint=innermost.hint,
            traceback=text,
        )
    raised = f"{type(innermost).__name__}: {_first_line(innermost)}"
    place = _place_in(code, text)
    if place is None:
        return Failure(
            cause=Cause.STORAGE if _is_of_storage(innermost) else Cause.PLATFORM,
            place=_place(error),
            message=f"the training could not be run: {raised}",
            hint="materialize again; if it stays, the job's log has the whole story.",
            traceback=text,
        )
    file, line = place
    return Failure(
        cause=Cause.USER_CODE,
        place=_place(error),
        message=f"{file} raised {raised} (line {line})",
        hint=f"mend {file} at line {line}.",
        traceback=text,
    )


def _is_of_storage(error: BaseException) -> bool:
    return isinstance(error, OSError) or is_silence(error)


_GPU_MEMORY: Final = re.compile(
    r"\b(?:CUDA|HIP|XPU|MPS)\b.*\bout of memory|C(?:UBLAS|UDNN)_STATUS_ALLOC_FAILED"
)
_GPU: Final = re.compile(r"\bGPU (\d+)")

_NAMED: Final[dict[type[PlatformError], Cause]] = {
    NonFiniteLossError: Cause.NON_FINITE,
    TrainingStoppedError: Cause.CANCELLED,
    StorageError: Cause.STORAGE,
}
"""Errors of the platform's own that say what they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loss:
    """What Ray says is lost, by the names of its exceptions."""

    names: frozenset[str]
    cause: Cause
    what: str
    hint: str


_LOSSES: Final = (
    _Loss(
        names=frozenset({"NodeDiedError"}),
        cause=Cause.NODE_LOST,
        what="the node of a training worker died",
        hint="materialize again: the training goes on from its last checkpoint.",
    ),
    _Loss(
        names=frozenset({"WorkerGroupStartupTimeoutError"}),
        cause=Cause.NODE_LOST,
        what="the training workers did not join",
        hint="`mlp cluster show` says which pod is missing; materialized again, the training goes "
        "on from its last checkpoint on a new cluster.",
    ),
    _Loss(
        names=frozenset({"PreemptionError"}),
        cause=Cause.WORKER_LOST,
        what="the node of a training worker is taken away",
        hint="nothing: the training goes on from its last checkpoint. If it happens often, keep "
        "the group off spot nodes (`spot: false`).",
    ),
    _Loss(
        names=frozenset(
            {
                "ActorDiedError",
                "ActorUnavailableError",
                "WorkerCrashedError",
                "WorkerHealthCheckTimeoutError",
                "RayActorError",
            }
        ),
        cause=Cause.WORKER_LOST,
        what="a training worker died",
        hint="the end of the job's log says more: `Fatal Python error` is a library that aborted; "
        "nothing at all is `os._exit` in train.py, or a kill by the system, as when memory runs "
        "out.",
    ),
)
"""The most telling first: a chain may have several."""


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


def _place(error: BaseException) -> Place:
    """The worker that failed first, as Ray Train names it by rank; else the driver."""
    ranks = sorted(
        rank
        for one in _chain(error)
        for rank in (getattr(one, "worker_failures", None) or {})
        if isinstance(rank, int)
    )
    return Place(kind="worker", name=f"rank {ranks[0]}") if ranks else Place(kind="driver")


def _gpu(error: BaseException, line: str) -> Place:
    """Its GPU, as far as torch names it, of the worker that failed first."""
    worker = _place(error)
    of = worker.name if worker.kind == "worker" else worker.kind
    number = _GPU.search(line)
    return Place(kind="gpu", name=f"{number[1]} of {of}" if number else f"of {of}")


def _of_gpu_memory(error: BaseException) -> str:
    """The line in which torch says so, of a device and not of its host; empty if it does not."""
    if type(error).__name__ != "OutOfMemoryError" and not isinstance(error, RuntimeError):
        return ""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if _GPU_MEMORY.search(line)), "")


def _is_out_of_memory(error: BaseException) -> bool:
    if type(error).__name__ in ("OutOfMemoryError", "MemoryError"):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _innermost(chain: list[BaseException]) -> BaseException:
    """The innermost exception that is no wrapper of Ray's."""
    own = [one for one in chain if not type(one).__module__.startswith("ray.")]
    return own[-1] if own else chain[-1]


def _place_in(code: Path, text: str) -> tuple[str, int] | None:
    """File and line in the model's folder, if the platform did not raise the error further in."""
    for path, line in reversed(_FRAME.findall(text)):
        if f"/{str(code).strip('/')}/" in path:
            return Path(path).name, int(line)
        if path.startswith(_PLATFORM) and path != _FACE:
            return None
    return None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _traceback_of(innermost: BaseException, error: BaseException) -> str:
    """The user's own frames; Ray sends a traceback as text, so look there when there are none."""
    if innermost.__traceback__ is not None:
        return "".join(traceback.format_exception(innermost))
    text = str(error)
    start = text.find("Traceback (most recent call last)")
    return text[start:] if start >= 0 else text
