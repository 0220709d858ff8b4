"""Loads a trained flight delay model for scoring."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_platform.training.api import Batch, Predictor

if TYPE_CHECKING:
    import numpy as np


def load(directory: Path) -> Predictor:
    """The model of `directory`, which holds the weights, the encoding and the parameters."""
    import torch
    from safetensors.torch import load_file

    from .train import build

    encoding = json.loads((directory / "encoding.json").read_text())
    params = json.loads((directory / "model.json").read_text())["params"]
    cardinalities = tuple(len(values) + 1 for values in encoding["vocabularies"])
    net = build(len(encoding["numbers"]), cardinalities, params)
    net.load_state_dict(load_file(directory / "model.safetensors"))
    net.eval()

    def predict(batch: Batch) -> "np.ndarray[Any, Any]":
        with torch.no_grad():
            return net.probabilities(batch.numbers, batch.categories).numpy()

    return predict
