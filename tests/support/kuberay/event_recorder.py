"""Events as client-go's recorder of `events.k8s.io` writes them, folding included.

Events of the same reason about the same version of an object are one Event: the first note stays,
the second occurrence writes `series.count` 2, later ones are only counted in memory until none has
come for six minutes.
"""

import copy
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from tests.support.kuberay.api import EVENT, Api, ApiError, Object
from tests.support.kuberay.clock import micro_stamp

FINISHED_AFTER_S: Final = 360.0
NORMAL: Final = "Normal"
WARNING: Final = "Warning"

log = logging.getLogger("kuberay.events")


class EventRecorder:
    """Events of one controller, written by a thread of its own so that no pass waits for them."""

    def __init__(
        self, api: Api, controller: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._controller = controller
        self._clock = clock
        self._instance = f"{controller}-{socket.gethostname()}"
        self._pending: queue.Queue[Object] = queue.Queue()
        self._folded: dict[tuple[str, ...], tuple[float, Object]] = {}

    def start(self) -> None:
        """Write until the process ends."""
        threading.Thread(target=self._write_for_ever, name="events", daemon=True).start()

    def emit(self, about: Object, kind: str, reason: str, action: str, note: str) -> None:
        """Tell something about an object as it is known to the caller."""
        now = time.time()
        log.info("%s %s %s", reason, about["metadata"]["name"], note)
        self._pending.put(
            {
                "apiVersion": EVENT.api_version,
                "kind": "Event",
                "metadata": {
                    "namespace": about["metadata"]["namespace"],
                    "name": f"{about['metadata']['name']}.{time.time_ns():x}",
                },
                "eventTime": micro_stamp(now),
                "reportingController": self._controller,
                "reportingInstance": self._instance,
                "type": kind,
                "reason": reason,
                "action": action,
                "note": note,
                "regarding": {
                    "apiVersion": about["apiVersion"],
                    "kind": about["kind"],
                    "namespace": about["metadata"]["namespace"],
                    "name": about["metadata"]["name"],
                    "uid": about["metadata"]["uid"],
                    "resourceVersion": about["metadata"]["resourceVersion"],
                },
            }
        )

    def attempt(
        self,
        about: Object,
        action: str,
        what: str,
        act: Callable[[], Object | None],
        *,
        done: Callable[[Object], str],
        failed: str,
    ) -> Object:
        """Do something and tell of it: `<action>d<what>`, or `FailedTo<action><what>`.

        Args:
            about: The object that the Event is about.
            action: `Create`, `Update` or `Delete`.
            what: On what, as the reason calls it.
            act: Does it.
            done: The note, given what `act` returned.
            failed: The note up to the API server's own words.

        Raises:
            ApiError: `act` has raised it.
        """
        try:
            result = act() or {}
        except ApiError as error:
            note = f"{failed}{error.message}"
            self.emit(about, WARNING, f"FailedTo{action}{what}", action, note)
            raise
        self.emit(about, NORMAL, f"{action}d{what}", action, done(result))
        return result

    def fold(self, event: Object, now: float) -> tuple[str, Object] | None:
        """What is to be written for an event: `create` or `patch` it, or nothing."""
        regarding = event["regarding"]
        key = (
            event["type"],
            event["reason"],
            event["action"],
            regarding["uid"],
            regarding["resourceVersion"],
        )
        known = self._folded.get(key)
        if known is None:
            self._folded[key] = (now, event)
            return "create", event
        first = known[1]
        self._folded[key] = (now, first)
        if "series" in first:
            first["series"]["count"] += 1
            first["series"]["lastObservedTime"] = event["eventTime"]
            return None
        first["series"] = {"count": 2, "lastObservedTime": event["eventTime"]}
        return "patch", first

    def finish(self, now: float) -> list[Object]:
        """Forget what has not come again for long; series among it, which are to be written."""
        ended = [key for key, (seen, _) in self._folded.items() if now - seen > FINISHED_AFTER_S]
        events = [self._folded.pop(key)[1] for key in ended]
        return [event for event in events if "series" in event]

    def write_next(self, wait_s: float) -> None:
        """Write the next event, if there is one in time, and the series that have ended."""
        try:
            event = self._pending.get(timeout=wait_s)
        except queue.Empty:
            event = None
        now = self._clock()
        for series in self.finish(now):
            self._write("patch", series)
        if event and (write := self.fold(event, now)):
            self._write(*write)

    def _write_for_ever(self) -> None:
        while True:
            self.write_next(FINISHED_AFTER_S)

    def _write(self, how: str, event: Object) -> None:
        meta = event["metadata"]
        try:
            if how == "create":
                self._api.create(EVENT, copy.deepcopy(event))
            else:
                series = {"series": dict(event["series"])}
                self._api.patch(EVENT, meta["namespace"], meta["name"], series)
        except ApiError as error:
            # As client-go: a note of more than 1024 bytes leaves no Event at all.
            log.warning("event %s was refused: %s", meta["name"], error)
        except Exception as error:
            # The boundary of this thread: events are best effort.
            log.warning("event %s was lost: %s", meta["name"], error)
