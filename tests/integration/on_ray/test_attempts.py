"""Attempts on a real Ray: whatever is killed, the training is done once and goes on by itself."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.local.inventory import folders
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.errors import (
    NoProgressError,
    OutOfMemoryError,
    TrainingTimeoutError,
    UserCodeError,
)
from ml_platform.training.launch import Trained
from ml_platform.training.record import Attempt, Ended, Owner, TrainingRecord
from ml_platform.training.request import TrainingRequest
from ml_platform.xray.records import Event
from tests.support.attempts.steps import send_step
from tests.support.trainings import TROUBLED, request, trained_by

pytestmark = pytest.mark.integration

WITHIN_S = 300
EPOCHS = [0, 1, 2, 3]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProvisioner]:
    clusters = LocalProvisioner(
        tmp_path_factory.mktemp("ray"), idle_timeout_s=120, fork_server=True
    )
    yield clusters
    clusters.shutdown()


@pytest.fixture(scope="module")
def home(clusters: LocalProvisioner) -> Path:
    return clusters._home


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@dataclass
class Gate:
    """A training that waits in an epoch, before that is reported, until it is let through."""

    wanted: TrainingRequest
    reached: Path
    opened: Path
    record: TrainingRecord = field(init=False)

    def __post_init__(self) -> None:
        self.record = TrainingRecord(self.wanted.folder_uri)

    def wait(self) -> None:
        wait_until(self.reached.exists)

    def open(self) -> None:
        self.opened.touch()


@pytest.fixture
def gate(storage: Path, tmp_path: Path) -> Gate:
    reached, opened = tmp_path / "reached", tmp_path / "opened"
    code = shutil.copytree(TROUBLED, tmp_path / "troubled")
    wanted = request(
        storage, code=code, trouble="meet", trouble_epoch=2, marker=str(reached), other=str(opened)
    )
    return Gate(wanted, reached, opened)


@pytest.fixture
def followed(gate: Gate, clusters: LocalProvisioner) -> Iterator["Future[Trained]"]:
    """The training of `gate`, followed in a thread until it has come to the gate."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(trained_by, gate.wanted, clusters)
        try:
            gate.wait()
            yield future
        finally:
            gate.open()


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s"
        time.sleep(0.05)


def more_memory(wanted: TrainingRequest) -> TrainingRequest:
    cluster = ClusterSpec(workers=WorkerGroup(memory="5Gi"))
    return wanted.model_copy(update={"cluster": cluster})


def drivers_of(wanted: TrainingRequest) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if wanted.folder_uri in line and "ml_platform.training.entrypoint" in line:
            found.append(process)
    return found


def edit_code(wanted: TrainingRequest) -> None:
    (Path(wanted.code) / "train.py").write_text("raise RuntimeError('edited after it was sent')\n")


def started(record: TrainingRecord) -> list[Attempt]:
    return [one for one in record.attempts() if one.started()]


def causes(record: TrainingRecord) -> list[Cause | None]:
    ended = [one.ended() for one in record.attempts()]
    return [one.failure.cause if one and one.failure else None for one in ended]


def epochs(done: Trained) -> list[int]:
    return [one.epoch for one in done.result.history]


def test_a_step_killed_while_its_cluster_starts_is_followed_by_another(
    storage: Path, clusters: LocalProvisioner, home: Path
) -> None:
    wanted = request(storage, retrain="while it starts")
    step = send_step(wanted, home)
    wait_until(lambda: any(folder.state() for folder in folders(home)))
    step.kill()
    step.join()

    done = trained_by(more_memory(wanted), clusters)

    record = TrainingRecord(wanted.folder_uri)
    assert [claim.spec for one in record.attempts() if (claim := one.claim())] == [wanted.cluster]
    assert len(started(record)) == 1
    assert epochs(done) == EPOCHS


@pytest.mark.parametrize(
    "before",
    ["*/claim.json", "*/ready.json", "*submit-ended.json", "*/ended.json"],
    ids=["its claim", "its cluster is ready", "it noted the job", "it read the result"],
)
def test_a_step_killed_before_is_followed_by_one_with_more_memory_and_one_training_is_done(
    storage: Path, clusters: LocalProvisioner, home: Path, before: str
) -> None:
    wanted = request(storage, retrain=before)
    step = send_step(wanted, home, dies_before=before)
    step.join()
    assert step.exitcode == -signal.SIGKILL

    done = trained_by(more_memory(wanted) if before != "*/claim.json" else wanted, clusters)

    record = TrainingRecord(wanted.folder_uri)
    assert len(started(record)) == 1
    assert done.result == record.result()
    assert epochs(done) == EPOCHS


def test_a_running_training_is_adopted_whatever_was_edited_meanwhile(
    gate: Gate, clusters: LocalProvisioner, home: Path
) -> None:
    step = send_step(gate.wanted, home)
    gate.wait()
    step.kill()
    step.join()
    edit_code(gate.wanted)

    def on_event(event: Event) -> None:
        if event.name == "running":  # adopted: not before, or it might be over when we come
            gate.open()

    done = trained_by(more_memory(gate.wanted), clusters, on_event=on_event)

    assert done.adopted
    assert len(started(gate.record)) == 1
    assert epochs(done) == EPOCHS


def test_a_killed_driver_is_replaced_by_one_of_the_code_that_was_sent(
    gate: Gate, followed: "Future[Trained]"
) -> None:
    edit_code(gate.wanted)
    os.kill(drivers_of(gate.wanted)[0].pid, signal.SIGKILL)
    # Its worker might come to the next checkpoint before it dies too.
    wait_until(gate.record.attempt(1).has_ended)
    gate.open()

    done = followed.result(WITHIN_S)

    assert causes(gate.record) == [Cause.WORKER_LOST, None]
    assert done.result.resumed_from_epoch == 1
    assert epochs(done) == EPOCHS
    ended = gate.record.attempt(1).ended()
    assert ended is not None
    assert ended.log_tail
    assert [phase.name for phase in ended.phases] == ["cluster", "submit", "pending", "running"]
    assert ended.ran_s > 0


def test_an_attempt_that_was_given_up_stops_itself_and_overwrites_nothing(
    gate: Gate, followed: "Future[Trained]"
) -> None:
    first = gate.record.attempt(1)
    before = first.folder.names("checkpoints")
    me = Owner(run="watcher", root="watcher")
    given_up = Failure(cause=Cause.HEAD_LOST, place=Place(kind="head"), message="lost", hint="")
    first.close(Ended(status="failed", failure=given_up, ended_at_s=time.time(), seen_by=me))
    gate.open()

    done = followed.result(WITHIN_S)

    assert done.result.attempt == 2
    assert done.result.resumed_from_epoch == 1
    assert epochs(done) == EPOCHS
    assert first.folder.names("checkpoints") == before
    assert not first.folder.exists("model")
    said = first.outcome()
    assert said is not None
    assert said.failure is not None
    assert "was given up while it ran" in said.failure.message


def test_a_worker_without_memory_is_tried_once_more_and_then_named_with_its_place(
    storage: Path, clusters: LocalProvisioner
) -> None:
    wanted = request(storage, trouble="memory", trouble_epoch=1)
    decisions: list[str] = []

    with pytest.raises(OutOfMemoryError):
        trained_by(
            wanted, clusters, on_decision=lambda decision: decisions.append(decision.action.name)
        )

    record = TrainingRecord(wanted.folder_uri)
    ended = [one.ended() for one in record.attempts()]
    assert [str(one.failure.place) for one in ended if one and one.failure] == ["worker rank 0"] * 2
    assert decisions == ["REATTEMPT", "GIVE_UP"]


def test_user_code_is_tried_once(storage: Path, clusters: LocalProvisioner) -> None:
    wanted = request(storage, trouble="raise", trouble_epoch=1, retrain="once")

    with pytest.raises(UserCodeError):
        trained_by(wanted, clusters)

    assert causes(TrainingRecord(wanted.folder_uri)) == [Cause.USER_CODE]


def test_workers_that_wait_for_each_other_are_named_within_a_minute_and_at_the_limit(
    storage: Path, clusters: LocalProvisioner
) -> None:
    limit_s = 75
    wanted = request(
        storage, workers=2, training={"max_runtime_s": limit_s}, trouble="leave", trouble_epoch=2
    )
    told_at: list[float] = []

    def listen(line: str) -> None:
        if "the workers wait for each other" in line:
            told_at.append(time.time())

    with pytest.raises(NoProgressError, match=r"wait for each other.*rank 1 has ended"):
        trained_by(wanted, clusters, on_log=listen)

    began = TrainingRecord(wanted.folder_uri).attempt(1).started()
    assert began is not None
    assert told_at[0] - began.at_s < limit_s


def test_the_limit_counts_what_ran_before_the_step_that_adopts(
    gate: Gate, clusters: LocalProvisioner, home: Path
) -> None:
    limit_s, away_s = 60, 20
    training = gate.wanted.training.model_copy(update={"max_runtime_s": limit_s})
    wanted = gate.wanted.model_copy(update={"training": training})
    step = send_step(wanted, home)
    gate.wait()
    step.kill()
    step.join()
    time.sleep(away_s)

    with pytest.raises(TrainingTimeoutError, match=f"after {limit_s} s"):
        trained_by(wanted, clusters)

    first = TrainingRecord(wanted.folder_uri).attempt(1)
    began, ended = first.started(), first.ended()
    assert began is not None
    assert ended is not None
    assert limit_s <= ended.ended_at_s - began.at_s < limit_s + away_s


@pytest.mark.parametrize("what", ["raylet", "keeper"])
def test_a_lost_head_is_noticed_within_seconds_and_replaced_by_itself(
    gate: Gate, followed: "Future[Trained]", home: Path, what: str
) -> None:
    """It is lost between two epochs: the first two are in the checkpoint, the third is not."""
    state = next(state for folder in folders(home) if (state := folder.state()))
    assert state.ray is not None
    killed = state.keeper.pid
    if what == "raylet":
        family = psutil.Process(state.ray.pid).children(recursive=True)
        killed = next(one.pid for one in family if one.name() == "raylet")
    killed_at = time.time()
    os.kill(killed, signal.SIGKILL)
    wait_until(gate.record.attempt(1).has_ended)
    gate.open()

    done = followed.result(WITHIN_S)

    first = gate.record.attempt(1).ended()
    assert first is not None
    assert first.ended_at_s - killed_at < 45
    assert causes(gate.record) == [Cause.HEAD_LOST, None]
    assert done.result.resumed_from_epoch == 1
    assert epochs(done) == EPOCHS
