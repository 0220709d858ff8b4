"""The lineage of a model, as it is written and read back."""

import pytest

from ml_platform.errors import RegistryError
from ml_platform.registry.models import Lineage
from tests.support.lineages import lineage


def test_a_lineage_reads_back_as_it_was_written() -> None:
    written = lineage()
    assert Lineage.from_json(written.model_dump_json(), of="m version 1") == written


def test_the_snapshot_of_each_day_is_told() -> None:
    assert lineage().snapshots == {"2013-03-13": "aaa", "2013-03-14": "of-2013-03-14"}
    assert lineage().partition == "2013-03-14"


def test_a_lineage_of_another_schema_names_the_version_and_the_field() -> None:
    newer = lineage().model_dump_json().replace('"schema_version":1', '"schema_version":2', 1)
    with pytest.raises(RegistryError, match=r"lineage of m version 1 .* schema_version"):
        Lineage.from_json(newer, of="m version 1")
