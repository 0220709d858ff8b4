import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ml_platform.processes import (
    MARK,
    Identity,
    identity_of,
    is_alive,
    myself,
    owned,
    stop_all,
)

SLEEP = "import time; time.sleep(60)"
# A child in a session of its own and without the mark, as a job's driver might start one.
PARENT = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}], env={{}}, start_new_session=True).pid)
sys.stdout.flush()
{SLEEP}
"""


@pytest.fixture
def family() -> Iterator[tuple[Identity, Identity]]:
    """A marked process and its unmarked child."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, MARK: "family"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    identities = identity_of(parent.pid), identity_of(child)
    assert identities[0] is not None
    assert identities[1] is not None
    yield identities[0], identities[1]
    stop_all("family", identities[0], grace_s=0)
    parent.stdout.close()
    parent.wait()


def test_this_process_is_alive_and_another_of_its_id_is_not() -> None:
    assert is_alive(myself())
    assert not is_alive(replace(myself(), started=1.0))


def test_a_process_that_ended_is_not_alive_even_before_it_is_reaped() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identity_of(ended.pid)
    assert ended.stdin is not None
    ended.stdin.close()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(identity)
    ended.wait()


def test_marked_processes_and_their_descendants_are_ours(
    family: tuple[Identity, Identity],
) -> None:
    assert set(owned("family", None)) == set(family)


def test_processes_in_the_leaders_session_are_ours_without_the_mark(
    family: tuple[Identity, Identity],
) -> None:
    assert set(owned("unknown", family[0])) == set(family)


def test_a_session_whose_id_was_given_to_another_process_is_not_ours(
    family: tuple[Identity, Identity],
) -> None:
    assert owned("unknown", replace(family[0], started=1.0)) == []


def test_stopping_all_leaves_no_process(family: tuple[Identity, Identity]) -> None:
    assert stop_all("family", family[0], grace_s=0) == []
    assert not is_alive(family[0])
    assert not is_alive(family[1])
