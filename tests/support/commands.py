"""Runs `mlp` in a process of its own, as a person would."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MLP = Path(sys.executable).parent / "mlp"
TIMEOUT_S = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


def environment(home: Path) -> dict[str, str]:
    """The environment of a command whose state is in `home`."""
    # A terminal's width would break sentences that tests look for.
    wanted = {"MLP_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "COLUMNS": "200"}
    return {**os.environ, **wanted}


def mlp(home: Path, *arguments: str, **variables: str) -> Said:
    """Run `mlp <arguments>` to its end, with `variables` added to its environment."""
    done = subprocess.run(
        [MLP, *arguments],
        env=environment(home) | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


def start_mlp(home: Path, arguments: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start `mlp <arguments>` as the leader of a process group, its output in `log`."""
    with log.open("wb") as out:
        return subprocess.Popen(
            [MLP, *arguments],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Tests that run in the background of a shell inherit that interrupts are ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
