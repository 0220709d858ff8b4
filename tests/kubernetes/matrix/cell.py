"""One cell: a fault in a phase of one training, and what was left of it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.kubernetes.matrix.case import Case
from tests.kubernetes.matrix.faults import FAULTS, Fault
from tests.kubernetes.matrix.phases import PHASES, Phase
from tests.support.attempts.head import EPOCHS
from tests.support.attempts.pod_steps import SHOWS_STACKS

GONE_WITHIN_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A fault in a phase."""

    fault: Fault
    phase: Phase

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.phase.name}"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        fault: Its name.
        phase: Its name.
        clusters_left: Objects on Kubernetes half a minute after the end.
        trainings: How often the training was done.
        epochs_lost: Epochs that were trained again although their checkpoint had been written.
        causes: Why attempts failed.
        named_s: Seconds from the fault to the first of them; None if no attempt failed.
        wrong: What is not as it has to be.
    """

    fault: str
    phase: str
    clusters_left: list[str] = field(default_factory=list)
    trainings: int = 0
    epochs_lost: int = 0
    causes: list[str] = field(default_factory=list)
    named_s: float | None = None
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the file of a run's results."""
        return asdict(self)


CELLS: Final = tuple(
    Cell(fault=fault, phase=phase) for fault in FAULTS for phase in PHASES if fault.befalls(phase)
)


def run(cell: Cell, case: Case) -> Outcome:
    """Bring a training to the phase, let the fault happen, and see it to its end."""
    outcome = Outcome(fault=cell.fault.name, phase=cell.phase.name)
    with _noted(outcome):
        began_s = _befall(cell, case)
        assert case.step is not None
        case.step.join(case.within_s)
        if case.step.is_alive():
            outcome.wrong.append("the step did not end")
            assert case.step.pid is not None
            os.kill(case.step.pid, SHOWS_STACKS)
            time.sleep(1.0)
            case.step.kill()
            case.step.join()
        if cell.fault.of_step:
            case.come()
        elif case.step.exitcode != 0:
            outcome.wrong.append(f"the step ended with code {case.step.exitcode}")
        _look(cell, case, outcome, began_s)
    return outcome


def _befall(cell: Cell, case: Case) -> float:
    """When the fault began, in seconds since 1970; it is over, and the phase goes on."""
    with cell.phase.held(case):
        fault = cell.fault.act(case)
        began_s = time.time()
        fault.__enter__()
    fault.__exit__(None, None, None)
    return began_s


def _look(cell: Cell, case: Case, outcome: Outcome, began_s: float) -> None:
    trained = case.trained()
    outcome.trainings = max(trained.values(), default=0) if case.record.result() else 0
    outcome.epochs_lost = sum(times - 1 for times in trained.values())
    if sorted(trained) != list(range(EPOCHS)) or outcome.trainings != 1:
        outcome.wrong.append(f"epochs were trained so often: {dict(trained)}")
    for attempt in case.record.attempts():
        ended = attempt.ended()
        if ended is None or ended.failure is None:
            continue
        outcome.causes.append(ended.failure.cause.value)
        if outcome.named_s is None:
            outcome.named_s = round(ended.ended_at_s - began_s, 1)
        if ended.failure.cause not in cell.fault.causes:
            outcome.wrong.append(f"{ended.failure.cause.value}: {ended.failure.message}")
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := case.objects()) and time.monotonic() < deadline:
        time.sleep(0.5)
    outcome.clusters_left = [f"{one['kind']} {one['metadata']['name']}" for one in left]
    outcome.wrong += [f"left: {one}" for one in outcome.clusters_left]


@contextmanager
def _noted(outcome: Outcome) -> Iterator[None]:
    """Whatever breaks a cell is wrong with it, and the others are run."""
    try:
        yield
    except Exception as error:
        outcome.wrong.append(repr(error))
