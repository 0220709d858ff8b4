"""A logistic regression that takes its time: by tiny batches, or by what its ranks compute.

Parameters: `epochs`; `rows` of a batch; `cpu_s`, for which each rank computes in a step; `more_s`,
for which rank 1 does so beyond that.
"""

import time
from functools import partial
from typing import Any

import torch  # noqa: TID253
from torch import nn  # noqa: TID253

from ml_platform.training.api import TrainingRun


def train(run: TrainingRun) -> None:
    import ray.train.torch

    params: dict[str, Any] = dict(run.params)
    net = nn.Linear(len(run.encoding.numbers), 1)
    model = ray.train.torch.prepare_model(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss_of = nn.BCEWithLogitsLoss()
    cpu_s = params["cpu_s"] + (params["more_s"] if run.rank == 1 else 0.0)
    for epoch in range(params["epochs"]):
        loss = torch.zeros(())
        for batch in run.batches("train", epoch=epoch, rows=params["rows"]):
            if cpu_s:
                compute(cpu_s)
                optimizer.zero_grad()
                loss = loss_of(model(batch.numbers).squeeze(1), batch.label)
                loss.backward()
                optimizer.step()
        run.report(epoch, {"train_loss": loss.item()}, partial(dict, net.state_dict()))
    run.save_model(net.state_dict())


def compute(seconds: float) -> None:
    """Until this thread has had a CPU for so long, whatever else the machine does."""
    until_s = time.thread_time() + seconds
    while time.thread_time() < until_s:
        pass
