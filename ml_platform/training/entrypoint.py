"""The driver of an attempt, run as a Ray Job: `python -m … <folder of the training> <attempt>`.

Reads the request and the code beside it, fits the encoding, runs `TorchTrainer`, goes on from the
newest checkpoint when a worker died, and leaves outcome and result as files. Exit code 0: there is
a model.
"""

import importlib.metadata
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.spec import RAY_VERSION
from ml_platform.errors import (
    EvaluationError,
    ModelSpecError,
    TrainingStoppedError,
    UserCodeError,
)
from ml_platform.storage import Folder
from ml_platform.training.api import FeatureEncoding
from ml_platform.training.checkpoints import newest_checkpoint, read_checkpoint
from ml_platform.training.encoding import encoding_hash, fit_encoding
from ml_platform.training.failure import classify
from ml_platform.training.model_code import copy_of, fetch_code, load_function
from ml_platform.training.positions import HAS_ENDED, HINT
from ml_platform.training.predictor import look_at_model
from ml_platform.training.reader import DataFileRef
from ml_platform.training.record import MODEL_FOLDER, Attempt, Started, TrainingRecord
from ml_platform.training.request import (
    CODE_FOLDER,
    REQUEST_FILE,
    TrainingRequest,
    library_versions,
    python_files,
)
from ml_platform.training.result import (
    DriverOutcome,
    EpochRecord,
    PhaseRecord,
    TrainingResult,
)
from ml_platform.training.telemetry.log_archive import LogArchive, own_log
from ml_platform.training.telemetry.nodes import NodeSampler
from ml_platform.training.telemetry.switch import records
from ml_platform.training.telemetry.writer import SampleWriter
from ml_platform.training.worker import PROGRESS_FILE, WEIGHTS_FILE, Start, train_loop
from ml_platform.training_set.profile import merge_profiles
from ml_platform.training_set.store import SnapshotStore

if TYPE_CHECKING:
    from ray.train import FailureConfig

ENCODING_FILE: Final = "encoding.json"
MODEL_FILE: Final = "model.json"
RAY_TRAIN_FOLDER: Final = "ray_train"
STARTS_WITHOUT_PROGRESS: Final = 3

# Of torch's collectives, by gloo and by NCCL.
TIMED_OUT: Final = re.compile(r"Timed out waiting|collective operation timeout")

Files = list[DataFileRef]


def main(argv: list[str]) -> int:
    """Run the attempt `argv[1]` of the training in the folder `argv[0]`; returns the exit code."""
    record = TrainingRecord(argv[0])
    attempt = record.attempt(int(argv[1]))
    if record.result() is not None:
        return 0
    if attempt.has_ended():
        sys.stderr.write(f"attempt {attempt.number} was given up before it began\n")
        return 1
    attempt.note_started(Started(at_s=time.time()))
    request = asked_of(record, attempt)
    with (
        tempfile.TemporaryDirectory(prefix="mlp-code-") as scratch,
        LogArchive(attempt.folder, own_log() if records() else None),
    ):
        outcome = Driver(request, record, attempt, Path(scratch)).run()
    attempt.note_outcome(outcome)
    if outcome.result is not None and not attempt.has_ended():
        record.commit(outcome.result)
        return 0
    if outcome.failure is not None:
        sys.stderr.write(f"{outcome.failure.traceback}\n{outcome.failure.message}\n")
    return 1


def asked_of(record: TrainingRecord, attempt: Attempt) -> TrainingRequest:
    """The request, with what may have changed since it was written as the attempt's claim has it.

    Of that, nothing decides the outcome, so the training is still the same.
    """
    request = TrainingRequest.model_validate_json(record.folder.read(REQUEST_FILE))
    claim = attempt.claim()
    if claim is None:
        return request
    return request.model_copy(
        update={
            "cluster": claim.spec,
            "training": claim.training,
            "platform_version": claim.platform_version or request.platform_version,
            "storage_root": claim.storage_root or request.storage_root,
        }
    )


class Driver:
    """One attempt on the cluster.

    Args:
        request: The training.
        record: Its folder.
        attempt: Which attempt this is.
        scratch: A local folder.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        request: TrainingRequest,
        record: TrainingRecord,
        attempt: Attempt,
        scratch: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._request = request
        self._record = record
        self._attempt = attempt
        self._scratch = scratch
        self._clock = clock
        self._phases: list[PhaseRecord] = []
        self._phase_began = clock()

    def run(self) -> DriverOutcome:
        """Train, and say how it went; never raises for what the training itself does wrong."""
        try:
            return DriverOutcome(result=self._train())
        except _GaveUpError as gave_up:
            return DriverOutcome(failure=gave_up.failure)
        except Exception as error:  # boundary: the outcome must say why there is no model
            return DriverOutcome(failure=self._classify(error))

    def _train(self) -> TrainingResult:
        request = self._request
        require_same_platform(request.platform_version)
        require_same_ray()
        code = fetch_code(request, self._scratch)
        load_function(code, "train", "train")  # a broken import costs no worker
        self._phase("import")
        encoding, files, rows = prepare(request)
        self._phase("encode")
        restarts = self._fit(encoding, files)
        self._phase("fit")
        progress = self._write_model(code, encoding)
        self._phase("write")
        self._look(files, encoding)
        self._phase("look")
        self._phases.append(PhaseRecord(name="loop", seconds=progress["loop_s"]))
        return TrainingResult(
            inputs_hash=request.inputs_hash(),
            attempt=self._attempt.number,
            model_uri=(self._attempt.folder / MODEL_FOLDER).uri,
            encoding_hash=encoding_hash(encoding),
            rows=rows,
            history=tuple(EpochRecord(**one) for one in progress["history"]),
            phases=tuple(self._phases),
            libraries=library_versions(),
            worker_restarts=restarts,
            resumed_from_epoch=progress["resumed_from_epoch"],
        )

    def _fit(self, encoding: FeatureEncoding, files: Files) -> int:
        """Train until a finished checkpoint is there; returns how often workers were restarted."""
        claim = self._attempt.claim()
        allowed = claim.worker_restarts if claim is not None else 0
        restarts = idle = 0
        while True:
            newest = newest_checkpoint(self._record.folder, by_hash=True)
            if newest is not None and newest.finished:
                return restarts  # trained to the end; only the result was lost
            start = Start(attempt=self._attempt.number, restored=newest)
            try:
                fit(self._request, encoding, files, start)
            except Exception as error:  # boundary: whatever Ray raises becomes a named cause
                failure = self._classify(error)
                idle = 0 if newest_checkpoint(self._record.folder) != newest else idle + 1
                if (
                    failure.cause is not Cause.WORKER_LOST
                    or restarts >= allowed
                    or idle >= STARTS_WITHOUT_PROGRESS
                    or self._attempt.has_ended()
                ):
                    raise _GaveUpError(failure) from error
                restarts += 1
                self._attempt.note_restart(restarts)
                sys.stderr.write(f"{failure.message}; go on from the last checkpoint\n")

    def _write_model(self, code: Path, encoding: FeatureEncoding) -> dict[str, Any]:
        """Make the finished checkpoint a model; returns what it says of its making."""
        request, folder = self._request, self._record.folder
        newest = newest_checkpoint(folder)
        if newest is None or not newest.finished:
            raise TrainingStoppedError(
                "the workers ended without a finished checkpoint",
                hint="another attempt may have taken over; materialize again if none has.",
            )
        model = self._attempt.folder / MODEL_FOLDER
        with read_checkpoint(folder, newest, self._scratch) as directory:
            model.write(WEIGHTS_FILE, (directory / WEIGHTS_FILE).read_bytes())
            progress: dict[str, Any] = json.loads((directory / PROGRESS_FILE).read_text())
        model.write(ENCODING_FILE, encoding.model_dump_json(indent=1).encode())
        parameters = {"model": request.model, "params": request.training.parameters}
        model.write_json(MODEL_FILE, parameters)
        model.write(REQUEST_FILE, (request.model_dump_json(indent=1) + "\n").encode())
        # Weights can only be read by the code that made them, so a model brings its own.
        for name, content in python_files(code):
            model.write(f"{CODE_FOLDER}/{name}", content)
        return progress

    def _look(self, files: Files, encoding: FeatureEncoding) -> None:
        """See that the written model scores rows; where it does not, `evaluate.py` is to blame."""
        try:
            look_at_model(self._attempt.folder / MODEL_FOLDER, files, encoding, self._scratch)
        except (EvaluationError, UserCodeError) as error:
            raise _GaveUpError(
                Failure(
                    cause=Cause.USER_CODE,
                    place=Place(kind="driver"),
                    message=error.message,
                    hint="mend evaluate.py and materialize again: what was trained is kept, and "
                    "only the model is written anew.",
                    traceback=error.traceback if isinstance(error, UserCodeError) else "",
                )
            ) from error

    def _classify(self, error: BaseException) -> Failure:
        failure = classify(error, code=copy_of(self._request), shown_as=self._request.code)
        stuck = self._attempt.stuck()
        if stuck and is_of_waiting(failure, stuck):
            # What torch says when it gives up waiting is not why it waited.
            return failure.model_copy(
                update={
                    "cause": Cause.USER_CODE,
                    "message": stuck,
                    "hint": HINT,
                    "evidence": (*failure.evidence, failure.message),
                }
            )
        return failure

    def _phase(self, name: str) -> None:
        now = self._clock()
        self._phases.append(PhaseRecord(name=name, seconds=now - self._phase_began))
        self._phase_began = now


def is_of_waiting(failure: Failure, stuck: str) -> bool:
    """Whether ranks that waited for each other ended by that, and not by what it looks like.

    torch's time-out is an error of train.py's, or kills the worker without a word; a worker may
    also die of something else while others wait for it, unless one has left them for good.
    """
    timed_out = TIMED_OUT.search(f"{failure.message}\n{failure.traceback}") is not None
    match failure.cause:
        case Cause.USER_CODE:
            return timed_out
        case Cause.WORKER_LOST | Cause.PLATFORM:
            return timed_out or HAS_ENDED in stuck
        case _:
            return False


class _GaveUpError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def require_same_platform(wanted: str, found: str | None = None) -> None:
    """Refuse to train for a step that runs another minor version of this package.

    Raises:
        ModelSpecError: names both.
    """
    found = importlib.metadata.version("ml_platform") if found is None else found
    if wanted and _minor(wanted) != _minor(found):
        raise ModelSpecError(
            f"this training was asked for by ml_platform {wanted}, its cluster runs {found}",
            hint="give `cluster.image` or MLP_IMAGE an image of the version that runs beside "
            "Dagster.",
        )


def require_same_ray(found: str | None = None) -> None:
    """Refuse to train on an image with another minor version of Ray than clusters are made for.

    Raises:
        ModelSpecError: names both.
    """
    found = importlib.metadata.version("ray") if found is None else found
    if _minor(found) != _minor(RAY_VERSION):
        raise ModelSpecError(
            f"the cluster's image holds Ray {found}, this platform wants {RAY_VERSION}",
            hint="give `cluster.image` or MLP_IMAGE an image built from `deploy/`, or one with "
            f"ray=={RAY_VERSION}.",
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def prepare(request: TrainingRequest) -> tuple[FeatureEncoding, Files, int]:
    """The encoding and the files of the window, from the snapshots' manifests alone."""
    store = SnapshotStore(request.storage_root, request.model)
    manifests = [store.load(one.partition, one.version) for one in request.snapshots]
    files = [ref for manifest in manifests for ref in store.file_refs(manifest)]
    profile = merge_profiles(manifest.profile for manifest in manifests)
    rows = sum(manifest.rows for manifest in manifests)
    return fit_encoding(profile, request.features), files, rows


def fit(request: TrainingRequest, encoding: FeatureEncoding, files: Files, start: Start) -> None:
    """Start the workers once, and wait for their end."""
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from ml_platform.training.torch_backend import TolerantTorchConfig

    if not ray.is_initialized():
        ray.init()  # inside a Ray Job the address is in the environment
    group = request.cluster.groups[0]
    storage = Attempt(Folder(request.folder_uri), start.attempt).folder
    trainer = TorchTrainer(
        train_loop,
        train_loop_config={
            "request": request.model_dump_json(),
            "encoding": encoding.model_dump_json(),
            "files": files,
            "start": start,
        },
        torch_config=TolerantTorchConfig(),
        scaling_config=ScalingConfig(
            num_workers=request.cluster.worker_count,
            use_gpu=group.gpus > 0,
            resources_per_worker={"CPU": group.cpus} | ({"GPU": group.gpus} if group.gpus else {}),
        ),
        run_config=RunConfig(
            # Ray Train's own notes; checkpoints are written by `worker`.
            name=RAY_TRAIN_FOLDER,
            storage_path=storage.root,
            storage_filesystem=_arrow_filesystem(storage),
            failure_config=failures_are_the_drivers(),
        ),
    )
    with (
        SampleWriter(storage, "nodes") as samples,
        NodeSampler(ray.nodes if records() else tuple, samples.put),
    ):
        trainer.fit()


def failures_are_the_drivers() -> "FailureConfig":
    """Ray Train starts no workers again by itself.

    It would do so after errors of `train.py` as well, and after a preempted node without limit,
    each time from the checkpoint that the first start was given, not from the newest.
    """
    from ray.train import FailureConfig

    return FailureConfig(max_failures=0, max_preemption_failures=0)


def _arrow_filesystem(folder: Folder) -> Any:
    import pyarrow.fs

    if "file" in folder.filesystem.protocol:
        return pyarrow.fs.LocalFileSystem()
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(folder.filesystem))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
