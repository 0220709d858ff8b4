"""The operator behaves as the real one was recorded to.

All scenarios run at once; a test waits for its own and lays it beside the recording. One
that was off in its order or pace alone, while the machine had no processor time left, is observed
again with nothing beside it: the report says so.
"""

from collections.abc import Callable

import pytest

from tests.kubernetes.conformance import (
    scenarios_cluster,
    scenarios_http,
    scenarios_interactive,
)
from tests.kubernetes.conformance.adapt import as_interactive
from tests.kubernetes.conformance.compare import differences
from tests.kubernetes.conformance.machine import STARVED_S
from tests.kubernetes.conformance.normalise import normalise
from tests.kubernetes.conformance.not_run import NOT_RUN
from tests.kubernetes.conformance.pace import disorder, off_pace
from tests.kubernetes.conformance.rays import CannotBeRun
from tests.kubernetes.conformance.runner import RUN_AGAIN, Runner
from tests.kubernetes.conformance.scenario import SCENARIOS, Scenario
from tests.kubernetes.conformance.timeline import TRACES, Timeline, recorded

REGISTERED_BY = (scenarios_cluster, scenarios_http, scenarios_interactive)


@pytest.mark.kubernetes
@pytest.mark.two_cores
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_operator_does_what_was_recorded(
    runner: Runner, name: str, record_property: Callable[[str, object], None]
) -> None:
    scenario = SCENARIOS[name]
    try:
        observed = runner.timeline(name)
    except CannotBeRun as reason:
        pytest.skip(f"{name}: {reason}")
    wrong, late = _different(scenario, observed), _badly_timed(name, observed)
    starved_s = runner.starved_s(name)
    if late and not wrong and starved_s >= STARVED_S:
        record_property(
            RUN_AGAIN,
            f"{name}: the machine had no processor time left for {starved_s:.0f} s, and "
            f"{len(late)} moments were late; run again alone, it is as recorded",
        )
        observed = runner.run_again(name)
        wrong, late = _different(scenario, observed), _badly_timed(name, observed)
    assert not wrong + late, "\n".join([f"{name} differs from the recording:", *wrong, *late])


def test_every_recording_is_run_or_it_is_said_why_not() -> None:
    recordings = {path.stem for path in TRACES.glob("*.json")}
    assert SCENARIOS.keys() | NOT_RUN.keys() == recordings
    assert not SCENARIOS.keys() & NOT_RUN.keys()


def _different(scenario: Scenario, observed: Timeline) -> list[str]:
    """What differs whatever the speed of the machine."""
    real = normalise(recorded(scenario.name))
    expected = as_interactive(real) if scenario.http else real
    return differences(expected, normalise(observed), scenario.allowances)


def _badly_timed(name: str, observed: Timeline) -> list[str]:
    """What came in another order or at another pace."""
    real = recorded(name)
    return [*disorder(real, observed), *off_pace(real, observed)]
