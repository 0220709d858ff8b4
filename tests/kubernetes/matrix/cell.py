"""One cell: a fault in a phase of one training, and what was left of it."""

import math
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from ml_platform.clusters.causes import Failure
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.matrix.faults import FAULTS, Fault
from tests.kubernetes.matrix.phases import PHASES, Phase
from tests.kubernetes.matrix.rays import REAL, STAND_IN, Ray
from tests.support.attempts.head import EPOCHS
from tests.support.attempts.pod_steps import SHOWS_STACKS

NAMED_WITHIN_S: Final = 5.0
"""Of its evidence."""
NAMES_A_CAUSE: Final = ("cluster happened", "cluster failed")
MOST_WAITS: Final = 4
"""On the way to a phase."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A fault in a phase, on clusters in which this Ray runs."""

    fault: Fault
    phase: Phase
    ray: Ray = STAND_IN

    @property
    def is_named(self) -> bool:
        """Whether the fault has to be named, within seconds of its evidence."""
        return self.fault.named_in(self.phase) and (self.ray is REAL or not self.fault.of_worker)

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.phase.name}, {self.ray.name} Ray"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        fault: Its name.
        phase: Its name.
        ray: Which.
        clusters_left: Objects on Kubernetes half a minute after the end.
        trainings: How often the training was done.
        epochs_lost: Epochs that were trained again although their checkpoint had been written.
        causes: Why attempts failed.
        named_s: Seconds from the evidence of the fault until it is first told, in an event or as
            why an attempt failed; None if it need not be.
        wrong: What is not as it has to be.
    """

    fault: str
    phase: str
    ray: str
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
_DIAGONAL: Final = {
    "no such image": ("starting",),
    "API server away": ("before create",),
    "RayJob deleted": ("queued",),
    "worker's pod deleted": ("pending", "running"),
    "watches cut": ("ready",),
    "step killed": ("submitted",),
    "head's pod deleted": ("running",),
    "worker out of memory": ("running",),
    "storage away": ("ended",),
}
WITH_REAL_RAY: Final = tuple(replace(cell, ray=REAL) for cell in CELLS)
DIAGONAL: Final = tuple(
    cell for cell in WITH_REAL_RAY if cell.phase.name in _DIAGONAL.get(cell.fault.name, ())
)


class _Moment:
    """When a fault befalls all of some cases, each of which is in its phase.

    Attributes:
        begins_s: When it begins to, in seconds since 1970.
    """

    def __init__(self, cells: Sequence[Cell], cases: Sequence[Case]) -> None:
        self._reached = threading.Barrier(len(cases) + 1)
        self._befallen = threading.Barrier(len(cases) + 1)
        self._named = [
            (cell, case)
            for cell, case in zip(cells, cases, strict=True)
            if cell.fault.of_node and cell.is_named
        ]
        self._evidence_s: dict[str, float] = {}
        self._longest_s = cases[0].within_s
        self.begins_s = 0.0
        self._goes_on_s = 0.0

    def befall(self, fault: AbstractContextManager[Any]) -> None:
        """Begin the fault once all are there; it is over when it is named and itself says so."""
        self._reached.wait(MOST_WAITS * self._longest_s)
        self.begins_s = time.time()
        try:
            with fault:
                self._goes_on_s = time.time()
                self._befallen.wait()
                deadline = time.monotonic() + self._longest_s / 2
                while not self._is_named() and time.monotonic() < deadline:
                    time.sleep(0.5)
        except BaseException:
            self._befallen.abort()  # it could not be made: nobody waits for it
            raise

    def pass_by(self) -> None:
        """As a case in its phase: wait until it has happened."""
        self._reached.wait()
        self._befallen.wait()

    def miss(self) -> None:
        """Nobody waits for a case that never gets there."""
        self._reached.abort()
        self._befallen.abort()

    def evidence_s(self, cell: Cell, case: Case) -> float | None:
        """Since when the step could know the fault of a cell, in seconds since 1970."""
        found = self._evidence_s.get(str(cell), self._goes_on_s)
        if cell.fault.evidence is not None and str(cell) not in self._evidence_s:
            seen_s = cell.fault.evidence(case)
            if seen_s is None:
                return None
            found = self._evidence_s[str(cell)] = seen_s
        return max(found, self._goes_on_s) if cell.phase.holds_step else found

    def _is_named(self) -> bool:
        # While it lasts: what shows it may be gone later.
        for cell, case in self._named:
            self.evidence_s(cell, case)
        return all(list(_named_at_s(cell, case)) for cell, case in self._named)


def run(cells: Sequence[Cell], cases: Sequence[Case]) -> list[Outcome]:
    """Bring a training to each phase, let the one fault of the cells happen, see all to their end.

    Args:
        cells: Of one fault; more than one where it befalls all of the node.
        cases: One for each.
    """
    moment = _Moment(cells, cases)
    with ThreadPoolExecutor(len(cells)) as pool:
        outcomes = [
            pool.submit(_see_through, cell, case, moment)
            for cell, case in zip(cells, cases, strict=True)
        ]
        try:
            moment.befall(cells[0].fault.act(cases[0]))
        except threading.BrokenBarrierError:
            wrong = []  # the case that missed it says why
        except Exception as error:
            wrong = [repr(error)]
        else:
            wrong = []
        found = [one.result() for one in outcomes]
    for outcome in found:
        outcome.wrong[:0] = wrong
    return found


def _see_through(cell: Cell, case: Case, moment: _Moment) -> Outcome:
    outcome = Outcome(fault=cell.fault.name, phase=cell.phase.name, ray=cell.ray.name)
    with _noted(outcome):
        cell.fault.breaks(case)
        try:
            with cell.phase.held(case):
                moment.pass_by()
        except BaseException:
            moment.miss()
            raise
        code = _end_of_step(case, outcome)
        if cell.fault.of_step:
            case.come()
        elif (code != 0) is not cell.fault.hopeless:
            outcome.wrong.append(f"the step ended with code {code}")
        _look_at_causes(cell, case, outcome, moment)
        _look_at_epochs(cell, case, outcome)
        _look_for_what_is_left(cell, case, outcome)
    return outcome


def _end_of_step(case: Case, outcome: Outcome) -> int | None:
    """Its exit code; one that does not end is ended, and says where it was."""
    assert case.step is not None
    case.step.join(case.within_s)
    if case.step.is_alive():
        outcome.wrong.append("the step did not end")
        assert case.step.pid is not None
        os.kill(case.step.pid, SHOWS_STACKS)
        time.sleep(1.0)
        case.step.kill()
        case.step.join()
    return case.step.exitcode


def _look_at_causes(cell: Cell, case: Case, outcome: Outcome, moment: _Moment) -> None:
    for failure, _ in _failures(case):
        outcome.causes.append(failure.cause.value)
        if not _is_named(cell.fault, failure):
            outcome.wrong.append(f"{failure.cause.value}: {failure.message}")
    if not cell.is_named:
        return
    evidence_s = moment.evidence_s(cell, case)
    told = [f"{one.event}: {one.detail}" for one in case.told() if one.event]
    if evidence_s is None:
        outcome.wrong.append(f"there is no evidence of the fault; told was {told}")
        return
    named_at_s = min(_named_at_s(cell, case), default=math.inf)
    named_s = named_at_s - evidence_s
    if named_at_s < moment.begins_s:
        outcome.wrong.append(f"named before it happened; told was {told}")
    elif named_s > NAMED_WITHIN_S:
        outcome.wrong.append(f"named after {named_s:.1f} s; told was {told}")
    else:
        # Events have whole seconds, and what is seen of a pod may be told before its Event is.
        outcome.named_s = round(max(0.0, named_s), 1)


def _named_at_s(cell: Cell, case: Case) -> Iterator[float]:
    """When the cause was told, in seconds since 1970: why an attempt failed, and in events."""
    fault = cell.fault
    for failure, at_s in _failures(case):
        if _is_named(fault, failure):
            yield at_s
    for one in case.told():
        if fault.says and one.event in NAMES_A_CAUSE and re.search(fault.says, one.detail):
            yield one.at_s


def _failures(case: Case) -> Iterator[tuple[Failure, float]]:
    """Of its attempts, with when they ended, in seconds since 1970."""
    for attempt in case.record.attempts():
        ended = attempt.ended()
        if ended is not None and ended.failure is not None:
            yield ended.failure, ended.ended_at_s


def _is_named(fault: Fault, failure: Failure) -> bool:
    return failure.cause in fault.causes and bool(re.search(fault.says, failure.message))


def _look_at_epochs(cell: Cell, case: Case, outcome: Outcome) -> None:
    trained = case.trained()
    outcome.trainings = max(trained.values(), default=0) if case.record.result() else 0
    if outcome.trainings != (0 if cell.fault.hopeless else 1):
        outcome.wrong.append(f"trainings: {outcome.trainings}")
    outcome.epochs_lost = sum(times - 1 for times in trained.values())
    missing = set(range(EPOCHS)) - trained.keys()
    # A driver may die between an epoch's checkpoint and its mark.
    allowed = EPOCHS if cell.fault.hopeless else len(outcome.causes)
    if outcome.epochs_lost or len(missing) > allowed or (trained and cell.fault.hopeless):
        outcome.wrong.append(f"epochs were trained so often: {dict(trained)}")


def _look_for_what_is_left(cell: Cell, case: Case, outcome: Outcome) -> None:
    deadline = time.monotonic() + cell.fault.gone_within_s
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
