"""Loads a trained $name for scoring."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_platform.training.api import Batch, FeatureEncoding, Predictor

if TYPE_CHECKING:
    import numpy as np


def load(directory: Path) -> Predictor:
    """The model of `directory`, which holds the weights, the encoding and the parameters."""
    import torch
    from safetensors.torch import load_file

    from .train import Net  # noqa: TID252  a model's files are loaded as a package of their own

    encoding = FeatureEncoding.model_validate_json((directory / "encoding.json").read_text())
    net = Net(len(encoding.numbers), encoding.cardinalities)
    net.load_state_dict(load_file(directory / "model.safetensors"))
    net.eval()

    def predict(batch: Batch) -> "np.ndarray[Any, Any]":
        with torch.no_grad():
            return torch.sigmoid(net(batch.numbers, batch.categories)).numpy()

    return predict
