"""GPUs of a node that have stopped, or never began, while the job goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.samples import NodeUse
from ml_platform.xray.words import money, span

NAME: Final = "gpu_left_idle"
IDLE_BELOW: Final = 0.05
"""Of a GPU: a process that only holds memory on it shows up to a few per cent."""
LEAST_S: Final = 600.0
"""A long evaluation on the CPU, or a large checkpoint, takes minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Idle:
    """The end of a node's samples, in which its GPUs did nothing."""

    node: str
    gpus: float
    seconds: float
    before: float | None

    @property
    def told(self) -> str:
        """`10.0.0.3: 4 GPUs idle for 15 min, 88% busy before`."""
        before = "from the first on" if self.before is None else f"{self.before:.0%} busy before"
        return f"{self.node}: {self.gpus:.0f} GPUs idle for {span(self.seconds)}, {before}"


def gpu_left_idle(seen: Seen) -> Finding | None:
    """Judged by the newest samples of each node; where none ever worked, `idle_gpus` tells it."""
    nodes: dict[str, list[NodeUse]] = {}
    for one in seen.samples.nodes:
        if one.gpus:
            nodes.setdefault(one.node, []).append(one)
    idle = [found for name, uses in nodes.items() if (found := _idle(name, uses)) is not None]
    if not idle or (len(idle) == len(nodes) and all(one.before is None for one in idle)):
        return None
    gpus = sum(one.gpus for one in idle)
    idle_s = sum(one.gpus * one.seconds for one in idle)
    price = seen.prices.gpu
    cost = f", {money(price * idle_s / 3600)} at their price" if price else ""
    last = span(max(one.seconds for one in idle))
    when = f"have done nothing in the last {last}"
    if not seen.attempt.is_open:
        when = f"did nothing in the last {last} of it"
    return Finding(
        name=NAME,
        sentence=f"{_whose(idle, nodes)} {when}: {gpus:.0f} GPUs, {span(idle_s)} of one{cost}.",
        evidence=tuple(one.told for one in idle),
        confidence="high" if len(idle) < len(nodes) else "medium",
        next_step=_next_step(seen, idle, everybody=len(idle) == len(nodes)),
    )


def _idle(node: str, uses: Sequence[NodeUse]) -> _Idle | None:
    """The stretch at the end; None if it is shorter than what is told."""
    first = len(uses)
    while first and uses[first - 1].gpu_used <= IDLE_BELOW * uses[first - 1].gpus:
        first -= 1
    if first == len(uses):
        return None
    seconds = uses[-1].at_s - uses[first].at_s
    if seconds < LEAST_S:
        return None
    before = [one.gpu_used / one.gpus for one in uses[:first]]
    return _Idle(
        node=node,
        gpus=uses[-1].gpus,
        seconds=seconds,
        before=sum(before) / len(before) if before else None,
    )


def _whose(idle: Sequence[_Idle], nodes: Mapping[str, Sequence[NodeUse]]) -> str:
    if len(idle) == len(nodes):
        return "All its GPUs"
    return f"The GPUs of {' and '.join(one.node for one in idle)}"


def _next_step(seen: Seen, idle: Sequence[_Idle], *, everybody: bool) -> str:
    logs = f"`mlp xray logs {seen.attempt.id}` says what it does"
    if everybody:
        return (
            f"{logs}: what needs no GPU belongs behind the training, and what hangs is ended after "
            "`training: {no_progress_s: …}` in defs.yaml."
        )
    if all(one.before is None for one in idle):
        return (
            "`cluster: {workers: {count: …}}` in defs.yaml, by as many fewer; or let train.py use "
            "them: each worker the device of `ray.train.torch.get_device()`."
        )
    return f"{logs} there: its worker may have ended its share of the rows, or wait for a lock."
