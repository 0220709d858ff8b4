"""Servers that tests start: with a log of their own, and ended with all that they started."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ml_platform.processes import identity_of, stop_all


@contextmanager
def served(
    command: Sequence[str],
    *,
    url: str,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    end_within_s: float,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server, which need not be ready yet, and end all of its processes afterwards.

    Args:
        command: What starts it.
        url: Its address; whatever has it in its environment is its process too.
        log: File for what it prints.
        cwd: Where it runs.
        env: Its environment.
        end_within_s: How long it may take to end.
    """
    # A shell starts what is in the background with SIGINT ignored, which is inherited, and Dagster
    # then ignores SIGTERM too. A handler of ours is not inherited: the child gets the default.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    finally:
        signal.signal(signal.SIGINT, before)
    leader = identity_of(process.pid)
    try:
        yield process
    finally:
        # Also what is left of it when the first process has died.
        left = stop_all(url, leader, grace_s=end_within_s)
        process.wait(timeout=end_within_s)
        assert left == [], f"processes of {command[0]} that cannot be ended: {left}"
