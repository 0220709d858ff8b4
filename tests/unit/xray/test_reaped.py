"""What the reaper leaves of the clusters that it has removed."""

from pathlib import Path
from typing import Final

from ml_platform.clusters.interface import Reaped
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.uris import file_uri
from ml_platform.xray.reaped import ReapedThisWeek, monday_s, note_reaped
from tests.support.xray import AT_S, DAY_S

MONDAY_S: Final = AT_S - 5 * DAY_S - 14 * 3600.0
"""23 November 2026, 00:00 UTC."""
GONE: Final = Reaped(name="left", reason="its run ended", removed=True)


def counted(settings: Settings, *, now_s: float) -> int | None:
    reaped = ReapedThisWeek(settings.storage_root)
    reaped.look(now_s=now_s)
    return reaped.count


def test_each_cluster_that_was_removed_leaves_an_object(settings: Settings) -> None:
    assert note_reaped(settings.storage_root, GONE, now_s=AT_S) == ""
    folder = Folder(settings.storage_root) / "xray/reaped/2026-11-23"
    (name,) = folder.names()
    assert name == f"{AT_S * 1000:.0f}-left.json"
    assert folder.read_json(name)["reason"] == "its run ended"


def test_a_name_that_comes_again_counts_again(
    settings: Settings,
) -> None:
    for at_s in (AT_S, AT_S + 60):
        note_reaped(settings.storage_root, GONE, now_s=at_s)
    assert counted(settings, now_s=AT_S + 60) == 2


def test_a_week_begins_on_monday_in_utc_and_counts_its_own(settings: Settings) -> None:
    assert [monday_s(at_s) for at_s in (AT_S, MONDAY_S, MONDAY_S + 7 * DAY_S - 1)] == [MONDAY_S] * 3
    assert monday_s(MONDAY_S - 1) == MONDAY_S - 7 * DAY_S
    note_reaped(settings.storage_root, GONE, now_s=MONDAY_S - 1)
    assert counted(settings, now_s=MONDAY_S) == 0


def test_before_anybody_has_looked_nothing_is_known(settings: Settings) -> None:
    assert ReapedThisWeek(settings.storage_root).count is None


def test_a_storage_that_cannot_be_written_is_said_and_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder belongs")
    trouble = note_reaped(file_uri(tmp_path / "file"), GONE, now_s=AT_S)
    assert trouble.startswith("not all removed clusters will be in X-Ray's metrics: ")
