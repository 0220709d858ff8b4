"""A logistic regression that, on demand, raises, diverges, dies or waits for another one.

Parameters: `epochs`; `trouble` (`raise`, `memory`, `nan`, `die`, `meet`, `leave`) in epoch
`trouble_epoch`.
A worker that is to die leaves the file `marker` and dies only where that is not there yet; one that
is to meet another training leaves `marker` and goes on when the other's file `other` is there. All
but rank 0 leave the loop before the others where that is the trouble.
"""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from torch import nn  # noqa: TID253

from ml_platform.training.api import TrainingRun

MEETING_S = 120.0


def train(run: TrainingRun) -> None:
    import ray.train.torch

    params: dict[str, Any] = dict(run.params)
    net = nn.Linear(len(run.encoding.numbers), 1)
    first = 0
    restored = run.restored()
    if restored is not None:
        first = restored.epoch + 1
        net.load_state_dict(dict(restored.tensors))
    model = ray.train.torch.prepare_model(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(first, params["epochs"]):
        if params.get("trouble") == "leave" and params["trouble_epoch"] == epoch and run.rank:
            break
        loss = torch.zeros(())
        for batch in run.batches("train", epoch=epoch, rows=32):
            optimizer.zero_grad()
            loss = loss_of(model(batch.numbers).squeeze(1), batch.label)
            loss.backward()
            optimizer.step()
        value = loss.item()
        if params.get("trouble_epoch") == epoch:
            value = trouble(params, value, run.rank)
        run.report(epoch, {"train_loss": value}, partial(dict, net.state_dict()))
    if run.rank == 0:  # as many programs for torch do
        run.save_model(net.state_dict())


def trouble(params: dict[str, Any], loss: float, rank: int) -> float:
    if params["trouble"] == "raise":
        column = "no_such_column"
        raise KeyError(column)
    if params["trouble"] == "memory":
        raise MemoryError("4 GiB")
    if params["trouble"] == "die" and rank == 0 and not Path(params["marker"]).exists():
        Path(params["marker"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if params["trouble"] == "meet" and rank == 0:
        Path(params["marker"]).touch()
        deadline = time.monotonic() + MEETING_S
        while not Path(params["other"]).exists():
            if time.monotonic() >= deadline:
                raise TimeoutError(params["other"])
            time.sleep(0.1)
    return float("nan") if params["trouble"] == "nan" else loss
