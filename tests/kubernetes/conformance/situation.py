"""What a situation is, and the book of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.kubernetes.conformance.compare import Allowance
from tests.kubernetes.conformance.stage import Stage

Play = Callable[[Stage], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """A recording that is played again.

    Attributes:
        name: That of the recording.
        play: What is done on the stage.
        pods: How many pods it has at once, for the seats on the node.
        http: The recording is in HTTPMode, of which only the submission differs.
        alone: Nothing else may be played beside it.
        allowances: Differences that are meant.
    """

    name: str
    play: Play
    pods: int
    http: bool
    alone: bool
    allowances: tuple[Allowance, ...]


SITUATIONS: Final[dict[str, Situation]] = {}


def situation(
    name: str,
    *,
    pods: int = 2,
    http: bool = False,
    alone: bool = False,
    allowances: tuple[Allowance, ...] = (),
) -> Callable[[Play], Play]:
    """Enter a play into the book, under the name of its recording."""

    def enter(play: Play) -> Play:
        SITUATIONS[name] = Situation(
            name=name, play=play, pods=pods, http=http, alone=alone, allowances=allowances
        )
        return play

    return enter


def allow(where: str, because: str) -> Allowance:
    """A difference that is meant."""
    return Allowance(where=where, because=because)
