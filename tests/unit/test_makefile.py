"""What the commands that make starts find in their environment."""

import os
import subprocess
from pathlib import Path

import pytest

from ml_platform.settings import PROJECT_ROOT, Settings


def dagster_home(**variables: str) -> str:
    """Where Dagster keeps its state in what make starts."""
    own = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
    told = subprocess.run(
        ["make", "--silent", "--eval", 'told: ; @echo "$$DAGSTER_HOME"', "told"],
        cwd=PROJECT_ROOT,
        env={**own, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()


@pytest.mark.parametrize("home", ["other", "of me/home", "/srv/of me/home"])
def test_dagsters_home_is_that_of_the_settings_also_where_its_path_is_relative(home: str) -> None:
    expected = Settings(home=PROJECT_ROOT / home, dagster_home=None).dagster_folder

    assert Path(dagster_home(MLP_HOME=home)) == expected
    assert Path(dagster_home(DAGSTER_HOME=f"{home}/dagster")) == expected
