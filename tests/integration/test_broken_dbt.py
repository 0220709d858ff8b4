"""A mistake in the dbt project: whatever `mlp` does with it, dbt's own words say what is wrong."""

from pathlib import Path

import pytest

from tests.support.commands import mlp
from tests.support.dbt_runs import changed_project
from tests.support.homes import MODEL

pytestmark = pytest.mark.integration

PLAN = ("backfill", MODEL, "--from", "2013-03-01", "--to", "2013-03-01", "--dry-run")
SCHEDULE = "models/features/flight_schedule.sql"


def plan_with(tmp_path: Path, file: str, **content: str) -> str:
    """What planning a backfill says on a project of which `file` has other content."""
    project = changed_project(tmp_path / "project", "dbt_project.yml", {})
    path = project / file
    before = path.read_text() if path.exists() else ""
    path.write_text(before + content["added"])
    said = mlp(tmp_path / "home", *PLAN, MLP_PROJECT_DIR=str(project))
    assert said.code == 2
    assert "defect" not in said.err
    return said.err


def test_a_reference_to_a_model_that_is_not_there(tmp_path: Path) -> None:
    said = plan_with(tmp_path, SCHEDULE, added="\n-- {{ ref('flihgts') }}\n")
    assert "dbt cannot parse" in said
    assert "flihgts" in said


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    said = plan_with(tmp_path, SCHEDULE, added="\n-- {{ source('raw', 'flihgts') }}\n")
    assert "flihgts" in said


def test_packages_that_are_not_installed(tmp_path: Path) -> None:
    package = "  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n"
    said = plan_with(tmp_path, "packages.yml", added=package)
    assert "dbt deps" in said
