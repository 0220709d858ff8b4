"""A logistic regression that leaves a mark for each epoch, and waits before its last if told to.

Parameters: `epochs`; `marks`, the URI of a folder in which `trained/<one>-<epoch>` are the marks
and an object `hold` keeps the last epoch from beginning.
"""

import time
import uuid
from functools import partial

import fsspec
import torch  # noqa: TID253
from torch import nn  # noqa: TID253

from ml_platform.training.api import TrainingRun

LOOKS_EVERY_S = 0.5


def train(run: TrainingRun) -> None:
    import ray.train.torch

    epochs = int(run.params["epochs"])
    # Listings are kept by none of its file systems: another process makes and removes `hold`.
    store, marks = fsspec.url_to_fs(str(run.params["marks"]), use_listings_cache=False)
    net = nn.Linear(len(run.encoding.numbers), 1)
    restored = run.restored()
    if restored is not None:
        net.load_state_dict(dict(restored.tensors))
    model = ray.train.torch.prepare_model(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(0 if restored is None else restored.epoch + 1, epochs):
        while epoch == epochs - 1 and store.exists(f"{marks}/hold"):
            time.sleep(LOOKS_EVERY_S)
        loss = torch.zeros(())
        for batch in run.batches("train", epoch=epoch, rows=32):
            optimizer.zero_grad()
            loss = loss_of(model(batch.numbers).squeeze(1), batch.label)
            loss.backward()
            optimizer.step()
        run.report(epoch, {"train_loss": loss.item()}, partial(dict, net.state_dict()))
        if run.rank == 0:
            store.pipe_file(f"{marks}/trained/{uuid.uuid4().hex[:8]}-{epoch}", b"")
    run.save_model(net.state_dict())
