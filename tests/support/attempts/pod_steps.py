"""A step that trains on Kubernetes, in a process of its own that can be killed."""

import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

import fsspec

from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.training.attempts import Listeners
from ml_platform.training.launch import train
from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest
from tests.support.attempts.world import PROCESSES


def send_step(
    wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str]
) -> BaseProcess:
    """Start a step whose storage is where `environ` says."""
    process = PROCESSES.Process(target=_train, args=(wanted, config, dict(environ)), daemon=True)
    process.start()
    return process


def _train(wanted: TrainingRequest, config: KubeRayConfig, environ: Mapping[str, str]) -> None:
    os.environ.update(environ)
    fsspec.config.set_conf_env(fsspec.config.conf)  # read at import, which was before the fork
    train(
        wanted,
        lambda spec: EphemeralProvisioner(config),
        owner=Owner(run="first", root="first"),
        listeners=Listeners(on_log=lambda line: None),
        code=Path(wanted.code),
    )
