"""What takes long and may be shared: a platform home with the raw tables and built features.

Treat both as read-only; `tests.support.dbt_runs.copy_of_home` makes a home to write into.
"""

from pathlib import Path

import pytest

from ml_platform.features.project import prepared_manifest
from ml_platform.warehouse.example_data import load_example_data
from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import build_days, copy_of_home, dbt, settings_of


@pytest.fixture(scope="session")
def raw_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose warehouse has the raw tables and the staging views; dbt's project is parsed."""
    home = tmp_path_factory.mktemp("raw_home")
    settings = settings_of(home)
    prepared_manifest(settings)
    with open_warehouse(settings) as warehouse:
        load_example_data(warehouse)
    built = dbt(settings, "run", "--select", "staging")
    assert built.code == 0, built.output
    return home


@pytest.fixture(scope="session")
def platform_home(raw_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the feature tables of 2013-01-01 to 2013-03-31 too."""
    home = copy_of_home(raw_home, tmp_path_factory.mktemp("platform") / "home")
    built = build_days(settings_of(home), "2013-01-01", "2013-04-01")
    assert built.code == 0, built.output
    return home
