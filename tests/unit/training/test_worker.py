"""What a worker makes of what `train.py` hands over, without a Ray."""

from pathlib import Path

import pytest
import torch  # noqa: TID253 — weights are torch's

from ml_platform.errors import ModelSpecError
from ml_platform.training.entrypoint import prepare
from ml_platform.training.worker import WEIGHTS_FILE, Start, WorkerRun
from tests.support.trainings import request

WEIGHTS = {"weight": torch.zeros(1)}


@pytest.fixture
def workers(tmp_path: Path) -> list[WorkerRun]:
    """Two of one training."""
    wanted = request(tmp_path, workers=2)
    encoding, files, _ = prepare(wanted)
    return [
        WorkerRun(wanted, encoding, start=Start(attempt=1), files=files, rank=rank, world_size=2)
        for rank in range(2)
    ]


def test_the_model_of_rank_0_is_kept_and_no_other_has_to_hand_one_over(
    workers: list[WorkerRun], tmp_path: Path
) -> None:
    first, second = workers
    first.save_model(WEIGHTS)
    first.finish(1.0)
    second.finish(1.0)
    assert [path.name for path in tmp_path.rglob(WEIGHTS_FILE)] == [WEIGHTS_FILE]


def test_a_model_that_only_another_rank_hands_over_is_missing(workers: list[WorkerRun]) -> None:
    first, second = workers
    second.save_model(WEIGHTS)
    with pytest.raises(ModelSpecError, match=r"run\.save_model on rank 0"):
        first.finish(1.0)
