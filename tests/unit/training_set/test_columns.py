"""Columns that cannot play their part are found by their types, before anything is built."""

import pytest

from ml_platform.errors import ModelSpecError
from ml_platform.training_set.columns import ColumnMistake, column_mistakes, require_columns
from ml_platform.warehouse.interface import Column, TableDescription, TableRef
from tests.support.flights import SPEC

TYPES = {
    "flight_id": "string",
    "departure_at": "timestamp[us, tz=UTC]",
    "known_at": "timestamp[us, tz=UTC]",
    "carrier": "string",
    "distance": "int64",
    "wind": "double",
    "is_late": "bool",
    "partition_date": "date32[day]",
}


def described(**changes: str) -> TableDescription:
    return TableDescription(
        table=TableRef("ml", "flight_features"),
        columns=tuple(Column(name=name, type=kind) for name, kind in (TYPES | changes).items()),
        partition_column="partition_date",
        partitions=(),
        rows=0,
    )


def only_mistake(**changes: str) -> ColumnMistake:
    (mistake,) = column_mistakes(SPEC, described(**changes))
    return mistake


def test_columns_of_their_parts_types_are_no_mistakes() -> None:
    assert column_mistakes(SPEC, described()) == []


@pytest.mark.parametrize(
    "kind", ["int8", "uint64", "halffloat", "float", "decimal128(38, 9)", "bool", "null"]
)
def test_whatever_has_a_value_as_a_number_may_be_one(kind: str) -> None:
    assert column_mistakes(SPEC, described(wind=kind, is_late=kind)) == []


@pytest.mark.parametrize("kind", ["int64", "bool", "date32[day]", "decimal128(10, 2)", "double"])
def test_whatever_has_a_text_may_be_a_category(kind: str) -> None:
    assert column_mistakes(SPEC, described(carrier=kind)) == []


@pytest.mark.parametrize(
    "kind", ["list<item: string>", "struct<a: int64>", "binary", "duration[s]"]
)
def test_what_has_no_text_is_no_category(kind: str) -> None:
    mistake = only_mistake(carrier=kind)
    assert mistake.message.startswith(f"carrier of flight_features is {kind} and cannot be")
    assert "cast it to text in flight_features" in mistake.hint


def test_a_text_among_the_numbers_is_a_category() -> None:
    mistake = only_mistake(wind="string")
    assert mistake.message == "wind of flight_features is string and cannot be a number"
    assert mistake.hint.startswith("move wind to `categories`")


def test_a_date_among_the_numbers_becomes_a_length_of_time() -> None:
    assert "the days from wind to departure_at" in only_mistake(wind="date32[day]").hint


def test_a_text_is_no_label() -> None:
    mistake = only_mistake(is_late="string")
    assert "cannot be the label, which is 0 or 1, or true or false" in mistake.message
    assert "`is_late = 'yes' as is_late`" in mistake.hint


def test_a_number_is_neither_a_moment_nor_a_day() -> None:
    assert only_mistake(known_at="int64").column == "known_at"
    assert only_mistake(partition_date="int64").column == "partition_date"


def test_a_model_is_refused_with_all_of_its_mistakes() -> None:
    wrong = described(wind="string", is_late="string")
    with pytest.raises(ModelSpecError, match=r"wind of .* cannot be a number; is_late of"):
        require_columns("delays", SPEC, wrong)
