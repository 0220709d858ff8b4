"""A step that trains on Kubernetes, in a process of its own that can be killed."""

import faulthandler
import os
import signal
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import fsspec

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.training.attempts import Listeners
from ml_platform.training.launch import train
from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest
from tests.support.attempts.world import PROCESSES

SHOWS_STACKS: Final = signal.SIGUSR1
"""A step that hangs says where when it is sent this."""


def send_step(
    wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str]
) -> BaseProcess:
    """Start a step whose storage is where `environ` says."""
    process = PROCESSES.Process(target=_train, args=(wanted, config, dict(environ)), daemon=True)
    process.start()
    return process


def _train(wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str]) -> None:
    faulthandler.register(SHOWS_STACKS)
    os.environ.update(environ)
    fsspec.config.set_conf_env(fsspec.config.conf)  # read at import, which was before the fork
    train(
        wanted,
        lambda spec: EphemeralProvisioner(config),
        owner=Owner(run="first", root="first"),
        listeners=Listeners(on_log=lambda line: None),
        code=Path(wanted.code),
    )
