"""Storage that does not answer: said within a minute, waited for with a limit, then a named error.

For object storage alone: a folder on disk answers or fails at once.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from ml_platform.errors import StorageError

Answer = TypeVar("Answer")

TELL_AFTER_S: Final = 30.0
LIMIT_S: Final = 900.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
CLIENTS: Final = ("aiohttp", "requests", "urllib3", "gcsfs", "google")
"""Libraries between fsspec and the network, whose errors are no `OSError` of their own kind."""
NOT_AN_ANSWER: Final = frozenset({408, 429, 500, 502, 503, 504})


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageRetry:
    """Asks again, ever more slowly, until the storage answers or `limit_s` seconds are over.

    Attributes:
        tell: Called with who does not answer, while that lasts.
        tell_after_s: After how many seconds of silence, and how often.
    """

    limit_s: float = LIMIT_S
    tell_after_s: float = TELL_AFTER_S
    tell: Callable[[str], object] = _tell
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        """The answer to `question`, about `what`: a verb and a URI.

        Raises:
            StorageError: there was none within `limit_s`, or Google takes no credentials here.
            Exception: what the storage answers: that a file is not there, or that it refuses.
        """
        began = self.clock()
        pause = FIRST_PAUSE_S
        with self._telling(what):
            while True:
                try:
                    return question()
                except Exception as error:
                    if _is_of_credentials(error):
                        raise StorageError(
                            f"there are no valid Google credentials ({what}): {error}",
                            hint="log in again, or renew the credentials of the account that "
                            "this process runs as (GOOGLE_APPLICATION_CREDENTIALS, or the "
                            "service account of its pod).",
                        ) from error
                    if not is_silence(error):
                        raise
                    silent_s = self.clock() - began
                    if silent_s >= self.limit_s:
                        raise StorageError(
                            f"the storage has not answered for {silent_s:.0f} s ({what}): {error}",
                            hint="see whether it can be reached, and MLP_STORAGE_URI; materialize "
                            "again: what is there is kept.",
                        ) from error
                self.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Say who does not answer, from another thread: this one may hang in the question."""
        done = threading.Event()
        began = time.monotonic()

        def watch() -> None:
            while not done.wait(self.tell_after_s):
                silent_s = time.monotonic() - began
                self.tell(f"the storage has not answered for {silent_s:.0f} s: {what}")

        thread = threading.Thread(target=watch, name="storage", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()


def is_silence(error: BaseException) -> bool:
    """Whether an error says that nobody answered, or that asking again may help."""
    if isinstance(error, ConnectionError | TimeoutError | asyncio.TimeoutError):
        return True
    if type(error).__module__.split(".")[0] not in CLIENTS:
        return False
    if _is_of_google_auth(error):
        return _is_transport(error)
    code = getattr(error, "code", None) or getattr(error, "status", None)
    if code is None:
        # What gcsfs raises was answered by the server, with a code or without.
        return not type(error).__module__.startswith("gcsfs")
    return str(code).isdigit() and int(code) in NOT_AN_ANSWER


def _is_of_credentials(error: BaseException) -> bool:
    """Whether Google's login failed for a reason that waiting does not mend."""
    return _is_of_google_auth(error) and not _is_transport(error)


def _is_of_google_auth(error: BaseException) -> bool:
    return type(error).__module__.startswith("google.auth")


def _is_transport(error: BaseException) -> bool:
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
