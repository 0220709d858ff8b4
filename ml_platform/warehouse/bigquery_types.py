"""BigQuery's column types in Arrow's words, and back. Pure functions."""

from typing import TYPE_CHECKING, Final

from ml_platform.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW_NAMES: Final = {
    "INTEGER": "int64",
    "INT64": "int64",
    "FLOAT": "double",
    "FLOAT64": "double",
    "BOOLEAN": "bool",
    "BOOL": "bool",
    "STRING": "string",
    "BYTES": "binary",
    "DATE": "date32[day]",
    "TIME": "time64[us]",
    "DATETIME": "timestamp[us]",
    "TIMESTAMP": "timestamp[us, tz=UTC]",
    "NUMERIC": "decimal128(38, 9)",
    "BIGNUMERIC": "decimal256(76, 38)",
    "RECORD": "struct",
    "STRUCT": "struct",
}


def arrow_type_name(field_type: str, *, repeated: bool = False) -> str:
    """The Arrow type's name for a column; types that Arrow lacks (JSON, GEOGRAPHY) are strings."""
    name = _ARROW_NAMES.get(field_type, "string")
    return f"list<item: {name}>" if repeated else name


def bigquery_type(name: str, arrow: "pa.DataType") -> str:
    """The BigQuery type that holds an Arrow type of one value per row.

    Args:
        name: The column, for the error.
        arrow: Its type.

    Raises:
        WarehouseError: there is none.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(arrow):
        return bigquery_type(name, arrow.value_type)
    if types.is_timestamp(arrow):
        return "TIMESTAMP" if arrow.tz else "DATETIME"
    checks = (
        (types.is_boolean, "BOOLEAN"),
        (types.is_integer, "INTEGER"),
        (types.is_floating, "FLOAT"),
        (types.is_string, "STRING"),
        (types.is_large_string, "STRING"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_decimal128, "NUMERIC"),
        (types.is_decimal256, "BIGNUMERIC"),
        (types.is_binary, "BYTES"),
        (types.is_large_binary, "BYTES"),
    )
    for fits, kind in checks:
        if fits(arrow):
            return kind
    raise WarehouseError(
        f"column {name!r} has Arrow type {arrow}, which cannot be loaded into BigQuery",
        hint="cast it to a type of one value per row (numbers, text, dates, times, bytes).",
    )
