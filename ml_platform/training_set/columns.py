"""Whether the columns of a feature table can play the parts that a model gives them.

Judged by the types that the warehouse describes, so that it is known before anything is built; what
only the values tell is judged while they are read (`normalise.py`).
"""

import difflib
from dataclasses import dataclass
from typing import Final

from ml_platform.errors import ModelSpecError
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.warehouse.interface import TableDescription

# Beginnings of Arrow's names; a column that is all null may have no type yet.
_NUMBERS: Final = ("int", "uint", "float", "halffloat", "double", "decimal", "bool", "null")
_MOMENTS: Final = ("timestamp", "date", "null")
_NO_TEXT: Final = (
    "list",
    "large_list",
    "fixed_size_list",
    "struct",
    "map",
    "dense_union",
    "sparse_union",
    "binary",
    "large_binary",
    "fixed_size_binary",
    "duration",
    "month",
    "day_time",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnMistake:
    """A column that cannot be what `defs.yaml` calls it, and the cure."""

    column: str
    message: str
    hint: str


def column_mistakes(spec: FeaturesSpec, described: TableDescription) -> list[ColumnMistake]:
    """Every column that the table lacks, or has in a type that its part cannot have.

    Args:
        spec: The model's columns.
        described: The feature table, as the warehouse describes it.
    """
    types = {column.name: column.type for column in described.columns}
    wanted = dict.fromkeys((*spec.columns, spec.partition_column))
    found = [_missing(name, spec, list(types)) for name in wanted if name not in types]
    for name in wanted:
        if name in types:
            found += _misfits(name, types[name], spec)
    return found


def require_columns(model: str, spec: FeaturesSpec, described: TableDescription) -> None:
    """Check that the feature table has every column that the model asks for, in a usable type.

    Raises:
        ModelSpecError: it has not; names all of them.
    """
    mistakes = column_mistakes(spec, described)
    if mistakes:
        raise ModelSpecError(
            f"the model {model} cannot be made of {spec.table}: "
            f"{'; '.join(one.message for one in mistakes)}",
            hint=mistakes[0].hint,
        )


def _missing(name: str, spec: FeaturesSpec, there: list[str]) -> ColumnMistake:
    near = difflib.get_close_matches(name, there, n=3)
    return ColumnMistake(
        column=name,
        message=f"{spec.table} has no column {name}",
        hint=f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(there)}.",
    )


def _misfits(name: str, kind: str, spec: FeaturesSpec) -> list[ColumnMistake]:
    parts = []
    if name == spec.label and not kind.startswith(_NUMBERS):
        parts.append(
            (
                "the label, which is 0 or 1, or true or false",
                f"make it one in {spec.table}, as in `{name} = 'yes' as {name}`.",
            )
        )
    if name in spec.numbers and not kind.startswith(_NUMBERS):
        parts.append(("a number", _number_cure(name, kind, spec)))
    if name in spec.categories and kind.startswith(_NO_TEXT):
        parts.append(
            (
                "a category, which is text or has a text",
                f"cast it to text in {spec.table}, or take it out of `categories`.",
            )
        )
    if name in (spec.event_time, spec.known_at) and not kind.startswith(_MOMENTS):
        parts.append(("a moment", f"cast it to a timestamp in {spec.table}."))
    if name == spec.partition_column and not kind.startswith(_MOMENTS):
        parts.append(("the day of a row", f"cast it to a date in {spec.table}."))
    return [
        ColumnMistake(
            column=name, message=f"{name} of {spec.table} is {kind} and cannot be {part}", hint=cure
        )
        for part, cure in parts
    ]


def _number_cure(name: str, kind: str, spec: FeaturesSpec) -> str:
    if kind.startswith(("string", "large_string")):
        return f"move {name} to `categories`, or cast it to a number in {spec.table}."
    if kind.startswith(_MOMENTS):
        return (
            f"make a length of time of it in {spec.table}, as the days from {name} to "
            f"{spec.event_time}, or move it to `categories`."
        )
    return f"cast {name} to a number in {spec.table}, or take it out of `numbers`."
