"""Shows in storage that an attempt's follower lives, for those who cannot see its cluster."""

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ml_platform.training.record import Attempt

EVERY_S: Final = 20.0


@contextmanager
def heartbeat(attempt: Attempt, nonce: str, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Change the attempt's heartbeat every `every_s` seconds while the block runs.

    What counts for those who watch is that it changes, so that no two clocks are compared.
    """
    done = threading.Event()

    def beat() -> None:
        for number in itertools.count():
            try:
                attempt.beat(f"{nonce} {number}\n".encode())
            except Exception as error:  # boundary: the next beat may reach the storage again
                sys.stderr.write(f"no heartbeat of attempt {attempt.number}: {error!r}\n")
            if done.wait(every_s):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
