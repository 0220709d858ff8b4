"""What a scenario is, and all of them by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.kubernetes.conformance.compare import Allowance
from tests.kubernetes.conformance.run import Run

Steps = Callable[[Run], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A recording whose steps are run again.

    Attributes:
        name: That of the recording.
        steps: What is done in a run.
        pods: How many pods it has at once, for the room on the node.
        http: The recording is in HTTPMode, of which only the submission differs.
        alone: Nothing else may run beside it.
        allowances: Differences that are meant.
    """

    name: str
    steps: Steps
    pods: int
    http: bool
    alone: bool
    allowances: tuple[Allowance, ...]


SCENARIOS: Final[dict[str, Scenario]] = {}


def scenario(
    name: str,
    *,
    pods: int = 2,
    http: bool = False,
    alone: bool = False,
    allowances: tuple[Allowance, ...] = (),
) -> Callable[[Steps], Steps]:
    """Register steps under the name of their recording."""

    def register(steps: Steps) -> Steps:
        SCENARIOS[name] = Scenario(
            name=name, steps=steps, pods=pods, http=http, alone=alone, allowances=allowances
        )
        return steps

    return register


def allow(where: str, because: str) -> Allowance:
    """A difference that is meant."""
    return Allowance(where=where, because=because)
