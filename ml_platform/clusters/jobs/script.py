"""A script of a person's own as a Ray job: its folder is sent, then it is submitted."""

import re
import secrets
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ml_platform.clusters.interface import Cluster
from ml_platform.clusters.jobs.api import JobsApi
from ml_platform.clusters.jobs.job import followed_job
from ml_platform.clusters.jobs.package import Package
from ml_platform.clusters.jobs.program import JobRequest, Script
from ml_platform.clusters.jobs.retry import retry_of
from ml_platform.errors import InputError
from ml_platform.xray.records import Recorder


def job_id(script: Path) -> str:
    """An id for one more run of a script: `train-3f2a9c0d`."""
    stem = re.sub(r"[^a-z0-9]+", "-", script.stem.lower()).strip("-") or "script"
    return f"{stem[:40]}-{secrets.token_hex(4)}"


def script_in(folder: Path, script: Path, arguments: tuple[str, ...]) -> Script:
    """The script as the cluster finds it in the folder that travels.

    Raises:
        InputError: there is none, or it is not in the folder.
    """
    if not script.is_file():
        raise InputError(f"there is no script {script}", hint="name a file of Python.")
    if folder.resolve() not in script.resolve().parents:
        raise InputError(
            f"{script} is not in {folder}, which is what travels",
            hint="name a folder that it is in by --folder.",
        )
    inside = script.resolve().relative_to(folder.resolve())
    return Script(file=PurePosixPath(inside), arguments=arguments)


def submit_script(
    cluster: Cluster, submission_id: str, script: Script, package: Package, *, owner: str
) -> None:
    """Send the folder unless the head has it, and submit the script.

    Raises:
        ClusterLostError: the head has ended, or stays silent.
        ClusterError: the head refuses.
    """
    retry = retry_of(cluster)
    with JobsApi(cluster.head) as api:
        if not retry.ask(lambda: api.has_package(package.name)):
            retry.ask(
                lambda: api.upload_package(package.name, package.content, unless=cluster.is_gone)
            )
    job = JobRequest(
        submission_id=submission_id,
        entrypoint=replace(script, working_dir=package.uri),
        metadata={"script": str(script.file), "owner": owner},
    )
    with followed_job(cluster, job, Recorder()):
        pass
