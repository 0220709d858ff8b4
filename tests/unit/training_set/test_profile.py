"""Profiles of parts merge into the profile of the whole."""

import numpy as np
import pyarrow as pa  # noqa: TID253
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_platform.training_set.profile import Profile, merge_profiles, profile_batch
from tests.support.flights import day_of_flights

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.none() | st.just(float("nan")), max_size=30)


def profile_of(values: list[float | None]) -> "pa.RecordBatch":
    batch = pa.record_batch({"x": pa.array(values, pa.float64())})
    return profile_batch(batch, numbers=["x"], categories=[])


@given(NUMBERS, NUMBERS)
def test_moments_of_two_parts_are_those_of_all_rows(
    one: list[float | None], other: list[float | None]
) -> None:
    merged = merge_profiles([profile_of(one), profile_of(other)]).numbers["x"]
    whole = profile_of(one + other).numbers["x"]
    assert (merged.count, merged.nulls) == (whole.count, whole.nulls)
    assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)
    assert merged.mean == pytest.approx(whole.mean, abs=1e-6)
    assert merged.standard_deviation == pytest.approx(whole.standard_deviation, abs=1e-3)


def test_values_of_a_category_are_counted_over_all_parts() -> None:
    days = [["AA", "UA"], ["AA", None]]
    merged = merge_profiles(
        profile_batch(pa.record_batch({"c": day}), numbers=[], categories=["c"]) for day in days
    )
    assert merged.categories["c"].counts == {"AA": 2, "UA": 1}
    assert merged.categories["c"].nulls == 1


def test_the_standard_deviation_is_numpys() -> None:
    values = np.random.default_rng(0).normal(5, 3, 1000)
    found = profile_of(list(values)).numbers["x"]
    assert found.standard_deviation == pytest.approx(values.std())


def test_a_day_without_rows_leaves_the_profile_of_its_window_as_it_is() -> None:
    (batch,) = day_of_flights().to_batches()
    day = profile_batch(batch, numbers=["wind"], categories=["carrier"])
    assert merge_profiles([Profile(), day, Profile()]) == day
