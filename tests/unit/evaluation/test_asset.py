"""Which of the held-out days are scored, and what scoring leaves behind."""

import threading
from pathlib import Path

import pytest

from ml_platform.errors import EvaluationError, UserCodeError
from ml_platform.evaluation.asset import KeptModel, score_kept, with_rows
from ml_platform.training.encoding import fit_encoding
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights
from tests.support.lineages import lineage

ALLOWING = SPEC.model_copy(update={"empty_days": "allowed"})


def written(storage: Path, day: int, rows: int) -> SnapshotManifest:
    store = SnapshotStore(storage.as_uri(), "delays")
    batches = day_of_flights(day, rows=rows).to_batches() if rows else []
    return store.write(f"2013-01-{day:02d}", batches, spec=ALLOWING, source=SOURCE).manifest


def test_a_held_out_day_without_rows_is_left_out(tmp_path: Path) -> None:
    days = [written(tmp_path, 1, 0), written(tmp_path, 2, 50)]
    assert with_rows(days, what="version 3") == days[1:]


def test_held_out_days_without_any_row_are_named(tmp_path: Path) -> None:
    days = [written(tmp_path, 1, 0), written(tmp_path, 2, 0)]
    with pytest.raises(EvaluationError, match="no rows on 2013-01-01, 2013-01-02") as caught:
        with_rows(days, what="version 3")
    assert "evaluation.holdout_days" in caught.value.hint


def test_a_predictor_that_raises_leaves_no_thread_that_reads_ahead(tmp_path: Path) -> None:
    manifest = written(tmp_path, 2, 60_000)
    store = SnapshotStore(tmp_path.as_uri(), "delays")
    model = KeptModel(
        version=3, partition="2013-01-01", request=lineage().request, directory=tmp_path / "model"
    )
    (model.directory / "code").mkdir(parents=True)
    (model.directory / "code" / "evaluate.py").write_text(
        "def load(directory):\n    return lambda batch: 1 / 0\n"
    )
    encoding = fit_encoding(manifest.profile, ALLOWING)
    (model.directory / "encoding.json").write_text(encoding.model_dump_json())
    with pytest.raises(UserCodeError, match="ZeroDivisionError") as kept:
        score_kept(model, store, manifest)
    assert kept.traceback
    assert "read-ahead" not in {thread.name for thread in threading.enumerate()}
