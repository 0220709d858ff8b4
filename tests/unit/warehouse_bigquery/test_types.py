"""BigQuery's types in Arrow's words, and back."""

import pytest

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.bigquery_types import arrow_type_name, bigquery_type


@pytest.mark.parametrize(
    ("field_type", "name"),
    [
        ("INTEGER", "int64"),
        ("FLOAT64", "double"),
        ("DATE", "date32[day]"),
        ("TIMESTAMP", "timestamp[us, tz=UTC]"),
        ("DATETIME", "timestamp[us]"),
        ("JSON", "string"),
    ],
)
def test_a_column_says_its_arrow_type(field_type: str, name: str) -> None:
    assert arrow_type_name(field_type) == name


def test_a_repeated_column_is_a_list() -> None:
    assert arrow_type_name("INT64", repeated=True) == "list<item: int64>"


@pytest.mark.parametrize(
    ("arrow", "kind"),
    [
        ("bool", "BOOLEAN"),
        ("int32", "INTEGER"),
        ("float64", "FLOAT"),
        ("string", "STRING"),
        ("large_string", "STRING"),
        ("date32", "DATE"),
        ("time64[us]", "TIME"),
        ("timestamp[ns]", "DATETIME"),
        ("binary", "BYTES"),
    ],
)
def test_an_arrow_type_is_loaded_as_the_type_that_holds_it(arrow: str, kind: str) -> None:
    from pyarrow import lib

    assert bigquery_type("x", lib.type_for_alias(arrow)) == kind


def test_a_time_with_a_zone_is_a_timestamp() -> None:
    import pyarrow as pa

    assert bigquery_type("x", pa.timestamp("us", "UTC")) == "TIMESTAMP"


def test_categories_are_loaded_as_what_they_stand_for() -> None:
    import pyarrow as pa

    assert bigquery_type("x", pa.dictionary(pa.int32(), pa.string())) == "STRING"


def test_a_type_that_cannot_be_loaded_names_the_column() -> None:
    import pyarrow as pa

    with pytest.raises(WarehouseError, match="column 'tags' has Arrow type struct"):
        bigquery_type("tags", pa.struct([("a", pa.int64())]))
