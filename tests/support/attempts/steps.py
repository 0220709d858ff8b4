"""A step that trains on a real Ray, in a process of its own that is killed at a chosen moment."""

import fnmatch
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.training.request import TrainingRequest
from tests.support.attempts.world import PROCESSES
from tests.support.trainings import trained_by


def send_step(wanted: TrainingRequest, home: Path, *, dies_before: str = "") -> BaseProcess:
    """Start a step that is killed before it writes a file whose path is like `dies_before`."""
    process = PROCESSES.Process(target=_train, args=(wanted, home, dies_before), daemon=True)
    process.start()
    return process


def _train(wanted: TrainingRequest, home: Path, dies_before: str) -> None:
    def before_act(event: str, args: tuple[Any, ...]) -> None:
        # What is written once gets its name by a link.
        if event == "os.link" and fnmatch.fnmatch(os.fsdecode(args[1]), dies_before):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before_act)
    trained_by(wanted, LocalProvisioner(home, fork_server=True), root="first")
