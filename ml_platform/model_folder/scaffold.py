"""`mlp model new`: a model's folder to begin from, with columns of its feature table."""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

import yaml

from ml_platform.component import MODEL_NAME
from ml_platform.errors import ModelSpecError
from ml_platform.model_folder.names import NO_NAMES, name_mistake, nearest_name
from ml_platform.warehouse.interface import Column, TableDescription

TEMPLATE: Final = Path(__file__).parent / "template"
FILES: Final = ("defs.yaml", "train.py", "evaluate.py")
MOST_CATEGORIES: Final = 4


DAY_COLUMN: Final = "partition_date"
"""The day of a row, where nothing says that another column has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which columns of a feature table play which part."""

    table: str
    label: str
    keys: tuple[str, ...]
    event_time: str
    known_at: str
    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    partition_column: str = DAY_COLUMN


FLIGHTS: Final = Columns(
    table="flight_features",
    label="is_late",
    keys=("flight_id",),
    event_time="scheduled_departure_at",
    known_at="features_known_at",
    categories=("carrier", "origin", "dest"),
    numbers=("distance_miles", "departure_minute_of_day", "carrier_late_rate_28d"),
)
"""The example's feature table, for which no warehouse has to be asked."""


def require_free_name(name: str, models: Path, taken: Mapping[str, str] = NO_NAMES) -> None:
    """Check that a model may be called so.

    Args:
        name: The name that is wanted.
        models: The folder of all models.
        taken: Names that no model may have, and what has them.

    Raises:
        ModelSpecError: the name is none, or is taken.
    """
    mistake = name_mistake(name, taken)
    if mistake is not None:
        raise ModelSpecError(mistake.message, hint=f"take a name such as {_free_name(name)}.")
    if (models / name).exists():
        raise ModelSpecError(
            f"the name {name!r} is taken",
            hint=f"take another, or go on with what is there: `mlp model check {name}`.",
        )


def scaffold(name: str, columns: Columns, models: Path) -> Path:
    """Write the folder of a new model and return it; all of its files are there, or none.

    Args:
        name: The model's name.
        columns: What it reads.
        models: The folder of all models.

    Raises:
        ModelSpecError: the name is none, or is taken.
    """
    require_free_name(name, models)
    folder = models / name
    values = {
        "name": name,
        "description": f"What {name} predicts, in a sentence.",
        "owner": name.replace("_", "-"),
        "table": yaml_text(columns.table),
        "label": yaml_text(columns.label),
        "keys": ", ".join(map(yaml_text, columns.keys)),
        "event_time": yaml_text(columns.event_time),
        "known_at": yaml_text(columns.known_at),
        "partition_column": yaml_text(columns.partition_column),
        "categories": ", ".join(map(yaml_text, columns.categories)),
        "numbers": "".join(f"\n      - {yaml_text(name)}" for name in columns.numbers) or " []",
    }
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".new-") as parent:
        # Renamed when complete: a folder of half a model would break the code location.
        whole = Path(parent) / name
        whole.mkdir()
        for file in FILES:
            template = Template((TEMPLATE / file).read_text())
            (whole / file).write_text(template.substitute(values))
        whole.rename(folder)
    return folder


def yaml_text(name: str) -> str:
    """A column's name as YAML reads it back: quoted unless it is a plain word and no other value.

    `no`, `on`, `null` and `2013` are no texts to YAML, and `y` is none to YAML of version 1.1.
    """
    plain = re.fullmatch(r"[^\W\d]\w+", name) is not None and yaml.safe_load(name) == name
    return name if plain else json.dumps(name, ensure_ascii=False)


def columns_of(described: TableDescription, *, asset: str = "", label: str = "") -> Columns:
    """Guess which columns of a feature table play which part, by name and type.

    Args:
        described: The table, as the warehouse describes it.
        asset: What it is called as an asset, where that is not its name.
        label: The column to predict; guessed when empty.

    Raises:
        ModelSpecError: a part has no column, or more than one might play it.
    """
    table = described.table.name
    day = described.partition_column or DAY_COLUMN
    columns = [column for column in described.columns if column.name != day]
    if len(columns) == len(described.columns):
        raise ModelSpecError(
            f"{table} has no column {day}, the day (UTC) of a row",
            hint="take a feature table that is built by day; `mlp doctor` names the warehouse.",
        )
    names = [column.name for column in columns]
    if label and label not in names:
        raise ModelSpecError(f"{table} has no column {label!r}", hint=f"it has {', '.join(names)}.")
    times = [column for column in columns if column.type.startswith(("timestamp", "date"))]
    known_at = _only("the moment its features were known", times, lambda n: "known" in n, table)
    event_time = _only(
        "the moment of the prediction", times, lambda n: n != known_at and n.endswith("_at"), table
    )
    key = _only("the key of a row", columns, lambda n: n.endswith("_id"), table)
    label = label or _only(
        "the label (0 or 1)", columns, lambda n: n.startswith(("is_", "has_")), table, "--label"
    )
    used = {key, label, *(column.name for column in times)}
    texts = [one.name for one in columns if _is_text(one) and one.name not in used]
    numbers = [one.name for one in columns if _is_number(one) and one.name not in used]
    return Columns(
        table=asset or table,
        label=label,
        keys=(key,),
        event_time=event_time,
        known_at=known_at,
        categories=tuple(texts[:MOST_CATEGORIES]),
        numbers=tuple(numbers),
        partition_column=day,
    )


def _only(
    part: str,
    columns: Sequence[Column],
    fits: Callable[[str], bool],
    table: str,
    option: str = "",
) -> str:
    found = [column.name for column in columns if fits(column.name)]
    if len(found) == 1:
        return found[0]
    what = f"several columns may be {part}: {', '.join(found)}" if found else f"none may be {part}"
    raise ModelSpecError(
        f"{table} cannot be read as a feature table: {what}",
        hint=f"name it with {option}."
        if option
        else "run `mlp model new` without --from-table and write the columns into its defs.yaml.",
    )


def _is_text(column: Column) -> bool:
    return column.type in ("string", "large_string")


def _is_number(column: Column) -> bool:
    return column.type.startswith(
        ("int", "uint", "halffloat", "float", "double", "decimal", "bool")
    )


def _free_name(name: str) -> str:
    return f"{name}_model" if MODEL_NAME.match(name) else nearest_name(name)
