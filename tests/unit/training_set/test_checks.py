"""What must be true of a snapshot, said in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # noqa: TID253
import pytest

from ml_platform.errors import TrainingSetError
from ml_platform.training_set import checks
from ml_platform.training_set.drift import drift, shifted
from ml_platform.training_set.manifest import SnapshotManifest
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.store import SnapshotStore
from tests.support.flights import SOURCE, SPEC, day_of_flights


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path.as_uri(), "delays")


def manifest_of(store: SnapshotStore, rows: pa.Table) -> SnapshotManifest:
    return store.write("2013-01-01", rows.to_batches(), spec=SPEC, source=SOURCE).manifest


def test_a_sound_snapshot_passes_every_check(store: SnapshotStore) -> None:
    manifest = manifest_of(store, day_of_flights())
    assert all(one.passed for one in checks.blocking(manifest, SPEC).values())
    checks.require_sound([manifest], SPEC, what="training")


def test_a_feature_known_after_the_event_is_found(store: SnapshotStore) -> None:
    late = datetime(2013, 1, 1, 12) + timedelta(minutes=1)
    known = [datetime(2013, 1, 1, 0)] * 97 + [late] * 3
    finding = checks.no_late_knowledge(manifest_of(store, day_of_flights(known_at=known)), SPEC)
    assert not finding.passed
    assert "3 of 100 rows" in finding.sentence


def test_what_was_known_nobody_knows_when_is_late(store: SnapshotStore) -> None:
    known = [datetime(2013, 1, 1, 0)] * 98 + [None] * 2
    finding = checks.no_late_knowledge(manifest_of(store, day_of_flights(known_at=known)), SPEC)
    assert "2 of 100 rows" in finding.sentence


def test_a_day_whose_check_failed_is_refused_whenever_it_is_asked_for(
    store: SnapshotStore,
) -> None:
    sound = manifest_of(store, day_of_flights())
    late = manifest_of(store, day_of_flights(known_at=[datetime(2013, 1, 1, 13)] * 100))
    with pytest.raises(TrainingSetError, match=r"training of m needs .* 100 of 100 rows") as raised:
        checks.require_sound([sound, late], SPEC, what="training of m")
    assert "--through training_set --all" in raised.value.hint


def test_a_snapshot_made_before_a_column_was_added_is_refused(store: SnapshotStore) -> None:
    wider = SPEC.model_copy(update={"numbers": (*SPEC.numbers, "humidity")})
    with pytest.raises(TrainingSetError, match="humidity is missing"):
        checks.require_sound([manifest_of(store, day_of_flights())], wider, what="training")


def test_a_day_without_one_label_fails_its_checks_and_can_be_read(store: SnapshotStore) -> None:
    manifest = manifest_of(store, day_of_flights(is_late=pa.array([None] * 100, pa.int8())))
    findings = checks.blocking(manifest, SPEC)
    assert not findings["not_empty"].passed
    assert not findings["label_present"].passed
    assert store.read(manifest).num_rows == 0
    assert store.sample(manifest, ["wind", "carrier"]).column_names == ["wind", "carrier"]


def test_a_number_that_is_the_label_in_disguise_is_found(store: SnapshotStore) -> None:
    rows = day_of_flights()
    label = rows.column("is_late").to_numpy()
    planted = rows.set_column(5, "wind", pa.array(label * 10.0 + np.linspace(0, 1, 100)))
    finding = checks.no_leaking_feature([manifest_of(store, planted)], SPEC)
    assert not finding.passed
    assert "wind (1.000)" in finding.sentence


def test_a_day_of_one_label_is_sound(store: SnapshotStore) -> None:
    manifest = manifest_of(store, day_of_flights(is_late=[0] * 100))
    assert all(one.passed for one in checks.blocking(manifest, SPEC).values())


def test_a_window_of_one_label_cannot_be_trained_on(store: SnapshotStore) -> None:
    days = [manifest_of(store, day_of_flights(is_late=[0] * 100))] * 3
    with pytest.raises(TrainingSetError, match="is_late is 1 in 0 of 300 rows and 0 in 300") as e:
        checks.require_trainable(days, SPEC, what="training of m")
    assert "take a longer window" in e.value.hint


def test_a_window_with_few_of_a_label_a_day_can_be_trained_on(store: SnapshotStore) -> None:
    days = [manifest_of(store, day_of_flights(is_late=[1] * 4 + [0] * 96))] * 3
    checks.require_trainable(days, SPEC, what="training of m")


def test_a_day_without_rows_is_sound_if_the_model_allows_it(store: SnapshotStore) -> None:
    allowing = SPEC.model_copy(update={"empty_days": "allowed"})
    manifest = store.write("2013-01-01", [], spec=allowing, source=SOURCE).manifest
    found = checks.blocking(manifest, allowing)
    assert all(one.passed for one in found.values())
    assert "which `features.empty_days` allows" in found["not_empty"].sentence
    assert not checks.blocking(manifest, SPEC)["not_empty"].passed


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """What the check reads of a manifest."""

    ranks: Mapping[str, tuple[float, int, int]]

    def ranked(self, number: str) -> tuple[float, int, int]:
        return self.ranks[number]


def noise(
    positives: int, *, numbers: int, days: int, leak: bool = False
) -> tuple[FeaturesSpec, list[Any]]:
    """Days of 400 rows with numbers of pure noise; the first may be the label in disguise."""
    rng = np.random.default_rng(positives)
    names = tuple(f"n{i}" for i in range(numbers))
    spec = SPEC.model_copy(update={"numbers": names})
    label = np.zeros(400, np.int8)
    label[:positives] = 1

    def day() -> Ranked:
        columns = {name: rng.random(400).astype(np.float32) for name in names}
        columns["n0"] += label * leak
        return Ranked(ranks=checks.foretells(pa.table(columns | {"is_late": label}), spec))

    return spec, [day() for _ in range(days)]


@pytest.mark.parametrize("positives", [1, 2, 3, 5, 10, 25, 50])
def test_noise_is_never_called_a_leak_however_rare_the_label(positives: int) -> None:
    spec, days = noise(positives, numbers=30, days=40)
    assert all(checks.no_leaking_feature([day], spec).passed for day in days)
    assert all(checks.no_leaking_feature(days[: n + 1], spec).passed for n in range(len(days)))


@pytest.mark.parametrize("positives", [1, 3, 10])
def test_a_leak_of_a_rare_label_is_found_in_the_window(positives: int) -> None:
    spec, days = noise(positives, numbers=3, days=28, leak=True)
    finding = checks.no_leaking_feature(days, spec)
    assert not finding.passed
    assert "n0 (1.000)" in finding.sentence


def test_a_number_that_is_seldom_known_is_judged_by_the_rows_that_know_it(
    store: SnapshotStore,
) -> None:
    wind = [None] * 98 + [1.0, 2.0]
    rows = day_of_flights(is_late=[1] * 49 + [0] * 50 + [1], wind=pa.array(wind, pa.float64()))
    manifest = manifest_of(store, rows)
    assert manifest.ranked("wind") == (1.0, 1, 1)
    assert checks.no_leaking_feature([manifest], SPEC).passed


def test_a_snapshot_of_other_columns_fails_the_contract(store: SnapshotStore) -> None:
    manifest = manifest_of(store, day_of_flights())
    wider = SPEC.model_copy(update={"numbers": (*SPEC.numbers, "humidity")})
    finding = checks.schema_as_contract(manifest, wider)
    assert finding.sentence == "the schema differs: humidity is missing, wanted float"


def test_equal_days_do_not_drift() -> None:
    assert shifted(drift([day_of_flights(), day_of_flights()], SPEC)) == []


@pytest.mark.parametrize("rows", [100, 150, 400, 2_000])
def test_days_that_differ_by_chance_alone_do_not_drift(rows: int) -> None:
    rng = np.random.default_rng(rows)
    spec = SPEC.model_copy(
        update={"numbers": ("a", "b", "c"), "categories": ("many", "few", "skewed")}
    )
    for _ in range(60):
        days = [
            pa.table(
                {name: rng.normal(size=rows).astype(np.float32) for name in spec.numbers}
                | {
                    "many": [f"c{n}" for n in rng.integers(0, 60, rows)],
                    "few": [f"c{n}" for n in rng.integers(0, 4, rows)],
                    "skewed": [f"c{n}" for n in np.minimum(rng.geometric(0.3, rows), 40)],
                }
            )
            for _ in range(2)
        ]
        assert shifted(drift(days, spec)) == []


def test_a_column_that_moved_comes_first_and_is_called_shifted() -> None:
    moved = day_of_flights(wind=np.full(100, 40.0))
    found = drift([day_of_flights(), moved], SPEC)
    assert [one.column for one in shifted(found)] == ["wind"]


def test_a_column_that_moves_as_much_every_night_is_not_called_shifted() -> None:
    days = [day_of_flights(wind=np.full(100, 10.0 * n)) for n in range(5)]
    assert shifted(drift(days, SPEC)) == []


def test_a_sample_takes_row_groups_from_all_over_a_snapshot(store: SnapshotStore) -> None:
    manifest = manifest_of(store, day_of_flights())
    assert store.sample(manifest, ["wind"]).equals(store.read(manifest, ["wind"]))


def test_the_rank_auc_counts_ties_as_half() -> None:
    assert checks.rank_auc(np.array([0, 1, 0, 1]), np.array([1.0, 1.0, 1.0, 1.0])) == 0.5
    assert checks.rank_auc(np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0])) == 1.0
