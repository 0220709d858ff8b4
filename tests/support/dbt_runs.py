"""Runs dbt by its command line on a platform home, as a person would, and says what came of it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from ml_platform.features.assets import build_dbt_assets
from ml_platform.features.project import dbt_executable, dbt_variables, load_project
from ml_platform.resources import resources_from
from ml_platform.settings import PROJECT_ROOT, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class DbtRun:
    """One invocation: its exit code, what it printed and its debug log."""

    code: int
    output: str
    log: str


def settings_of(home: Path, *, project_dir: Path | None = None) -> Settings:
    """Settings of a laptop whose state is in `home`."""
    return Settings(home=home, project_dir=project_dir or PROJECT_ROOT / "dbt_project")


def assets_of(settings: Settings) -> dg.AssetsDefinition:
    """All assets that dbt makes, as the code location has them."""
    return build_dbt_assets(load_project(settings), settings)


def built_by_dagster(settings: Settings) -> dg.ExecuteInProcessResult:
    """What comes of all assets of a project without days; a failure is in it."""
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [assets_of(settings)],
            resources=resources_from(settings).by_key(),
            instance=instance,
            raise_on_error=False,
        )


def dbt(settings: Settings, *arguments: str) -> DbtRun:
    """Run `dbt <arguments>`."""
    variables = dbt_variables(settings)
    log = Path(variables["DBT_LOG_PATH"]) / "dbt.log"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [dbt_executable(), *arguments],
        env={**os.environ, **variables},
        cwd=settings.project_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    said = log.read_text() if log.exists() else ""
    return DbtRun(code=done.returncode, output=done.stdout + done.stderr, log=said)


def build_days(settings: Settings, first: str, end: str, *, command: str = "build") -> DbtRun:
    """Build and test the feature tables for the days from `first` to before `end`.

    With `run` as the command they are not tested.
    """
    bounds = ("--event-time-start", first, "--event-time-end", end)
    return dbt(settings, command, "--select", "features", *bounds)


def copy_of_home(home: Path, target: Path) -> Path:
    """A home of one's own with the same tables, to write into."""
    target.mkdir(parents=True)
    shutil.copy(home / "warehouse.duckdb", target)
    shutil.copytree(home / "dbt_target", target / "dbt_target")
    return target


def changed_project(target: Path, file: str, changes: Mapping[str, str]) -> Path:
    """A copy of the dbt project in which each key of `changes` reads as its value in one file."""
    shutil.copytree(PROJECT_ROOT / "dbt_project", target)
    change_file(target / file, changes)
    return target


def change_file(path: Path, changes: Mapping[str, str]) -> None:
    """Let each key of `changes` read as its value in a file of a changed project."""
    text = path.read_text()
    for old, new in changes.items():
        if old not in text:
            msg = f"{path} has no {old!r}: the test must be told how the project is written now"
            raise ValueError(msg)
        text = text.replace(old, new)
    path.write_text(text)


def project_of(target: Path, files: Mapping[str, str]) -> Path:
    """A project with the settings and macros of this one, and `files` as its only models."""
    shutil.copytree(
        PROJECT_ROOT / "dbt_project", target, ignore=shutil.ignore_patterns("models", "target")
    )
    for name, text in files.items():
        path = target / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return target
