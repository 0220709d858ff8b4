"""What is found in trainings on a real Ray that have a trouble, and in one that has none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.settings import Settings
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.gather import gather
from ml_platform.xray.judging import judged
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import open_store
from tests.support.trainings import TROUBLED, request, trained_by

pytestmark = pytest.mark.integration

SLOW = TROUBLED.parent / "slow"
NO_CHECKPOINTS = {"checkpoint_every_s": 600}
TRIES = 4
Found = Callable[..., tuple[Finding, ...]]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProvisioner]:
    clusters = LocalProvisioner(
        tmp_path_factory.mktemp("ray"), idle_timeout_s=120, fork_server=True
    )
    yield clusters
    clusters.shutdown()


@pytest.fixture
def found(clusters: LocalProvisioner, tmp_path: Path) -> Found:
    """Trains, gathers what that left, and judges it."""

    def train_and_judge(*, seed: int = 0, **wanted: Any) -> tuple[Finding, ...]:
        folder = tmp_path / f"seed {seed}"
        training = NO_CHECKPOINTS | {"seed": seed}
        of_this = request(folder, code=SLOW, training=training, **wanted)
        trained_by(of_this, clusters)
        with open_store(Settings(home=folder / "home")) as store:
            assert gather(store, of_this.storage_root).trouble == ""
            (attempt,) = store.attempts(limit=9)
            assert attempt.ended_at_s is not None
            return judged(store, attempt, prices=Prices(), loud=(), now_s=attempt.ended_at_s)

    return train_and_judge


def test_nothing_is_found_in_a_training_whose_workers_do_the_same(found: Found) -> None:
    assert found(workers=2, epochs=3, rows=30, cpu_s=0.12, more_s=0.0) == ()


def test_a_worker_that_computes_for_longer_is_found_as_the_straggler(found: Found) -> None:
    # Other tests run beside it: a worker that waits for a CPU is no straggler, and not told.
    tries = (
        found(seed=seed, workers=2, epochs=3, rows=30, cpu_s=0.04, more_s=0.08)
        for seed in range(TRIES)
    )
    (straggler,) = next(filter(None, tries))
    assert straggler.name == "straggler"
    assert straggler.sentence.startswith("Rank 1 on node ")


def test_a_training_that_waits_for_its_batches_is_found_as_input_bound(found: Found) -> None:
    # A quick machine reads that before its workers are measured for long enough: then more of it.
    tries = (
        found(seed=seed, workers=2, epochs=400 * 2**seed, rows=1, cpu_s=0.0, more_s=0.0)
        for seed in range(TRIES)
    )
    (input_bound,) = next(filter(None, tries))
    assert (input_bound.name, input_bound.confidence) == ("input_bound", "high")
    assert "rows a batch: 1" in input_bound.evidence
