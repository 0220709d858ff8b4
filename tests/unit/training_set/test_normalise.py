"""Numbers that the snapshot's 32 bits cannot hold."""

import pyarrow as pa  # noqa: TID253
import pytest

from ml_platform.errors import TrainingSetError
from ml_platform.training_set.normalise import normalised
from tests.support.flights import SPEC, day_of_flights


def day_with(name: str, values: list[float]) -> pa.RecordBatch:
    day = day_of_flights(1, rows=len(values)).to_batches()[0]
    at = day.schema.get_field_index(name)
    return day.set_column(at, name, pa.array(values, pa.float64()))


@pytest.fixture
def number() -> str:
    return SPEC.numbers[0]


def test_a_number_beyond_32_bits_is_told_with_its_column(number: str) -> None:
    with pytest.raises(
        TrainingSetError, match=f"{number} of .* has 2 numbers beyond.*up to 1e"
    ) as raised:
        normalised(day_with(number, [1.0, 1e39, -1e300]), SPEC)
    assert "logarithm" in raised.value.hint


def test_what_is_infinite_or_missing_already_is_let_through(number: str) -> None:
    kept = normalised(day_with(number, [1.0, float("inf"), float("nan")]), SPEC)
    assert kept.column(number).type == pa.float32()
