"""Samples reach storage, and whatever befalls it befalls no training."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_platform.storage import Folder
from ml_platform.training.telemetry.writer import (
    EVERY_S,
    LONGEST_EVERY_S,
    MOST_WAITING,
    SampleWriter,
    interval_s,
)
from ml_platform.xray.samples import Sample, StepTimes, from_lines


class Troubled(Folder):
    """Storage that fails each time, or holds each request until a test lets it go."""

    def __init__(self, uri: str, error: Exception | None = None) -> None:
        super().__init__(uri)
        self.error = error
        self.held = threading.Event()

    def create(self, name: str, content: bytes) -> bool:
        if self.error is not None:
            raise self.error
        self.held.wait()
        return super().create(name, content)


def written(folder: Folder, source: str) -> list[Sample]:
    names = folder.names(f"samples/{source}")
    texts = [folder.read(f"samples/{source}/{name}").decode() for name in names]
    return [one for text in texts for one in from_lines(text.splitlines())]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path.as_uri())


def sample(rank: int) -> StepTimes:
    return StepTimes(at_s=1.0, rank=rank, batches=4)


def test_what_was_put_is_written_by_the_end(folder: Folder) -> None:
    with SampleWriter(folder, "worker-0") as writer:
        for rank in range(3):
            writer.put(sample(rank))
    assert written(folder, "worker-0") == [sample(0), sample(1), sample(2)]


def test_what_was_put_is_written_while_it_runs(folder: Folder) -> None:
    with SampleWriter(folder, "worker-0", every_s=0.01) as writer:
        writer.put(sample(0))
        deadline = time.monotonic() + 10
        while not written(folder, "worker-0"):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_two_lives_of_a_worker_write_beside_each_other(folder: Folder) -> None:
    moments: list[Callable[[], float]] = [lambda: 1.0, lambda: 2.0]
    for rank, now in enumerate(moments):
        with SampleWriter(folder, "worker-0", now=now) as writer:
            writer.put(sample(rank))
    assert written(folder, "worker-0") == [sample(0), sample(1)]


@pytest.mark.parametrize(
    "error", [OSError("no space left on device"), PermissionError("forbidden"), ValueError("odd")]
)
def test_storage_that_refuses_costs_samples_and_nothing_else(
    tmp_path: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with SampleWriter(Troubled(tmp_path.as_uri(), error), "worker-0") as writer:
        writer.put(sample(0))
    assert writer.dropped == 1
    assert str(error) in capsys.readouterr().err


def test_storage_that_hangs_holds_up_neither_the_work_nor_its_end(tmp_path: Path) -> None:
    folder = Troubled(tmp_path.as_uri())
    began = time.monotonic()
    with SampleWriter(folder, "worker-0", every_s=0.01) as writer:
        for number in range(2 * MOST_WAITING + 1000):
            writer.put(sample(number))
    assert time.monotonic() - began < 10
    assert writer.dropped > 0
    folder.held.set()


def test_a_long_training_writes_less_often_so_that_a_day_is_some_thousand_objects() -> None:
    assert interval_s(0.0) == interval_s(600.0) == EVERY_S
    assert interval_s(3600.0) == interval_s(1e6) == LONGEST_EVERY_S
    age_s, objects = 0.0, 0
    while age_s < 86_400:
        age_s += interval_s(age_s)
        objects += 1
    assert objects < 2000
