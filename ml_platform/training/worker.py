"""What runs in each Ray Train worker: the model's `train.py`, given a `TrainingRun`."""

import contextlib
import json
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import NonFiniteLossError
from ml_platform.storage import Folder
from ml_platform.training.api import (
    SPLITS,
    Batch,
    FeatureEncoding,
    Restored,
    Split,
    TrainingRun,
)
from ml_platform.training.model_code import load_function
from ml_platform.training.reader import DataFileRef, RowPart, ShardReader
from ml_platform.training.request import MODEL_FOLDER, TrainingRequest

if TYPE_CHECKING:
    import torch
    from dagster_pipes import PipesContext

TENSORS_FILE: Final = "tensors.safetensors"
PROGRESS_FILE: Final = "progress.json"
WEIGHTS_FILE: Final = "model.safetensors"


def train_loop(config: dict[str, Any]) -> None:
    """Called by Ray Train in every worker; `config` holds request, encoding and files."""
    import ray.train

    request = TrainingRequest.model_validate_json(config["request"])
    encoding = FeatureEncoding.model_validate_json(config["encoding"])
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    set_up_torch(request)
    with _pipes(rank) as pipes:
        run = WorkerRun(
            request,
            encoding,
            files=config["files"],
            rank=rank,
            world_size=world_size,
            pipes=pipes,
        )
        started = time.monotonic()
        if not run.had_finished():
            load_function(request.code_folder, "train", "train")(run)
        run.finish(time.monotonic() - started)


def set_up_torch(request: TrainingRequest) -> None:
    """Threads, seeds and determinism of this process, as `request` wants them."""
    import numpy as np
    import torch

    # Ray sets OMP_NUM_THREADS, but OpenMP may have been loaded before.
    torch.set_num_threads(request.cluster.workers.cpus)
    seed = request.training.seed
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


class WorkerRun(TrainingRun):
    """`TrainingRun` on top of `ray.train`.

    Args:
        request: What is to be trained.
        encoding: How columns become numbers.
        files: The files of the window.
        rank: This worker.
        world_size: All workers.
        pipes: Where progress goes; None where nobody listens.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        request: TrainingRequest,
        encoding: FeatureEncoding,
        *,
        files: Sequence[DataFileRef],
        rank: int,
        world_size: int,
        pipes: "PipesContext | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.params = request.training.parameters
        self.encoding = encoding
        self.seed = request.training.seed
        self.rank = rank
        self.world_size = world_size
        self._request = request
        self._pipes = pipes
        self._clock = clock
        # Reporting one waits for Ray's controller, so not after each short epoch.
        self._checkpoint_every_s = request.training.checkpoint_every_s
        self._last_checkpoint_at = clock()
        self._history: list[dict[str, Any]] = []
        self._latest: Callable[[], Mapping[str, Any]] | None = None
        self._resumed_from_epoch: int | None = None
        self._readers: dict[Split, ShardReader] = {
            split: ShardReader(
                files,
                encoding,
                part=RowPart(split=split, every=request.training.validation_every),
                rank=rank,
                world_size=world_size,
                seed=self.seed if split == "train" else None,
            )
            for split in SPLITS
        }

    def batches(self, split: Split, *, epoch: int = 0, rows: int = 1024) -> Iterator[Batch]:
        """See `TrainingRun.batches`."""
        return self._readers[split].batches(epoch=epoch, rows=rows)

    def report(
        self, epoch: int, metrics: Mapping[str, float], tensors: Callable[[], Mapping[str, Any]]
    ) -> None:
        """See `TrainingRun.report`."""
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise NonFiniteLossError(
                    f"{name} became {value} in epoch {epoch}",
                    hint="lower the learning rate, clip the gradients, or look for extreme values "
                    "in the features.",
                )
        self._history.append({"epoch": epoch, "metrics": dict(metrics)})
        self._latest = tensors
        if self._pipes is not None:
            text = ", ".join(f"{name} {_shown(value)}" for name, value in metrics.items())
            self._pipes.log.info(f"epoch {epoch}: {text}")
        if self._agree(self._clock() - self._last_checkpoint_at >= self._checkpoint_every_s):
            self._checkpoint(finished=False)

    def restored(self) -> Restored | None:
        """See `TrainingRun.restored`."""
        import safetensors.torch

        with _latest_checkpoint() as directory:
            if directory is None:
                return None
            progress = json.loads((directory / PROGRESS_FILE).read_text())
            tensors = safetensors.torch.load_file(directory / TENSORS_FILE)
        self._history = progress["history"]
        last = self._history[-1]
        self._resumed_from_epoch = last["epoch"]
        return Restored(epoch=last["epoch"], tensors=tensors, metrics=last["metrics"])

    def had_finished(self) -> bool:
        """Whether an earlier start trained to the end, and only its result was lost."""
        with _latest_checkpoint() as directory:
            if directory is None:
                return False
            progress = json.loads((directory / PROGRESS_FILE).read_text())
        if progress["finished"]:
            self._history = progress["history"]
        return bool(progress["finished"])

    def save_model(self, tensors: "Mapping[str, torch.Tensor]") -> None:
        """See `TrainingRun.save_model`."""
        import safetensors.torch

        if self.rank == 0:
            plain = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
            folder = Folder(f"{self._request.folder_uri}/{MODEL_FOLDER}")
            folder.write(WEIGHTS_FILE, safetensors.torch.save(plain))

    def mean_over_workers(self, values: Mapping[str, float]) -> dict[str, float]:
        """See `TrainingRun.mean_over_workers`."""
        import torch
        import torch.distributed

        if self.world_size == 1:
            return dict(values)
        mean = torch.tensor(list(values.values()), dtype=torch.float64)
        torch.distributed.all_reduce(mean)
        return dict(zip(values, (mean / self.world_size).tolist(), strict=True))

    def finish(self, loop_s: float) -> None:
        """Report the last state and how long the user's function took, in seconds."""
        self._checkpoint(finished=True, loop_s=loop_s)

    def _agree(self, mine: bool) -> bool:
        """Rank 0's answer, on every rank: clocks differ, but all must report or none."""
        return self.mean_over_workers({"due": float(mine and self.rank == 0)})["due"] > 0

    def _checkpoint(self, *, finished: bool, loop_s: float = 0.0) -> None:
        import ray.train
        import safetensors.torch

        self._last_checkpoint_at = self._clock()
        if self.rank != 0:
            ray.train.report({})
            return
        with tempfile.TemporaryDirectory() as directory:
            tensors = dict(self._latest()) if self._latest else {}
            plain = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
            safetensors.torch.save_file(plain, Path(directory) / TENSORS_FILE)
            progress = {
                "history": self._history,
                "finished": finished,
                "loop_s": loop_s,
                "resumed_from_epoch": self._resumed_from_epoch,
            }
            (Path(directory) / PROGRESS_FILE).write_text(json.dumps(progress))
            checkpoint = ray.train.Checkpoint.from_directory(directory)
            ray.train.report({}, checkpoint=checkpoint)


def _shown(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.5f}"


@contextlib.contextmanager
def _latest_checkpoint() -> Iterator[Path | None]:
    import ray.train

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        yield None
        return
    with checkpoint.as_directory() as directory:
        yield Path(directory)


@contextlib.contextmanager
def _pipes(rank: int) -> "Iterator[PipesContext | None]":
    """Dagster Pipes from rank 0, where a Dagster step is listening."""
    from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

    if rank != 0 or DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        yield None
        return
    with open_dagster_pipes() as pipes:
        yield pipes
