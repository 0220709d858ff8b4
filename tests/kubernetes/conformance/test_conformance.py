"""The operator behaves as the real one was recorded to.

All situations are played at once; a test waits for its own and lays it beside the recording. One
that was off in its order or pace alone, while the machine had no processor time left, is played
again with nothing beside it: the report says so.
"""

from collections.abc import Callable

import pytest

from tests.kubernetes.conformance import (
    plays_cluster,
    plays_http,
    plays_interactive,
)
from tests.kubernetes.conformance.adapt import as_interactive
from tests.kubernetes.conformance.compare import differences
from tests.kubernetes.conformance.machine import STARVED_S
from tests.kubernetes.conformance.not_played import NOT_PLAYED
from tests.kubernetes.conformance.pace import disorder, off_pace
from tests.kubernetes.conformance.rays import CannotBePlayed
from tests.kubernetes.conformance.situation import SITUATIONS, Situation
from tests.kubernetes.conformance.stories import tell
from tests.kubernetes.conformance.theatre import PLAYED_AGAIN, Theatre
from tests.kubernetes.conformance.timeline import TRACES, Timeline, recorded

PLAYS = (plays_cluster, plays_http, plays_interactive)


@pytest.mark.kubernetes
@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_the_operator_does_what_was_recorded(
    theatre: Theatre, name: str, record_property: Callable[[str, object], None]
) -> None:
    situation = SITUATIONS[name]
    try:
        played = theatre.timeline(name)
    except CannotBePlayed as reason:
        pytest.skip(f"{name}: {reason}")
    wrong, late = _different(situation, played), _badly_timed(name, played)
    starved_s = theatre.starved_s(name)
    if late and not wrong and starved_s >= STARVED_S:
        record_property(
            PLAYED_AGAIN,
            f"{name}: the machine had no processor time left for {starved_s:.0f} s, and "
            f"{len(late)} moments were late; played again alone, it is as recorded",
        )
        played = theatre.play_again(name)
        wrong, late = _different(situation, played), _badly_timed(name, played)
    assert not wrong + late, "\n".join([f"{name} differs from the recording:", *wrong, *late])


def test_every_recording_is_played_or_it_is_said_why_not() -> None:
    recordings = {path.stem for path in TRACES.glob("*.json")}
    assert SITUATIONS.keys() | NOT_PLAYED.keys() == recordings
    assert not SITUATIONS.keys() & NOT_PLAYED.keys()


def _different(situation: Situation, played: Timeline) -> list[str]:
    """What differs whatever the speed of the machine."""
    real = tell(recorded(situation.name))
    expected = as_interactive(real) if situation.http else real
    return differences(expected, tell(played), situation.allowances)


def _badly_timed(name: str, played: Timeline) -> list[str]:
    """What came in another order or at another pace."""
    real = recorded(name)
    return [*disorder(real, played), *off_pace(real, played)]
