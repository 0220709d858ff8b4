"""What was found in an attempt, and what it is looked for in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.prices import Prices, spec_of
from ml_platform.xray.records import Event
from ml_platform.xray.samples import NodeUse, Samples
from ml_platform.xray.timeline import Times, times

Confidence = Literal["low", "medium", "high"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A trouble of an attempt.

    Attributes:
        name: Which: `input_bound`, `straggler`, ….
        sentence: It, for a person.
        evidence: What was seen, a line each.
        confidence: `low` where something else may look the same.
        next_step: What to do, with what can be pasted.
        quiet: Shown to who asks for findings alone, until a person turns it on.
    """

    name: str
    sentence: str
    evidence: tuple[str, ...]
    confidence: Confidence
    next_step: str
    quiet: bool = True

    def aloud(self, loud: Iterable[str]) -> "Finding":
        """The same, quiet unless it is among those that were turned on."""
        return replace(self, quiet=self.name not in loud)


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """An earlier attempt of the model, which succeeded, and where its time went."""

    attempt: AttemptRecord
    times: Times


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of an attempt, and of those that it is compared with.

    Attributes:
        attempt: Which.
        events: What began and ended in it.
        samples: What its workers and nodes measured.
        training: The attempts of its training up to it, oldest first.
        earlier: Attempts of the model that succeeded before it was claimed, newest first.
        prices: Of an hour.
        now_s: Now, in seconds since 1970.
    """

    attempt: AttemptRecord
    events: tuple[Event, ...] = ()
    samples: Samples = field(default_factory=Samples)
    training: tuple[AttemptRecord, ...] = ()
    earlier: tuple[Past, ...] = ()
    prices: Prices = field(default_factory=Prices)
    now_s: float

    @property
    def spec(self) -> ClusterSpec | None:
        """The cluster that it asked for; None if a newer program has written it."""
        return spec_of(self.attempt.spec)

    @property
    def times(self) -> Times:
        """Where its time went."""
        return times(self.attempt, self.events, now_s=self.now_s)

    @property
    def has_gpus(self) -> bool:
        """Whether its workers have GPUs, in which case a step without a CPU is no waiting."""
        asked = self.spec.gpus if self.spec else 0
        return bool(asked) or any(one.gpus for one in self.samples.nodes)

    @property
    def worker_nodes(self) -> tuple[NodeUse, ...]:
        """Samples of the nodes that train."""
        return tuple(one for one in self.samples.nodes if not one.is_head)


Judge = Callable[[Seen], Finding | None]
