"""Compares two trainings of one lineage: are the weights the same, and how far are they off?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_platform.errors import RegistryError

if TYPE_CHECKING:
    import torch

WEIGHTS_FILE: Final = "model.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """How a repeated training differs from the first.

    Attributes:
        bitwise: Whether all weights are the same, bit for bit.
        largest_difference: The largest absolute difference of two weights; infinite where a value
            is finite in only one of them.
        per_tensor: The largest absolute difference in each tensor that is not bitwise the same.
        metrics: Second minus first, for each metric that both have.
    """

    bitwise: bool
    largest_difference: float
    per_tensor: Mapping[str, float]
    metrics: Mapping[str, float]

    @property
    def sentence(self) -> str:
        """The outcome for a person."""
        if self.bitwise:
            return "the weights are the same, bit for bit"
        worst = max(self.per_tensor, key=lambda name: self.per_tensor[name])
        text = (
            f"{len(self.per_tensor)} tensor(s) differ, by at most {self.largest_difference:.3g} "
            f"(in {worst})"
        )
        differences = [f"{name} {value:+.3g}" for name, value in self.metrics.items()]
        return f"{text}; {', '.join(differences)}" if differences else text


def compare(
    first: Path,
    second: Path,
    *,
    first_metrics: Mapping[str, float] | None = None,
    second_metrics: Mapping[str, float] | None = None,
) -> Reproduction:
    """Compare two models' folders, and their metrics where given.

    Raises:
        RegistryError: a folder has no weights, or the two are different models: other tensors,
            shapes or types.
    """
    before, after = _load(first), _load(second)
    _require_same_shape(before, after)
    before_metrics, after_metrics = first_metrics or {}, second_metrics or {}
    per_tensor = {
        name: _largest_difference(tensor, after[name])
        for name, tensor in before.items()
        if not _bitwise_equal(tensor, after[name])
    }
    return Reproduction(
        bitwise=not per_tensor,
        largest_difference=max(per_tensor.values(), default=0.0),
        per_tensor=per_tensor,
        metrics={
            name: after_metrics[name] - value
            for name, value in before_metrics.items()
            if name in after_metrics
        },
    )


def _load(directory: Path) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load_file

    path = directory / WEIGHTS_FILE
    if not path.is_file():
        raise RegistryError(
            f"{directory} has no {WEIGHTS_FILE}",
            hint="give the folder of a trained model, as `Registry.download` returns it.",
        )
    tensors: dict[str, torch.Tensor] = load_file(path)
    return tensors


def _require_same_shape(
    before: "Mapping[str, torch.Tensor]", after: "Mapping[str, torch.Tensor]"
) -> None:
    shapes = [
        {name: f"{tuple(tensor.shape)} {tensor.dtype}" for name, tensor in tensors.items()}
        for tensors in (before, after)
    ]
    differing = sorted(
        name for name in {*shapes[0], *shapes[1]} if shapes[0].get(name) != shapes[1].get(name)
    )
    if differing:
        name = differing[0]
        raise RegistryError(
            f"these are different models: tensor {name} is {shapes[0].get(name, 'not there')} in "
            f"the first and {shapes[1].get(name, 'not there')} in the second",
            hint="compare two trainings of the same code version and parameters.",
        )


def _bitwise_equal(a: "torch.Tensor", b: "torch.Tensor") -> bool:
    import torch

    # Bytes, not values: NaN is the same as itself here, and 0.0 is not -0.0.
    return torch.equal(
        *(one.contiguous().reshape(-1).view(torch.uint8) for one in (a, b)),
    )


def _largest_difference(a: "torch.Tensor", b: "torch.Tensor") -> float:
    import torch

    distance = (a.double() - b.double()).abs()
    return float(torch.nan_to_num(distance, nan=float("inf"), posinf=float("inf")).max())
