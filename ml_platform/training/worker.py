"""What runs in each Ray Train worker: the model's `train.py`, given a `TrainingRun`."""

import contextlib
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_platform.errors import ModelSpecError, NonFiniteLossError, TrainingStoppedError
from ml_platform.storage import Folder
from ml_platform.training.api import (
    SPLITS,
    Batch,
    FeatureEncoding,
    Restored,
    Split,
    TrainingRun,
)
from ml_platform.training.checkpoints import CheckpointRef, read_checkpoint, write_checkpoint
from ml_platform.training.model_code import fetch_code, load_function
from ml_platform.training.positions import HINT, Positions, open_store
from ml_platform.training.reader import DataFileRef, RowPart, ShardReader
from ml_platform.training.record import Attempt
from ml_platform.training.request import RESULT_FILE, TrainingRequest
from ml_platform.training.telemetry.step_clock import StepClock
from ml_platform.training.telemetry.switch import records
from ml_platform.training.telemetry.writer import SampleWriter

if TYPE_CHECKING:
    import torch
    from dagster_pipes import PipesContext

TENSORS_FILE: Final = "tensors.safetensors"
PROGRESS_FILE: Final = "progress.json"
WEIGHTS_FILE: Final = "model.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """One start of the workers, the same for every rank.

    Attributes:
        attempt: Number of the attempt.
        restored: The checkpoint to go on from; the driver looks for it, so that no two ranks find
            different ones.
    """

    attempt: int
    restored: CheckpointRef | None = None


def train_loop(config: dict[str, Any]) -> None:
    """Called by Ray Train in every worker; `config` holds request, encoding, files and start."""
    import ray.train
    import ray.util

    request = TrainingRequest.model_validate_json(config["request"])
    encoding = FeatureEncoding.model_validate_json(config["encoding"])
    start: Start = config["start"]
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    set_up_torch(request)
    attempt = Attempt(Folder(request.folder_uri), start.attempt)
    with (
        _pipes(rank) as pipes,
        tempfile.TemporaryDirectory(prefix="mlp-") as scratch,
        SampleWriter(attempt.folder, f"worker-{rank}") as samples,
    ):
        run = WorkerRun(
            request,
            encoding,
            start=start,
            files=config["files"],
            rank=rank,
            world_size=world_size,
            pipes=pipes,
            steps=StepClock(rank, samples.put, node=ray.util.get_node_ip_address())
            if records()
            else None,
        )
        started = time.monotonic()
        function = load_function(fetch_code(request, Path(scratch)), "train", "train")
        with run.watched():
            function(run)
            run.finish(time.monotonic() - started)


def set_up_torch(request: TrainingRequest) -> None:
    """Threads, seeds and determinism of this process, as `request` wants them."""
    import numpy as np
    import torch

    # Ray sets OMP_NUM_THREADS, but OpenMP may have been loaded before.
    torch.set_num_threads(request.training.threads)
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
        start: Which attempt this is, and from where it goes on.
        files: The files of the window.
        rank: This worker.
        world_size: All workers.
        pipes: Where progress goes; None where nobody listens.
        steps: Measures where the time goes.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        request: TrainingRequest,
        encoding: FeatureEncoding,
        *,
        start: Start,
        files: Sequence[DataFileRef],
        rank: int,
        world_size: int,
        pipes: "PipesContext | None" = None,
        steps: StepClock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.params = request.training.parameters
        self.encoding = encoding
        self.seed = request.training.seed
        self.rank = rank
        self.world_size = world_size
        self._start = start
        self._training = Folder(request.folder_uri)
        self._attempt = Attempt(self._training, start.attempt)
        self._pipes = pipes
        self._steps = steps
        self._clock = clock
        self._checkpoint_every_s = request.training.checkpoint_every_s
        self._last_checkpoint_at = clock()
        self._history: list[dict[str, Any]] = []
        self._latest: Callable[[], Mapping[str, Any]] | None = None
        self._weights: dict[str, torch.Tensor] | None = None
        self._positions: Positions | None = None
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
        batches = self._readers[split].batches(epoch=epoch, rows=rows)
        batches = batches if self._steps is None else self._steps.along(batches, epoch)
        return batches if self._positions is None else self._positions.along(batches, epoch)

    def report(
        self, epoch: int, metrics: Mapping[str, float], tensors: Callable[[], Mapping[str, Any]]
    ) -> None:
        """See `TrainingRun.report`."""
        for name, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                msg = (
                    f"the metric {name} is a {type(value).__name__}, wanted a number: "
                    "of a tensor, give `.item()`"
                )
                raise TypeError(msg)
            if not math.isfinite(value):
                raise NonFiniteLossError(
                    f"{name} became {value} in epoch {epoch}",
                    hint="lower the learning rate, clip the gradients, or look for extreme values "
                    "in the features.",
                )
        self._history.append({"epoch": epoch, "metrics": dict(metrics)})
        if self._latest is None and self.rank == 0:
            _require_tensors(tensors())  # now, with its line, not hours later in a checkpoint
        self._latest = tensors
        if self._pipes is not None:
            text = ", ".join(f"{name} {_shown(value)}" for name, value in metrics.items())
            self._pipes.log.info(f"epoch {epoch}: {text}")
        due = self._clock() - self._last_checkpoint_at >= self._checkpoint_every_s
        if self.rank == 0 and due:
            self._checkpoint(finished=False)

    def restored(self) -> Restored | None:
        """See `TrainingRun.restored`."""
        import safetensors.torch

        if self._start.restored is None:
            return None
        with (
            tempfile.TemporaryDirectory() as scratch,
            read_checkpoint(self._training, self._start.restored, Path(scratch)) as directory,
        ):
            progress = json.loads((directory / PROGRESS_FILE).read_text())
            tensors = safetensors.torch.load_file(directory / TENSORS_FILE)
        self._history = progress["history"]
        last = self._history[-1]
        self._resumed_from_epoch = last["epoch"]
        return Restored(epoch=last["epoch"], tensors=tensors, metrics=last["metrics"])

    def save_model(self, tensors: "Mapping[str, torch.Tensor]") -> None:
        """See `TrainingRun.save_model`."""
        _require_tensors(tensors)
        if self.rank == 0:
            self._weights = _plain(tensors)

    def mean_over_workers(self, values: Mapping[str, float]) -> dict[str, float]:
        """See `TrainingRun.mean_over_workers`."""
        import torch
        import torch.distributed

        if self.world_size == 1:
            return dict(values)
        mean = torch.tensor(list(values.values()), dtype=torch.float64)
        torch.distributed.all_reduce(mean)
        return dict(zip(values, (mean / self.world_size).tolist(), strict=True))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """The user's function in this block is told of when the ranks wait for each other."""
        if self.world_size == 1:
            yield
            return
        import torch.distributed

        store = open_store(
            self.rank, lambda one: torch.distributed.broadcast_object_list(one, src=0)
        )
        self._positions = Positions(
            store,
            rank=self.rank,
            world_size=self.world_size,
            on_stuck=self._tell_stuck,
            on_waiting=self._tell,
        )
        self._positions.start()
        try:
            yield
            if self.rank == 0:
                # That this rank has ended is what the others may have to be told.
                self._positions.wait_for_all()
        finally:
            self._positions.stop()

    def _tell_stuck(self, wrong: str) -> None:
        """Called by `Positions`; with nothing when they move again."""
        self._attempt.note_stuck(wrong)
        if wrong:
            self._tell(f"{wrong}\n  → {HINT}")

    def _tell(self, told: str) -> None:
        sys.stderr.write(f"{told}\n")
        sys.stderr.flush()
        if self._pipes is not None:
            self._pipes.log.warning(told)

    def finish(self, loop_s: float) -> None:
        """`train` has returned after `loop_s` seconds: keep the finished model.

        Raises:
            ModelSpecError: `train.py` has handed over no model on rank 0.
        """
        if self._positions is not None:
            self._positions.end()
        if self.rank == 0:
            if self._weights is None:
                raise ModelSpecError(
                    "train.py ended without a call of run.save_model on rank 0, whose model is "
                    "kept",
                    hint="call `run.save_model(net.state_dict())` at the end of `train`.",
                )
            self._checkpoint(finished=True, loop_s=loop_s)
        if self._steps is not None:
            self._steps.flush()

    def _checkpoint(self, *, finished: bool, loop_s: float = 0.0) -> None:
        """Called on rank 0."""
        import safetensors.torch

        self._last_checkpoint_at = self._clock()
        self._stop_if_given_up()
        measured = contextlib.nullcontext() if self._steps is None else self._steps.checkpoint()
        with measured, tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch)
            tensors = _plain(self._latest()) if self._latest else {}
            safetensors.torch.save_file(tensors, directory / TENSORS_FILE)
            if finished and self._weights is not None:
                safetensors.torch.save_file(self._weights, directory / WEIGHTS_FILE)
            progress = {
                "history": self._history,
                "loop_s": loop_s,
                "resumed_from_epoch": self._resumed_from_epoch,
            }
            (directory / PROGRESS_FILE).write_text(json.dumps(progress))
            write_checkpoint(
                self._training,
                attempt=self._start.attempt,
                epoch=self._history[-1]["epoch"] if self._history else 0,
                finished=finished,
                source=directory,
            )

    def _stop_if_given_up(self) -> None:
        if self._attempt.has_ended() or self._training.exists(RESULT_FILE):
            raise TrainingStoppedError(
                f"attempt {self._start.attempt} was given up while it ran; another one goes on",
                hint="nothing is to be done: the training goes on elsewhere, or has a result.",
            )


def _require_tensors(state: Mapping[str, Any]) -> None:
    import torch

    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            msg = (
                f"{name} of the state is a {type(value).__name__}, wanted a tensor: "
                "of a number, give `torch.tensor(…)`"
            )
            raise TypeError(msg)


def _plain(tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """On the CPU and in one piece, as files want them."""
    return {name: one.detach().cpu().contiguous() for name, one in tensors.items()}


def _shown(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.5f}"


@contextlib.contextmanager
def _pipes(rank: int) -> "Iterator[PipesContext | None]":
    """Dagster Pipes from rank 0, where a Dagster step is listening."""
    from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

    if rank != 0 or DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        yield None
        return
    with open_dagster_pipes() as pipes:
        yield pipes
