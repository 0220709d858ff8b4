"""Trains the flight delay model: plain torch, spread over workers by `ray.train`."""

import math
from functools import partial

import torch  # noqa: TID253  imported where a model is trained or scored, never with the graph
from torch import nn  # noqa: TID253

from ml_platform.training.api import TrainingRun

KNOTS = (-2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 4.0)
"""Where the effect of a standardised number may bend."""


class FlightDelayNet(nn.Module):
    """A linear model of all features, and small networks on top for what they do together.

    Numbers enter as piecewise linear encodings (Gorishniy, Rubachev and Babenko 2022), which let
    the effect of wind or of the hour bend without a deep network. The networks share their input
    and are trained side by side; their mean errs less than any of them.

    Args:
        numbers: How many numeric features.
        cardinalities: Rows of each category's embedding.
        members: How many networks.
        width: Hidden units of each.
        embedding: Size of a category's embedding.
        dropout: Share of inputs and units that is left out while training.
        confidence: How far a prediction may leave the base rate, in 0 … 1 of its logit. The next
            day is another day than those trained on, so what was learned holds a little less.
    """

    knots: torch.Tensor
    base_logit: torch.Tensor

    def __init__(
        self,
        numbers: int,
        cardinalities: tuple[int, ...],
        *,
        members: int,
        width: int,
        embedding: int,
        dropout: float,
        confidence: float,
    ) -> None:
        super().__init__()
        self.confidence = confidence
        self.register_buffer("knots", torch.tensor(KNOTS))
        self.register_buffer("base_logit", torch.zeros(()))
        encoded = numbers * (len(KNOTS) - 1)
        self.linear = nn.Linear(encoded, 1)
        self.biases = nn.ModuleList(nn.Embedding(rows, 1) for rows in cardinalities)
        self.embeddings = nn.ModuleList(nn.Embedding(rows, embedding) for rows in cardinalities)
        for table in (*self.biases, *self.embeddings):
            nn.init.normal_(table.weight, std=0.01)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(encoded + embedding * len(cardinalities), members * width)
        self.readout = nn.Parameter(torch.empty(members, width).uniform_(-1, 1) / width**0.5)

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """Logits of each member, (rows, members)."""
        low, high = self.knots[:-1], self.knots[1:]
        encoded = ((numbers.unsqueeze(2) - low) / (high - low)).clamp(0, 1).flatten(1)
        columns = list(categories.unbind(1))
        linear = self.linear(encoded)
        for table, column in zip(self.biases, columns, strict=True):
            linear = linear + table(column)
        embedded = [table(column) for table, column in zip(self.embeddings, columns, strict=True)]
        features = self.dropout(torch.cat([encoded, *embedded], 1))
        units = self.dropout(torch.relu(self.hidden(features)))
        return linear + (units.unflatten(1, self.readout.shape) * self.readout).sum(2)

    def probabilities(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """The mean of all members, drawn towards the base rate, (rows,)."""
        return torch.sigmoid(self.logits(numbers, categories))

    def logits(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """Those of `probabilities`, (rows,)."""
        mean = torch.sigmoid(self(numbers, categories)).mean(1)
        return torch.lerp(self.base_logit, torch.logit(mean, 1e-6), self.confidence)


def build(numbers: int, cardinalities: tuple[int, ...], params: dict[str, float]) -> FlightDelayNet:
    """The untrained network, with the sizes of `params`."""
    return FlightDelayNet(
        numbers,
        cardinalities,
        members=int(params["members"]),
        width=int(params["width"]),
        embedding=int(params["embedding"]),
        dropout=float(params["dropout"]),
        confidence=float(params["confidence"]),
    )


def train(run: TrainingRun) -> None:
    """Train until the validation loss has not fallen for `patience` epochs."""
    import ray.train.torch

    params = dict(run.params)
    net = build(len(run.encoding.numbers), run.encoding.cardinalities, params)
    net.base_logit.fill_(_base_logit(run))
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=params["learning_rate"], weight_decay=params["weight_decay"]
    )
    first_epoch, best_loss, best_epoch = 0, float("inf"), -1
    best = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    restored = run.restored()
    if restored is not None:
        first_epoch = restored.epoch + 1
        best_loss = restored.metrics["best_validation_loss"]
        best_epoch = int(restored.metrics["best_epoch"])
        best = _with_prefix(restored.tensors, "best.")
        net.load_state_dict(_with_prefix(restored.tensors, "net."))
        _load_optimizer(optimizer, restored.tensors)
    model = ray.train.torch.prepare_model(net)

    for epoch in range(first_epoch, int(params["epochs"])):
        if epoch - best_epoch > params["patience"] and best_epoch >= 0:
            break
        model.train()
        total, rows = 0.0, 0
        for batch in run.batches("train", epoch=epoch, rows=int(params["batch_rows"])):
            optimizer.zero_grad()
            logits = model(batch.numbers, batch.categories)
            # Each member has a loss of its own, or they would share the work and learn alike.
            wanted = batch.label.unsqueeze(1).expand_as(logits)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            rows += len(batch)
        model.eval()
        losses = run.mean_over_workers(
            {"train_loss": total / rows, "validation_loss": validation_loss(run, net)}
        )
        if losses["validation_loss"] < best_loss:
            best_loss, best_epoch = losses["validation_loss"], epoch
            best = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        metrics = losses | {"best_validation_loss": best_loss, "best_epoch": float(best_epoch)}
        run.report(epoch, metrics, partial(_state, net, best, optimizer))
    run.save_model(best)


def validation_loss(run: TrainingRun, net: FlightDelayNet) -> float:
    """Mean loss of the rows held out; NaN, for `report` to find, once the weights are."""
    total, rows = 0.0, 0
    with torch.no_grad():
        for batch in run.batches("validation", rows=8192):
            logits = net.logits(batch.numbers, batch.categories)
            # By logits, as the loss of probabilities raises an error of its own at a NaN.
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, batch.label, reduction="sum"
            )
            total += loss.item()
            rows += len(batch)
    return total / rows


def _base_logit(run: TrainingRun) -> float:
    """Logit of the base rate among the rows held out, which are spread over the whole window."""
    late, rows = 0.0, 0
    for batch in run.batches("validation", rows=8192):
        late += batch.label.sum().item()
        rows += len(batch)
    rate = run.mean_over_workers({"rate": late / rows})["rate"]
    return math.log(rate / (1 - rate)) if 0 < rate < 1 else 0.0


def _state(
    net: nn.Module, best: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    """All that a resumed training needs, as flat tensors."""
    return {
        **{f"net.{name}": tensor for name, tensor in net.state_dict().items()},
        **{f"best.{name}": tensor for name, tensor in best.items()},
        **_optimizer_tensors(optimizer),
    }


def _with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": tensor
        for index, values in state.items()
        for name, tensor in values.items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in _with_prefix(tensors, "optimizer.").items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
