"""Which target of the project's own profile dbt builds, read as dbt reads it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ml_platform.errors import DbtProjectError


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The connection of a dbt project.

    Attributes:
        folder: Where its `profiles.yml` is.
        target: The output that dbt builds with; empty where the profile itself decides.
    """

    folder: Path
    target: str


def find_profile(project_dir: Path, *, engine: str, target: str = "") -> Profile:
    """The profile of the project in `project_dir`, and its target.

    The target is the one that was asked for; else that of the engine's name, where the profile has
    one; else what the profile says itself.

    Args:
        project_dir: The project, whose own `profiles.yml` comes before that of the user.
        engine: The platform's name of the warehouse: `duckdb` or `bigquery`.
        target: The target that was asked for; empty for none.

    Raises:
        DbtProjectError: there is no profile, or it does not have the target.
    """
    file = _profiles_file(project_dir)
    name = _read(project_dir / "dbt_project.yml").get("profile")
    profile = _read(file).get(str(name))
    if not isinstance(profile, dict):
        raise DbtProjectError(
            f"{file} has no profile {name!r}, which {project_dir / 'dbt_project.yml'} asks for",
            hint=f"add it to {file}, or correct `profile` in dbt_project.yml.",
        )
    outputs = profile.get("outputs")
    outputs = list(outputs) if isinstance(outputs, dict) else []
    if target and target not in outputs:
        raise DbtProjectError(
            f"the profile {name} in {file} has no target {target!r}, only {', '.join(outputs)}",
            hint="set MLP_DBT_TARGET to one of them, or to nothing for the profile's own.",
        )
    return Profile(folder=file.parent, target=target or (engine if engine in outputs else ""))


def _profiles_file(project_dir: Path) -> Path:
    said = os.environ.get("DBT_PROFILES_DIR")
    folders = [project_dir.resolve(), *([Path(said)] if said else []), Path.home() / ".dbt"]
    found = next((one / "profiles.yml" for one in folders if (one / "profiles.yml").exists()), None)
    if found is None:
        raise DbtProjectError(
            f"there is no profiles.yml for the dbt project {project_dir}: not in it, nor in "
            f"{' nor in '.join(map(str, folders[1:]))}",
            hint=f"put one into {project_dir}; docs.getdbt.com says what goes in.",
        )
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DbtProjectError(
            f"{file} cannot be read: {error}", hint="mend the file; dbt reads the same."
        ) from error
    return content if isinstance(content, dict) else {}
