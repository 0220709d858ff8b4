"""The public training API: all that a model's `train.py` and `evaluate.py` see of the platform.

`train.py` defines `train(run: TrainingRun) -> None`, called in every Ray Train worker. It is plain
torch plus `ray.train`; `run` brings the batches, the parameters and the place to checkpoint.

`evaluate.py` defines `load(directory: Path) -> Predictor`, called where the model is scored.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    import torch

Split = Literal["train", "validation"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows, packed by type and encoded.

    Attributes:
        numbers: float32, (rows, numbers). Standardised; a missing value is 0, its mean.
        categories: int32, (rows, categories). 0 is a value that the training window did not have.
        label: float32, (rows,).
    """

    numbers: "torch.Tensor"
    categories: "torch.Tensor"
    label: "torch.Tensor"

    def __len__(self) -> int:
        return int(self.label.shape[0])


class FeatureEncoding(BaseModel):
    """How columns become numbers; fitted on the training window, saved beside the weights.

    Attributes:
        numbers: Names of the columns of `Batch.numbers`, in order.
        means: Mean of each number over the window.
        scales: Standard deviation of each number, never 0.
        categories: Names of the columns of `Batch.categories`, in order.
        vocabularies: For each category its values; value `i` is encoded as `i + 1`.
        label: Name of the label's column.
    """

    model_config = ConfigDict(frozen=True)

    numbers: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    categories: tuple[str, ...]
    vocabularies: tuple[tuple[str, ...], ...]
    label: str

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Rows that each category's embedding needs: its values and the unknown."""
        return tuple(len(values) + 1 for values in self.vocabularies)


@dataclass(frozen=True, slots=True)
class Restored:
    """A checkpoint that a resumed training goes on from.

    Attributes:
        epoch: The last epoch that was reported.
        tensors: What was given to `report` as `tensors`.
        metrics: What was given to `report` as `metrics`.
    """

    epoch: int
    tensors: "dict[str, torch.Tensor]"
    metrics: dict[str, float]


class TrainingRun(ABC):
    """What `train` is given, in each worker.

    Attributes:
        params: `training.parameters` of `defs.yaml`.
        encoding: Names, vocabularies and scales of the batches.
        seed: The training's seed; already set in torch, numpy and random, the same in each worker.
        rank: This worker, from 0.
        world_size: How many workers.
    """

    params: Mapping[str, Any]
    encoding: FeatureEncoding
    seed: int
    rank: int
    world_size: int

    @abstractmethod
    def batches(self, split: Split, *, epoch: int = 0, rows: int = 1024) -> Iterator[Batch]:
        """This worker's share of a split; every worker yields equally many batches.

        Training rows come in an order drawn from the seed and `epoch`, validation rows in theirs.
        """

    @abstractmethod
    def report(
        self, epoch: int, metrics: Mapping[str, float], tensors: "Callable[[], Mapping[str, Any]]"
    ) -> None:
        """Report an epoch; every worker calls it once an epoch with the same metrics.

        `tensors` is called when a checkpoint is due, on rank 0 only.

        Raises:
            NonFiniteLossError: a metric is NaN or infinite.
        """

    @abstractmethod
    def restored(self) -> Restored | None:
        """The checkpoint to go on from, or None for a fresh training."""

    @abstractmethod
    def save_model(self, tensors: "Mapping[str, torch.Tensor]") -> None:
        """Hand over the finished model's weights, as `model.safetensors`.

        Rank 0's are kept; other workers may call it too.
        """

    @abstractmethod
    def mean_over_workers(self, values: Mapping[str, float]) -> dict[str, float]:
        """Average each value over the workers; every worker calls it."""


Predictor = Callable[[Batch], "np.ndarray[Any, Any]"]
"""Probabilities of the label, float, (rows,)."""
