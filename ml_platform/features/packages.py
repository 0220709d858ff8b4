"""A project's dbt packages, as far as they can be installed without a network."""

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from ml_platform.file_lock import file_lock

_FILES: Final = ("packages.yml", "dependencies.yml")
_FOLDER: Final = "dbt_packages"


def install_local_packages(project_dir: Path, *, dbt: str, lock: Path) -> None:
    """Run `dbt deps` where all packages are folders of this machine and one is not installed.

    With any other package that is the user's to do: it needs a network, and a choice of versions.
    Where it fails, dbt says by itself that a package is missing.

    Args:
        project_dir: The project, whose own files say what is installed and where.
        dbt: The program.
        lock: A file that all processes agree on: only one of them installs.
    """
    if not _is_missing(project_dir):
        return
    with file_lock(lock):
        if _is_missing(project_dir):
            subprocess.run(
                [dbt, "--quiet", "deps", "--project-dir", str(project_dir)],
                cwd=project_dir,
                capture_output=True,
                check=False,
            )


def _is_missing(project_dir: Path) -> bool:
    """Whether fewer packages are there than are named, which is how dbt knows it; all local."""
    wanted = [
        package for name in _FILES for package in _read(project_dir / name).get("packages") or ()
    ]
    if not wanted or any("local" not in package for package in wanted):
        return False
    folder = _read(project_dir / "dbt_project.yml").get("packages-install-path", _FOLDER)
    try:
        installed = [one for one in (project_dir / folder).iterdir() if one.is_dir()]
    except FileNotFoundError:
        return True
    return len(installed) < len(wanted)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError):  # not there, or dbt names the line
        return {}
    return found if isinstance(found, dict) else {}
