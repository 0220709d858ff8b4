"""What a training's caller is told when its job ends without a result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml_platform.clusters.interface import Clusters, Entrypoint, Job, JobKey, Phase
from ml_platform.clusters.jobs.api import HeadAddress, JobsApi
from ml_platform.clusters.jobs.job import submit_or_adopt
from ml_platform.clusters.jobs.retry import Patience
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import TrainingError, TrainingTimeoutError, WorkerDiedError
from ml_platform.storage import Folder
from ml_platform.training.launch import train
from ml_platform.training.request import RESULT_FILE, TrainingRequest
from ml_platform.training.result import Failure, TrainingResult
from tests.support.lineages import lineage
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer


class OneHead(Clusters):
    """A head that is always there; its jobs write one line a minute."""

    def __init__(self, server: RayJobsServer) -> None:
        self.time = FakeTime()
        self._head = HeadAddress(url=server.url, token=TOKEN)

    @contextmanager
    def run(
        self,
        job_key: JobKey,
        spec: ClusterSpec,
        entrypoint: Entrypoint,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
    ) -> Iterator[Job]:
        patience = Patience(clock=self.time.clock, sleep=self.time.sleep)
        with JobsApi(self._head) as api:
            yield submit_or_adopt(api, self._head, job_key, entrypoint, patience=patience)

    def shutdown(self) -> None:
        pass

    def hear(self, line: str) -> None:
        """A minute is over."""
        self.time.sleep(60)


@pytest.fixture
def server() -> Iterator[RayJobsServer]:
    with RayJobsServer() as server:
        yield server


@pytest.fixture
def wanted(tmp_path: Path) -> TrainingRequest:
    """A training that may take two minutes."""
    request = lineage().request
    training = request.training.model_copy(update={"max_runtime_s": 120})
    return request.model_copy(update={"storage_root": tmp_path.as_uri(), "training": training})


def failure_of(wanted: TrainingRequest, clusters: OneHead) -> TrainingError:
    with pytest.raises(TrainingError) as raised:
        train(wanted, clusters, on_log=clusters.hear)
    return raised.value


def test_a_training_beyond_its_limit_is_stopped_and_names_the_limit(
    server: RayJobsServer, wanted: TrainingRequest
) -> None:
    server.next_jobs(log="epoch\n" * 9, hangs=True, ends_as="RUNNING")

    error = failure_of(wanted, OneHead(server))

    assert isinstance(error, TrainingTimeoutError)
    assert "flight_delay for 2013-03-14 was still running after 120 s" in error.message
    assert "`training.max_runtime_s`" in error.hint
    assert [job.statuses for job in server.jobs.values()] == [["STOPPED"]]


def test_what_a_stopped_training_says_of_its_end_is_not_the_cause(
    server: RayJobsServer, wanted: TrainingRequest
) -> None:
    server.next_jobs(log="epoch\n" * 9, hangs=True, ends_as="RUNNING")
    clusters = OneHead(server)
    died = Failure(cause="worker_died", message="a training worker died", hint="")
    result = TrainingResult(status="failed", inputs_hash=wanted.inputs_hash(), failure=died)

    def hear_and_die(line: str) -> None:
        clusters.hear(line)
        Folder(wanted.folder_uri).write(RESULT_FILE, result.model_dump_json().encode())

    with pytest.raises(TrainingTimeoutError):
        train(wanted, clusters, on_log=hear_and_die)


def test_a_training_that_was_stopped_at_its_limit_can_be_tried_again(
    server: RayJobsServer, wanted: TrainingRequest
) -> None:
    server.next_jobs(log="epoch\n" * 9, hangs=True, ends_as="RUNNING")
    clusters = OneHead(server)

    failure_of(wanted, clusters)
    failure_of(wanted, clusters)

    slug = wanted.job_key().slug()
    assert list(server.jobs) == [f"{slug}-1", f"{slug}-2"]


def test_a_driver_that_died_on_this_machine_is_not_told_to_ask_for_memory(
    server: RayJobsServer, wanted: TrainingRequest
) -> None:
    server.next_jobs(ends_as="FAILED", log="epoch\n")

    error = failure_of(wanted, OneHead(server))

    assert isinstance(error, WorkerDiedError)
    assert "smaller batches or fewer workers" in error.hint
