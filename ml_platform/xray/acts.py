"""What people did to clusters from X-Ray's pages, and who: two small objects for each, by week.

    <storage root>/xray/acts/2026-11-23/1795874523120-3f2a9c0d.json       what is begun, and by whom
    <storage root>/xray/acts/2026-11-23/1795874523120-3f2a9c0d.end.json   what became of it

The first is there before anything is done: what cannot be noted is not done. Whoever serves the
pages, and on however many machines, reads the same.
"""

import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Literal

from ml_platform.errors import StorageError
from ml_platform.storage import Folder
from ml_platform.xray.reaped import monday

ACTS_FOLDER: Final = "xray/acts"
MOST: Final = 50
"""Acts that are remembered, the newest."""
WEEK_S: Final = 7 * 86_400.0
_END: Final = ".end.json"

Verb = Literal["stop", "extend", "reap"]
Outcome = Literal["begun", "done", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Something that a person did.

    Attributes:
        id: Names it; later ones sort after earlier ones.
        who: The person, as they logged in.
        verb: What they did.
        target: The cluster; empty for all that nobody needs.
        how: More of it, such as for how long.
        begun_at_s: In seconds since 1970.
        outcome: `begun` while nobody knows how it ends.
        ended_at_s: When it was done, or had failed.
        message: What came of it.
    """

    id: str
    who: str
    verb: Verb
    target: str = ""
    how: str = ""
    begun_at_s: float
    outcome: Outcome = "begun"
    ended_at_s: float | None = None
    message: str = ""


_FIELDS: Final = tuple(one.name for one in fields(Act))
"""A newer program may note more of them."""


class ActLog:
    """The acts of an installation, as they were seen last.

    Args:
        storage_root: URI of the namespace's folder in object storage.
    """

    def __init__(self, storage_root: str) -> None:
        self._folder = Folder(storage_root)
        self._lock = threading.Lock()
        self._known: dict[str, Act] = {}

    def newest(self) -> tuple[Act, ...]:
        """Those that are known, the newest first; nothing is read."""
        with self._lock:
            return tuple(sorted(self._known.values(), key=lambda one: one.id, reverse=True))

    def begin(self, act: Act) -> None:
        """Note that it is begun, before it is.

        Raises:
            StorageError: it cannot be noted.
        """
        self._write(act, ".json")
        self._keep(act)

    def end(self, act: Act, outcome: Outcome, message: str, *, at_s: float) -> None:
        """Note what became of it.

        Raises:
            StorageError: it cannot be noted; who looks here knows it all the same.
        """
        ended = replace(act, outcome=outcome, message=message, ended_at_s=at_s)
        self._keep(ended)
        self._write(ended, _END)

    def look(self, *, now_s: float) -> None:
        """See what others have done, this week and the last; what has ended is read once.

        Raises:
            StorageError: the storage does not answer.
        """
        weeks = (_week(now_s - WEEK_S), _week(now_s))
        found = [
            (week, name)
            for week in weeks
            for name in self._folder.names(week)
            if name.endswith(".json") and not name.startswith(".")
        ]
        # An end sorts before its begin, so that what has ended is read once.
        for week, name in found[-2 * MOST :]:
            known = self._known.get(name.partition(".")[0])
            is_news = known is None or (known.outcome == "begun" and name.endswith(_END))
            if is_news and (act := self._read(f"{week}/{name}")) is not None:
                self._keep(act)

    def _read(self, name: str) -> Act | None:
        """An act; None for what is none, or is gone: it hides no other."""
        try:
            said = json.loads(self._folder.read(name))
            return Act(**{one: said[one] for one in _FIELDS if one in said})
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _write(self, act: Act, ending: str) -> None:
        content = json.dumps(asdict(act), indent=1).encode()
        try:
            self._folder.create(f"{_week(act.begun_at_s)}/{act.id}{ending}", content)
        except OSError as error:  # of a folder; a bucket's are the platform's already
            raise StorageError(
                f"what {act.who} does cannot be noted: {error.strerror or error}",
                hint=f"see whether {self._folder.uri} can be written; without a note nothing is "
                "done from the pages.",
            ) from error

    def _keep(self, act: Act) -> None:
        with self._lock:
            self._known[act.id] = act
            for old in sorted(self._known)[:-MOST]:
                del self._known[old]


def _week(at_s: float) -> str:
    return f"{ACTS_FOLDER}/{monday(at_s)}"
