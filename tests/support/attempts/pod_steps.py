"""A step that trains on Kubernetes, in a process of its own that can be killed."""

import faulthandler
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import fsspec

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.training.launch import train
from ml_platform.training.listeners import Listeners
from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest
from tests.support.attempts.world import PROCESSES

SHOWS_STACKS: Final = signal.SIGUSR1
"""A step that hangs says where when it is sent this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a step has told: a line of its job's log, or an event.

    Attributes:
        at_s: When, in seconds since 1970.
        line: The line; empty for an event.
        event: The event's name and state.
        detail: The event's.
    """

    at_s: float
    line: str = ""
    event: str = ""
    detail: str = ""


def told_in(notes: Path) -> list[Told]:
    """What was told so far, oldest first; notes are JSON, a line each."""
    if not notes.exists():
        return []
    whole = notes.read_text().rpartition("\n")[0]
    return [Told(**json.loads(one)) for one in whole.splitlines()]


def send_step(
    wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str], notes: Path
) -> BaseProcess:
    """Start a step whose storage is where `environ` says, and that notes what it tells."""
    arguments = (wanted, config, dict(environ), notes)
    process = PROCESSES.Process(target=_train, args=arguments, daemon=True)
    process.start()
    return process


def _train(
    wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str], notes: Path
) -> None:
    def note(**told: str) -> None:
        with notes.open("a") as file:
            file.write(json.dumps({"at_s": time.time(), **told}) + "\n")

    faulthandler.register(SHOWS_STACKS)
    os.environ.update(environ)
    fsspec.config.set_conf_env(fsspec.config.conf)  # read at import, which was before the fork
    train(
        wanted,
        lambda spec: EphemeralProvisioner(config),
        owner=Owner(run="first", root="first"),
        listeners=Listeners(
            on_log=lambda line: note(line=line),
            on_event=lambda one: note(event=f"{one.name} {one.state}", detail=one.detail),
        ),
        code=Path(wanted.code),
    )
