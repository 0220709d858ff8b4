"""What people did from X-Ray's pages, as it lies in the storage."""

import json
from dataclasses import asdict

import pytest

from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.xray.acts import ACTS_FOLDER, MOST, Act, ActLog
from tests.support.xray import AT_S, DAY_S

THIS_WEEK = f"{ACTS_FOLDER}/2026-11-23"


def act(number: int = 1, *, at_s: float = AT_S) -> Act:
    return Act(id=f"{at_s * 1000:.0f}-{number:04d}", who="ada", verb="stop", begun_at_s=at_s)


@pytest.fixture
def root(settings: Settings) -> str:
    return settings.storage_root


def another(root: str, *, now_s: float = AT_S) -> ActLog:
    """That of another server of the pages, which has just looked."""
    log = ActLog(root)
    log.look(now_s=now_s)
    return log


def test_what_one_server_has_begun_another_sees_and_then_its_end(root: str) -> None:
    one, began = ActLog(root), act()
    one.begin(began)
    other = another(root)
    assert other.newest() == (began,)

    one.end(began, "done", "it is gone", at_s=AT_S + 9)
    other.look(now_s=AT_S + 10)

    (ended,) = other.newest()
    assert ended == one.newest()[0]
    assert (ended.outcome, ended.message, ended.ended_at_s) == ("done", "it is gone", AT_S + 9)


def test_the_newest_come_first_those_of_last_week_too_and_no_more_than_are_read(root: str) -> None:
    log = ActLog(root)
    for number in range(MOST + 5):
        log.begin(act(number, at_s=AT_S - 5 * DAY_S + number))
    log.begin(act(at_s=AT_S + DAY_S))

    found = another(root, now_s=AT_S + 2 * DAY_S).newest()
    assert found == log.newest()
    assert len(found) == MOST
    assert found[0].begun_at_s == AT_S + DAY_S


def test_what_cannot_be_read_hides_no_other(root: str) -> None:
    folder = Folder(root)
    folder.write(f"{THIS_WEEK}/1-broken.json", b"{")
    folder.write(f"{THIS_WEEK}/2-else.json", b"[]")
    folder.write(f"{THIS_WEEK}/.3.json.partial", b"")
    newer = asdict(act()) | {"ticket": "OPS-7"}
    folder.write(f"{THIS_WEEK}/{act().id}.json", json.dumps(newer).encode())
    assert another(root).newest() == (act(),)
