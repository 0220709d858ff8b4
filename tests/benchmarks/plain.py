"""The baseline: the same network, rows and epochs in one process of plain PyTorch, no platform.

    python -m tests.benchmarks.plain request.json

Reads Parquet with pyarrow, keeps all rows in memory, shuffles each epoch; prints a `LoopTime`.
"""

# ruff: noqa: TID253
import importlib
import json
import math
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from ml_platform.defs.models.flight_delay.train import build
from tests.benchmarks.fixed_loop import THREADS, LoopTime


def main(path: str) -> None:
    """Train as the JSON file `path` says, and print how long it took."""
    with open(path) as file:  # noqa: PTH123
        wanted = json.load(file)
    torch.set_num_threads(THREADS)
    torch.manual_seed(wanted["seed"])
    torch.use_deterministic_algorithms(True)
    # The first optimizer imports it, for seconds; in the others that is start-up too.
    importlib.import_module("torch._dynamo")
    print(json.dumps(asdict(train(wanted))))  # noqa: T201


def train(wanted: dict[str, Any]) -> LoopTime:
    """The loop."""
    params = wanted["params"]
    began = time.monotonic()
    numbers, categories, label, cardinalities = read(wanted)
    held = np.arange(len(label)) % wanted["validation_every"] == wanted["validation_every"] // 2
    train_rows, held_rows = (torch.from_numpy(np.flatnonzero(part)) for part in (~held, held))
    net = build(numbers.shape[1], cardinalities, params)
    rate = label.mean().item()
    net.base_logit.fill_(math.log(rate / (1 - rate)))
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=params["learning_rate"], weight_decay=params["weight_decay"]
    )
    batch = int(params["batch_rows"])
    loss_of = nn.functional.binary_cross_entropy_with_logits
    validation_loss = 0.0
    for _ in range(int(params["epochs"])):
        net.train()
        order = train_rows[torch.randperm(len(train_rows))]
        total = 0.0
        for picked in order.split(batch):
            optimizer.zero_grad()
            logits = net(numbers.index_select(0, picked), categories.index_select(0, picked))
            loss = loss_of(logits, label.index_select(0, picked).unsqueeze(1).expand_as(logits))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(picked)
        net.eval()
        with torch.no_grad():
            validation_loss = sum(
                nn.functional.binary_cross_entropy(
                    net.probabilities(numbers[picked], categories[picked]),
                    label[picked],
                    reduction="sum",
                ).item()
                for picked in held_rows.split(8192)
            ) / len(held_rows)
    return LoopTime(
        loop_s=time.monotonic() - began,
        rows=len(train_rows) * int(params["epochs"]),
        validation_loss=validation_loss,
    )


def read(wanted: dict[str, Any]) -> tuple[Any, Any, Any, tuple[int, ...]]:
    """All rows: standardised numbers, category numbers, labels; and the sizes of embeddings."""
    columns = [*wanted["numbers"], *wanted["categories"], wanted["label"]]
    table = pa.concat_tables(pq.read_table(path, columns=columns) for path in wanted["files"])
    numbers = np.stack(
        [table.column(name).to_numpy().astype(np.float32) for name in wanted["numbers"]], 1
    )
    scales = np.nanstd(numbers, 0)
    scales[scales == 0] = 1
    numbers = np.nan_to_num((numbers - np.nanmean(numbers, 0)) / scales)
    codes, cardinalities = [], []
    for name in wanted["categories"]:
        encoded = pa.chunked_array(table.column(name)).combine_chunks().dictionary_encode()
        codes.append(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1)
        cardinalities.append(len(encoded.dictionary) + 1)
    return (
        torch.from_numpy(numbers),
        torch.from_numpy(np.stack(codes, 1).astype(np.int32)),
        torch.from_numpy(table.column(wanted["label"]).to_numpy().astype(np.float32)),
        tuple(cardinalities),
    )


if __name__ == "__main__":
    main(sys.argv[1])
