"""Until when an interactive cluster lives, and how its end is moved."""

from datetime import datetime
from typing import Any

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.expiry import expiry_text, extension, require_ttl
from ml_platform.errors import InputError

STARTED_S = datetime.fromisoformat("2026-01-02T12:00:00Z").timestamp()


def job(*, started: bool = True, expires: str = "2026-01-02T13:00:00Z") -> dict[str, Any]:
    return {
        "metadata": {
            "name": "dev-ada",
            "creationTimestamp": "2026-01-02T11:59:58Z",
            "annotations": {labels.EXPIRES: expires},
        },
        "status": {"startTime": "2026-01-02T12:00:00Z"} if started else {},
    }


def test_an_end_is_written_in_whole_seconds_and_never_too_early() -> None:
    assert expiry_text(STARTED_S + 0.1) == "2026-01-02T12:00:01Z"


def test_both_who_hold_it_to_its_end_are_told_the_new_one() -> None:
    patch = extension(job(), ttl_s=7200, now_s=STARTED_S + 600)
    assert patch["metadata"]["annotations"] == {labels.EXPIRES: "2026-01-02T14:10:00Z"}
    assert patch["spec"]["preRunningDeadlineSeconds"] == 7800
    assert patch["spec"]["activeDeadlineSeconds"] == 7800


def test_before_kuberay_has_seen_it_its_clock_begins_with_its_creation() -> None:
    patch = extension(job(started=False), ttl_s=7200, now_s=STARTED_S)
    assert patch["spec"]["preRunningDeadlineSeconds"] == 7202


def test_an_extension_never_shortens() -> None:
    with pytest.raises(InputError, match="lives until 2026-01-02T13:00:00Z already"):
        extension(job(), ttl_s=60, now_s=STARTED_S)


@pytest.mark.parametrize("ttl_s", [0, 59, 7201])
def test_a_time_to_live_that_is_none_is_refused_with_the_range(ttl_s: float) -> None:
    with pytest.raises(InputError, match="wanted 1 min to 2 h"):
        require_ttl(ttl_s, longest_s=7200)
