"""Fixtures of tests that work on attempts: a head, a step, and an attempt of another."""

from pathlib import Path

import pytest

from ml_platform.training.record import Attempt
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.head_fixtures import server as server
from tests.unit.clusters.jobs.head_fixtures import time as time
from tests.unit.clusters.jobs.ray_jobs_server import RayJobsServer
from tests.unit.training.one_head import OneHead, Step, claimed, wanted_in


@pytest.fixture
def head(server: RayJobsServer) -> OneHead:
    return OneHead(server)


@pytest.fixture
def step(head: OneHead, time: FakeTime, tmp_path: Path) -> Step:
    return Step(wanted=wanted_in(tmp_path), provisioner=head, time=time)


@pytest.fixture
def first(step: Step) -> Attempt:
    """The attempt that another step has claimed, and of which nothing was made yet."""
    return claimed(step)
