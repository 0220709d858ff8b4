"""Trains $name: a logistic regression in torch, to begin from."""

import torch  # noqa: TID253  imported where a model is trained or scored, never with the graph
from torch import nn  # noqa: TID253

from ml_platform.training.api import Batch, TrainingRun


class Net(nn.Module):
    """A weight for each number and for each value of each category.

    Args:
        numbers: How many numeric features.
        cardinalities: How many values each category has, the unknown included.
    """

    def __init__(self, numbers: int, cardinalities: tuple[int, ...]) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.weights = nn.Parameter(torch.zeros(numbers))
        self.values = nn.ModuleList(
            nn.Embedding.from_pretrained(torch.zeros(rows, 1), freeze=False)
            for rows in cardinalities
        )

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """Logits, (rows,)."""
        logits = self.bias + numbers @ self.weights
        for table, column in zip(self.values, categories.unbind(1), strict=True):
            logits = logits + table(column).squeeze(1)
        return logits


def train(run: TrainingRun) -> None:
    """Train for as many epochs as `defs.yaml` says. Called in every worker."""
    import ray.train.torch

    net = Net(len(run.encoding.numbers), run.encoding.cardinalities)
    first_epoch = 0
    restored = run.restored()
    if restored is not None:
        net.load_state_dict(restored.tensors)
        first_epoch = restored.epoch + 1
    model = ray.train.torch.prepare_model(net)
    optimizer = torch.optim.Adam(model.parameters(), lr=float(run.params["learning_rate"]))
    rows = int(run.params["batch_rows"])

    for epoch in range(first_epoch, int(run.params["epochs"])):
        losses = []
        for batch in run.batches("train", epoch=epoch, rows=rows):
            optimizer.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            held_out = [
                loss_of(net, batch).item() for batch in run.batches("validation", rows=8192)
            ]
        metrics = {
            "train_loss": sum(losses) / max(len(losses), 1),
            "validation_loss": sum(held_out) / max(len(held_out), 1),
        }
        run.report(epoch, run.mean_over_workers(metrics), net.state_dict)
    run.save_model(net.state_dict())


def loss_of(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of a batch."""
    logits = model(batch.numbers, batch.categories)
    return nn.functional.binary_cross_entropy_with_logits(logits, batch.label)
