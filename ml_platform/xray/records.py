"""What the stages record of their work: what began, what ended, when, and how.

One recorder for each piece of work; Dagster's log, the attempt's folder and X-Ray are its readers.
Recording is best effort: a reader that fails is told of once and left out, the work goes on.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

SCHEDULING: Final = "scheduling"
"""Pods wait for nodes."""
PULLING: Final = "pulling"
"""Nodes pull images."""
STARTING: Final = "starting"
"""Ray runs in pods that are not ready yet."""
REMOVING: Final = "removing"
"""A cluster is torn down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that began, ended or happened.

    Attributes:
        name: What: a phase such as `cluster`, `pulling`, `submit`, `running`, or `attempt`.
        state: `failed` is an end by an exception; `happened` has no length.
        at_s: When, in seconds since 1970.
        seconds: How long it took, where it has ended.
        detail: How, for a person.
    """

    name: str
    state: Literal["began", "ended", "failed", "happened"]
    at_s: float
    seconds: float | None = None
    detail: str = ""


@dataclass(slots=True)
class Phase:
    """A stretch of work while it runs; `detail` goes into the event of its end."""

    name: str
    detail: str = ""


Reader = Callable[[Event], None]


class Recorder:
    """Hands each event to all readers.

    Args:
        readers: Called with each event, in order.
        now: Seconds since 1970.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *readers: Reader,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = list(readers)
        self._now = now
        self._clock = clock

    def with_readers(self, *readers: Reader) -> "Recorder":
        """The same readers, and more."""
        return Recorder(*self._readers, *readers, now=self._now, clock=self._clock)

    @contextmanager
    def phase(self, name: str, detail: str = "") -> Iterator[Phase]:
        """Record the begin of a stretch of work, and its end, by an exception too."""
        phase = Phase(name, detail)
        began = self._clock()
        self._tell(Event(name=name, state="began", at_s=self._now(), detail=detail))
        state: Literal["ended", "failed"] = "failed"
        try:
            yield phase
            state = "ended"
        except BaseException as error:
            phase.detail = phase.detail or _first_line(error)
            raise
        finally:
            seconds = self._clock() - began
            self._tell(
                Event(
                    name=name, state=state, at_s=self._now(), seconds=seconds, detail=phase.detail
                )
            )

    def took(self, name: str, *, began_at_s: float, ended_at_s: float, detail: str = "") -> None:
        """Record a stretch of which somebody else has told when it began and ended.

        Args:
            name: What.
            began_at_s: In seconds since 1970.
            ended_at_s: Likewise; nobody has to have seen both.
            detail: How, for a person.
        """
        seconds = max(0.0, ended_at_s - began_at_s)
        self._tell(Event(name=name, state="ended", at_s=ended_at_s, seconds=seconds, detail=detail))

    def happened(self, name: str, detail: str = "") -> None:
        """Record what has no length."""
        self._tell(Event(name=name, state="happened", at_s=self._now(), detail=detail))

    def _tell(self, event: Event) -> None:
        for reader in tuple(self._readers):
            try:
                reader(event)
            except Exception as error:  # boundary: observing never fails the work
                # Of two threads one removes it; and nobody may be there to be told.
                with contextlib.suppress(ValueError, OSError):
                    self._readers.remove(reader)
                    sys.stderr.write(f"events are no longer recorded: {error!r}\n")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
