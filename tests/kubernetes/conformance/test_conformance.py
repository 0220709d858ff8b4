"""The operator behaves as the real one was recorded to.

All situations are played at once; a test waits for its own and lays it beside the recording.
"""

import pytest

from tests.kubernetes.conformance import (
    plays_cluster,
    plays_http,
    plays_interactive,
)
from tests.kubernetes.conformance.adapt import as_interactive
from tests.kubernetes.conformance.compare import differences
from tests.kubernetes.conformance.not_played import NOT_PLAYED
from tests.kubernetes.conformance.pace import disorder, off_pace
from tests.kubernetes.conformance.situation import SITUATIONS
from tests.kubernetes.conformance.stories import tell
from tests.kubernetes.conformance.theatre import Theatre
from tests.kubernetes.conformance.timeline import TRACES, recorded

PLAYS = (plays_cluster, plays_http, plays_interactive)


@pytest.mark.kubernetes
@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_the_operator_does_what_was_recorded(theatre: Theatre, name: str) -> None:
    situation, played, real = SITUATIONS[name], theatre.timeline(name), recorded(name)
    expected = as_interactive(tell(real)) if situation.http else tell(real)
    found = [
        *differences(expected, tell(played), situation.allowances),
        *disorder(real, played),
        *off_pace(real, played),
    ]
    assert not found, "\n".join([f"{name} differs from the recording:", *found])


def test_every_recording_is_played_or_it_is_said_why_not() -> None:
    recordings = {path.stem for path in TRACES.glob("*.json")}
    assert SITUATIONS.keys() | NOT_PLAYED.keys() == recordings
    assert not SITUATIONS.keys() & NOT_PLAYED.keys()
