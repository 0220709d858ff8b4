"""A training as a Ray job, from the request to the model's files, and what it does in trouble."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.errors import NonFiniteLossError, PlatformError, UserCodeError, WorkerDiedError
from ml_platform.evaluation.scoring import score_batches
from ml_platform.storage import Folder
from ml_platform.training.api import FeatureEncoding
from ml_platform.training.launch import Trained
from ml_platform.training.predictor import load_predictor
from ml_platform.training.reader import read_batches
from ml_platform.training.record import TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.training.telemetry.log_archive import archived
from ml_platform.training_set.store import SnapshotStore
from ml_platform.uris import local_path
from ml_platform.xray.samples import StepTimes, from_lines
from tests.support.trainings import request, trained_by

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProvisioner]:
    clusters = LocalProvisioner(
        tmp_path_factory.mktemp("ray"), idle_timeout_s=120, fork_server=True
    )
    yield clusters
    clusters.shutdown()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def log() -> list[str]:
    return []


@pytest.fixture(scope="module")
def wanted(storage: Path) -> TrainingRequest:
    return request(storage)


@pytest.fixture(scope="module")
def trained(wanted: TrainingRequest, clusters: LocalProvisioner, log: list[str]) -> Trained:
    """A training that went well."""
    return trained_by(wanted, clusters, on_log=log.append)


def failure_of(wanted: TrainingRequest, clusters: LocalProvisioner) -> PlatformError:
    with pytest.raises(PlatformError) as raised:
        trained_by(wanted, clusters)
    return raised.value


def weights_of(done: Trained) -> bytes:
    return Folder(done.result.model_uri).read("model.safetensors")


def test_a_training_leaves_its_result_as_a_file(trained: Trained) -> None:
    assert trained.result.status == "succeeded"
    assert trained.result.rows == 1200
    assert [record.epoch for record in trained.result.history] == [0, 1, 2, 3]


def test_a_training_says_how_long_each_phase_took(trained: Trained) -> None:
    names = [phase.name for phase in trained.phases]
    assert names[:3] == ["cluster", "submit", "pending"]
    assert names[-1] == "loop"


def test_what_the_job_writes_reaches_its_caller(trained: Trained, log: list[str]) -> None:
    assert trained.submission_id
    assert any("TrainController" in line or "RayTrainWorker" in line for line in log)


def test_its_log_outlives_its_ray(
    trained: Trained, wanted: TrainingRequest, log: list[str]
) -> None:
    attempt = TrainingRecord(wanted.folder_uri).attempt(trained.result.attempt)
    kept = archived(attempt.folder).decode().splitlines()
    assert [line for line in kept if "RayTrainWorker" in line]
    assert set(kept) <= set(log) | set(kept[-3:])


def test_where_its_workers_time_went_is_kept(trained: Trained, wanted: TrainingRequest) -> None:
    attempt = TrainingRecord(wanted.folder_uri).attempt(trained.result.attempt)
    kept = attempt.folder / "samples" / "worker-0"
    times = [
        one for name in kept.names() for one in from_lines(kept.read(name).decode().split("\n"))
    ]
    assert sum(one.batches for one in times if isinstance(one, StepTimes)) > 0
    assert sum(one.step_s for one in times if isinstance(one, StepTimes)) > 0


def test_equal_inputs_are_not_trained_twice(
    trained: Trained, wanted: TrainingRequest, clusters: LocalProvisioner
) -> None:
    again = trained_by(wanted, clusters)
    assert again.reused
    assert again.result == trained.result


def test_a_model_is_scored_by_the_code_that_it_was_trained_with(
    trained: Trained, wanted: TrainingRequest
) -> None:
    directory = local_path(trained.result.model_uri)
    assert directory is not None
    store = SnapshotStore(wanted.storage_root, "troubled")
    encoding = FeatureEncoding.model_validate_json((directory / "encoding.json").read_text())
    batches = read_batches(store.file_refs(store.load("2013-01-04")), encoding)

    scored = score_batches(load_predictor(directory), batches)

    positives = scored.probabilities[scored.labels == 1].mean()
    assert positives > scored.probabilities[scored.labels == 0].mean() + 0.05


def test_one_worker_trains_the_same_bits_each_time(
    trained: Trained, storage: Path, clusters: LocalProvisioner
) -> None:
    again = trained_by(request(storage, retrain="again"), clusters)
    assert not again.reused
    assert weights_of(again) == weights_of(trained)


def test_two_trainings_run_at_the_same_time_on_one_ray(
    storage: Path, tmp_path: Path, clusters: LocalProvisioner
) -> None:
    """Each goes on only when it has met the other in the middle of its second epoch."""
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    meetings = [
        request(storage, workers=2, trouble="meet", trouble_epoch=1, marker=own, other=other)
        for own, other in ((first, second), (second, first))
    ]

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda one: trained_by(one, clusters), meetings))

    assert [one.result.status for one in done] == ["succeeded", "succeeded"]
    assert meetings[0].cluster == meetings[1].cluster


def test_a_train_py_that_raises_is_shown_with_its_line(
    storage: Path, clusters: LocalProvisioner
) -> None:
    wanted = request(storage, trouble="raise", trouble_epoch=1)

    error = failure_of(wanted, clusters)

    assert isinstance(error, UserCodeError)
    assert "train.py raised KeyError: 'no_such_column'" in error.message
    assert "raise KeyError(column)" in error.traceback
    assert not Folder(wanted.folder_uri).exists("model")


def test_a_loss_that_is_no_number_stops_the_training(
    storage: Path, clusters: LocalProvisioner
) -> None:
    error = failure_of(request(storage, trouble="nan", trouble_epoch=2), clusters)

    assert isinstance(error, NonFiniteLossError)
    assert "train_loss became nan in epoch 2" in error.message
    assert "learning rate" in error.hint


def test_a_killed_worker_is_replaced_and_both_go_on_from_the_checkpoint(
    storage: Path, tmp_path: Path, clusters: LocalProvisioner
) -> None:
    marker = tmp_path / "died"
    dying = request(storage, workers=2, trouble="die", trouble_epoch=2, marker=str(marker))

    done = trained_by(dying, clusters)

    assert marker.exists()
    assert done.result.worker_restarts == 1
    # Ray's controller may not have noted the checkpoint of the last moment.
    assert done.result.resumed_from_epoch in {0, 1}
    assert [record.epoch for record in done.result.history] == [0, 1, 2, 3]


def test_a_failed_training_can_be_tried_again(
    storage: Path, tmp_path: Path, clusters: LocalProvisioner
) -> None:
    wanted = request(
        storage,
        training={"worker_retries": 0},
        trouble="die",
        trouble_epoch=0,
        marker=str(tmp_path / "died"),
    )

    error = failure_of(wanted, clusters)
    done = trained_by(wanted, clusters)

    assert isinstance(error, WorkerDiedError)
    assert "memory" in error.hint
    assert done.result.status == "succeeded"
