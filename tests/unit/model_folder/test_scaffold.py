"""A new model's columns read back as they are called, whatever YAML makes of their names."""

from pathlib import Path

import pytest
import yaml

from ml_platform.component import parse_spec
from ml_platform.model_folder.scaffold import columns_of, scaffold
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.warehouse.interface import Column, TableDescription, TableRef

BASE = {
    "order_id": "string",
    "partition_date": "date32[day]",
    "ordered_at": "timestamp[us, tz=UTC]",
    "features_known_at": "timestamp[us, tz=UTC]",
    "is_late": "int64",
}
NAMES = [
    *("no", "on", "y", "null", "true", "~", "2013", "1e3", "0x1f", "2013-01-01", "1:30", "<<"),
    *("price, eur", "a: b", "# of items", "a #b", "it's", 'say "so"', "x]", "{x}", "[x]", "&x"),
    *("-x", "- x", "?", "*x", "`b`", "%pct", "@at", "!x", "|", ">", "p$1", "$label", " x ", ""),
    *("Größe", "東京", "order id", "back\\slash", "tab\there", "amount"),
]


def described(**columns: str) -> TableDescription:
    return TableDescription(
        table=TableRef("shop", "orders"),
        columns=tuple(Column(name=name, type=kind) for name, kind in (BASE | columns).items()),
        partition_column=None,
        partitions=(),
        rows=1,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reads_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    table = described(**{name: "double", f"{name}_text": "string"})
    folder = scaffold("orders", columns_of(table), tmp_path)
    features = yaml.safe_load((folder / "defs.yaml").read_text())["attributes"]["features"]
    spec = parse_spec(FeaturesSpec, features, where="features")
    assert (spec.numbers, spec.categories) == ((name,), (f"{name}_text",))


def test_an_ordinary_name_stays_unquoted(tmp_path: Path) -> None:
    table = described(amount_eur="double")
    text = (scaffold("orders", columns_of(table), tmp_path) / "defs.yaml").read_text()
    assert "\n      - amount_eur\n" in text
