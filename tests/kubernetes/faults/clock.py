"""A container whose clock is wrong, by libfaketime; other clocks, the kernel's too, stay right.

What measures durations (CLOCK_MONOTONIC) is left alone: a clock that is set does not touch it. But
libfaketime 0.9.10 then mistakes a sleep until a moment of that clock: Python's `time.sleep` fails
with EINVAL in such a container, clock set or not. Waiting for an event, a socket or asyncio works.
"""

import contextlib
import shlex
from collections.abc import Iterator
from typing import Final

from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.programs import FAKE_TIME

_FILE: Final = "/tmp/clock"
# The environment of a container whose clock can be set: until then it is right. Only programs that
# are linked to the C library see it, which a Go program is not.
ENVIRONMENT: Final = {
    "LD_PRELOAD": FAKE_TIME,
    "FAKETIME_TIMESTAMP_FILE": _FILE,
    "FAKETIME_NO_CACHE": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    # Otherwise processes share the time they started at through a semaphore in /dev/shm.
    "FAKETIME_DISABLE_SHM": "1",
}


@contextlib.contextmanager
def set_by(
    cluster: Cluster, namespace: str, pod: str, container: str | None = None, *, seconds: int
) -> Iterator[None]:
    """The clock of a running container is set, for processes that run already as for new ones.

    Args:
        cluster: Where.
        namespace: The pod's.
        pod: Its name; its container has `ENVIRONMENT`.
        container: Which of its containers; may be left out if it has but one.
        seconds: Back if negative.
    """
    where = [pod, f"--namespace={namespace}", *([f"--container={container}"] if container else [])]

    def write(offset: int) -> None:
        line = shlex.quote(f"{offset:+d}")
        cluster.kubectl("exec", *where, "--", "sh", "-c", f"echo {line} > {_FILE}")

    try:
        write(seconds)
        yield
    finally:
        write(0)
