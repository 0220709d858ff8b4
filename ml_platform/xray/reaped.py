"""Clusters that the reaper has removed: a small object for each, by week.

    <storage root>/xray/reaped/2026-11-23/1795874523120-flight-delay-7d1f0c-1.json

Whoever reaps, the sensor or a CronJob without Dagster, reaches the storage and may have no database
of X-Ray's. Who only counts lists one folder.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from ml_platform.clusters.interface import Reaped
from ml_platform.errors import reason_of
from ml_platform.storage import Folder

REAPED_FOLDER: Final = "xray/reaped"


def monday_s(now_s: float) -> float:
    """When the week began, in UTC: what is counted is counted from there on."""
    now = datetime.fromtimestamp(now_s, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - timedelta(days=now.weekday())).timestamp()


def monday(now_s: float) -> str:
    """The week's first day, by which objects of the week are named: `2026-11-23`."""
    return f"{datetime.fromtimestamp(monday_s(now_s), UTC):%Y-%m-%d}"


def note_reaped(storage_root: str, one: Reaped, *, now_s: float) -> str:
    """Leave an object for one that was removed; says why it could not be left, or nothing.

    Raises nothing: what was removed is removed.
    """
    try:
        content = json.dumps(asdict(one), indent=1).encode()
        file = f"{_week(now_s)}/{now_s * 1000:.0f}-{one.name}.json"
        Folder(storage_root).create(file, content)
    except Exception as error:  # boundary: who reaps goes on without
        return f"not all removed clusters will be in X-Ray's metrics: {reason_of(error)}"
    return ""


class ReapedThisWeek:
    """How many clusters were removed this week, as it was seen last.

    Args:
        storage_root: URI of the namespace's folder in object storage.

    Attributes:
        count: How many; None before anybody has looked.
    """

    def __init__(self, storage_root: str) -> None:
        self.count: int | None = None
        self._folder = Folder(storage_root)

    def look(self, *, now_s: float) -> None:
        """See how many there are.

        Raises:
            StorageError: the storage does not answer.
        """
        self.count = len(self._folder.names(_week(now_s)))


def _week(now_s: float) -> str:
    return f"{REAPED_FOLDER}/{monday(now_s)}"
