"""For all tests: a platform home of their own, so that none touches that of the checkout."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from ml_platform.features.packages import install_local_packages
from ml_platform.features.project import dbt_executable
from ml_platform.settings import PROJECT_ROOT

# Other work runs beside the tests.
hypothesis.settings.register_profile(
    "any_load", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any_load")

pytest_plugins = ["tests.support.homes", "tests.support.left_out", "tests.support.two_at_once"]


@pytest.fixture(scope="session", autouse=True)
def installed_packages() -> None:
    """The packages of the checkout's dbt project, for tests that start dbt by itself."""
    project = PROJECT_ROOT / "dbt_project"
    lock = Path(tempfile.gettempdir()) / f"packages-of-{project.parent.name}.lock"
    install_local_packages(project, dbt=dbt_executable(), lock=lock)


@pytest.fixture(scope="session", autouse=True)
def home_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`MLP_HOME` and `DAGSTER_HOME` for whatever reads the environment."""
    home = tmp_path_factory.mktemp("mlp_home")
    wanted = {"MLP_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    yield home
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
