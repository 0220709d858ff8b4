"""Whose children the drivers and workers of a real local Ray are."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.interface import ClusterRequest, Entrypoint
from ml_platform.clusters.jobs.job import followed_job
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.xray.records import Recorder

pytestmark = pytest.mark.integration

SPEC = ClusterSpec()
FORK_SERVER = "ml_platform.clusters.local.fork_server"


@contextmanager
def provisioner(home: Path, *, fork_server: bool) -> Iterator[LocalProvisioner]:
    made = LocalProvisioner(home, fork_server=fork_server)
    yield made
    made.stop(SPEC.spec_hash())


def origins(made: LocalProvisioner) -> dict[str, Any]:
    """What `tests.support.ray_jobs.parents` found."""
    lines: list[str] = []
    request = ClusterRequest(name=SPEC.spec_hash(), spec=SPEC, holder="test")
    entrypoint = Entrypoint(module="tests.support.ray_jobs.parents")
    job = JobRequest(submission_id="parents-1", entrypoint=entrypoint)
    recorder = Recorder()
    with (
        made.acquire(request, recorder) as cluster,
        followed_job(cluster, job, recorder) as followed,
    ):
        outcome = followed.follow(on_log=lines.append)
    assert outcome.status == "succeeded", lines
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_with_a_fork_server_drivers_and_rays_workers_are_its_forks(tmp_path: Path) -> None:
    with provisioner(tmp_path, fork_server=True) as made:
        found = origins(made)
    for process in ("driver", "worker"):
        assert FORK_SERVER in found[process]["parent"]
        assert found[process]["torch"]


def test_without_one_rays_workers_are_rays_own_and_begin_without_torch(tmp_path: Path) -> None:
    with provisioner(tmp_path, fork_server=False) as made:
        found = origins(made)
    assert "raylet" in found["worker"]["parent"]
    assert FORK_SERVER not in found["driver"]["parent"]
    assert not found["driver"]["torch"]
    assert not found["worker"]["torch"]
