"""The driver of a training, run as a Ray Job on the cluster: `python -m … <folder of the request>`.

Reads the request, fits the encoding, runs `TorchTrainer`, goes on from the last checkpoint when a
worker died, and leaves the result as a file. Exit code 0: there is a model.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.storage import Folder
from ml_platform.training.api import FeatureEncoding
from ml_platform.training.encoding import encoding_hash, fit_encoding
from ml_platform.training.failure import Decision, after_failure, classify
from ml_platform.training.model_code import CODE_FOLDER, load_function
from ml_platform.training.reader import DataFileRef
from ml_platform.training.request import (
    MODEL_FOLDER,
    REQUEST_FILE,
    RESULT_FILE,
    TrainingRequest,
    library_versions,
)
from ml_platform.training.result import EpochRecord, Failure, PhaseRecord, TrainingResult
from ml_platform.training.worker import PROGRESS_FILE, train_loop
from ml_platform.training_set.profile import merge_profiles
from ml_platform.training_set.store import SnapshotStore

if TYPE_CHECKING:
    from ray.train import Result

ENCODING_FILE: Final = "encoding.json"
MODEL_FILE: Final = "model.json"
CHECKPOINT_FOLDER: Final = "checkpoints"

Files = list[DataFileRef]


def main(argv: list[str]) -> int:
    """Run the training whose request lies in the folder `argv[0]`; returns the exit code."""
    folder = Folder(argv[0])
    request = TrainingRequest.model_validate_json(folder.read(REQUEST_FILE))
    if folder.exists(RESULT_FILE):
        earlier = TrainingResult.model_validate_json(folder.read(RESULT_FILE))
        if earlier.status == "succeeded":
            return 0
    result = run(request, folder)
    folder.write(RESULT_FILE, (result.model_dump_json(indent=1) + "\n").encode())
    if result.failure is not None:
        sys.stderr.write(f"{result.failure.traceback}\n{result.failure.message}\n")
        return 1
    return 0


def run(
    request: TrainingRequest, folder: Folder, *, clock: Callable[[], float] = time.monotonic
) -> TrainingResult:
    """Train, and say how it went; never raises for what the training itself does wrong."""
    phases: list[PhaseRecord] = []
    started = clock()

    def phase(name: str) -> None:
        nonlocal started
        phases.append(PhaseRecord(name=name, seconds=clock() - started))
        started = clock()

    attempts = 0
    resumed: int | None = None
    rows = 0
    try:
        load_function(request.code_folder, "train", "train")  # a broken import costs no worker
        phase("import")
        encoding, files, rows = prepare(request)
        phase("encode")
        while True:
            attempts += 1
            try:
                outcome = _fit(request, encoding, files)
                break
            except Exception as error:  # boundary: whatever Ray raises becomes a named cause
                failure = classify(error, code=request.code_folder)
                retries = request.training.worker_retries
                decision = after_failure(failure, retries_used=attempts - 1, retries=retries)
                if decision is Decision.GIVE_UP:
                    raise _GaveUp(failure) from error
                sys.stderr.write(f"{failure.message}; {decision.value}\n")
        phase("fit")
        progress = _progress(outcome)
        resumed = progress.get("resumed_from_epoch")
        phases.append(PhaseRecord(name="loop", seconds=progress["loop_s"]))
        _write_model(request, encoding, folder)
        return TrainingResult(
            status="succeeded",
            inputs_hash=request.inputs_hash(),
            model_uri=f"{folder.uri}/{MODEL_FOLDER}",
            encoding_hash=encoding_hash(encoding),
            rows=rows,
            history=tuple(EpochRecord(**record) for record in progress["history"]),
            phases=tuple(phases),
            libraries=library_versions(),
            attempts=attempts,
            resumed_from_epoch=resumed,
        )
    except _GaveUp as gave_up:
        failure = gave_up.failure
    except Exception as error:  # boundary: the result file must say why there is no model
        failure = classify(error, code=request.code_folder)
    return TrainingResult(
        status="failed",
        inputs_hash=request.inputs_hash(),
        rows=rows,
        phases=tuple(phases),
        libraries=library_versions(),
        attempts=attempts,
        failure=failure,
    )


class _GaveUp(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def prepare(request: TrainingRequest) -> tuple[FeatureEncoding, Files, int]:
    """The encoding and the files of the window, from the snapshots' manifests alone."""
    store = SnapshotStore(request.storage_root, request.model)
    manifests = [store.load(one.partition, one.version) for one in request.snapshots]
    files = [ref for manifest in manifests for ref in store.file_refs(manifest)]
    profile = merge_profiles(manifest.profile for manifest in manifests)
    rows = sum(manifest.rows for manifest in manifests)
    return fit_encoding(profile, request.features), files, rows


def _fit(request: TrainingRequest, encoding: FeatureEncoding, files: Files) -> "Result":
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from ml_platform.training.torch_backend import TolerantTorchConfig

    if not ray.is_initialized():
        ray.init()  # inside a Ray Job the address is in the environment
    workers = request.cluster.workers
    storage = Folder(request.folder_uri)
    trainer = TorchTrainer(
        train_loop,
        train_loop_config={
            "request": request.model_dump_json(),
            "encoding": encoding.model_dump_json(),
            "files": files,
        },
        torch_config=TolerantTorchConfig(),
        scaling_config=ScalingConfig(
            num_workers=workers.count,
            use_gpu=workers.gpus > 0,
            resources_per_worker={"CPU": workers.cpus}
            | ({"GPU": workers.gpus} if workers.gpus else {}),
        ),
        run_config=RunConfig(
            # The same name and path go on from the last checkpoint.
            name=CHECKPOINT_FOLDER,
            storage_path=storage.root,
            storage_filesystem=_arrow_filesystem(storage),
            # Ray would retry user errors as well; this module decides by the cause.
            failure_config=FailureConfig(max_failures=0),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    )
    return trainer.fit()


def _arrow_filesystem(folder: Folder) -> Any:
    import pyarrow.fs

    if "file" in folder.filesystem.protocol:
        return pyarrow.fs.LocalFileSystem()
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(folder.filesystem))


def _progress(outcome: "Result") -> dict[str, Any]:
    import json

    checkpoint = outcome.checkpoint
    if checkpoint is None:
        raise RuntimeError("Ray Train ended without a checkpoint")
    with checkpoint.as_directory() as directory:
        progress: dict[str, Any] = json.loads((Path(directory) / PROGRESS_FILE).read_text())
    return progress


def _write_model(request: TrainingRequest, encoding: FeatureEncoding, folder: Folder) -> None:
    """The files beside the weights, which rank 0 has written."""
    model = folder / MODEL_FOLDER
    model.write(ENCODING_FILE, encoding.model_dump_json(indent=1).encode())
    model.write_json(MODEL_FILE, {"model": request.model, "params": request.training.parameters})
    model.write(REQUEST_FILE, (request.model_dump_json(indent=1) + "\n").encode())
    # Weights can only be read by the code that made them, so a model brings its own.
    for path in request.code_folder.glob("*.py"):
        model.write(f"{CODE_FOLDER}/{path.name}", path.read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
