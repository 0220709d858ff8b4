"""The dbt project as the platform sees it: its environment, its manifest and its version.

The manifest is parsed when a file of the project has changed, into a folder of its own under the
platform's home, so a read-only checkout will do and several processes may load it at once.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from ml_platform.errors import DbtProjectError
from ml_platform.file_lock import file_lock
from ml_platform.warehouse.interface import WarehouseAccess
from ml_platform.warehouse.settings import WarehouseSettings

# What dbt itself writes into a project's folder.
_NOT_SOURCE: Final = {"target", "logs", "dbt_packages", ".user.yml", "__pycache__"}
_PLACES: Final = {
    *("DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR"),
    "MLP_DBT_DUCKDB_PATH",
}
_STAMP: Final = "prepared_for"
_KEPT: Final = ("manifest.json", "partial_parse.msgpack")
_ASIDE: Final = "parse-"
# dagster-dbt's name for a run's folder: that of the op, then ids.
_LEFT_BY_RUNS: Final = ("features-*", "staging-*", "column_lineage.json.*")
_KEPT_FOR_S: Final = 7 * 86_400


class DbtSettings(WarehouseSettings, Protocol):
    """The dbt project, and the warehouse that it builds in."""

    @property
    def project_dir(self) -> Path:
        """The project's folder."""

    @property
    def home(self) -> Path:
        """Folder on this machine, for the parsed project."""


class DbtAccess(Protocol):
    """The dbt project as an asset is given it: the resource `dbt`."""

    def on(self, warehouse: WarehouseAccess) -> DbtSettings:
        """The project, building in `warehouse`."""


def dbt_variables(settings: DbtSettings) -> dict[str, str]:
    """The environment variables that the project's `profiles.yml` reads, and dbt's own paths."""
    target = str(target_folder(settings))
    project = str(settings.project_dir.resolve())  # dbt runs inside of it
    variables = {
        "MLP_DBT_TARGET": settings.warehouse,
        # dbt parses all anew for another target, and "none given" is another than the same one.
        "DBT_TARGET": settings.warehouse,
        "MLP_DBT_SCHEMA": settings.feature_schema,
        "MLP_DBT_DUCKDB_PATH": str(settings.duckdb_file),
        "DBT_TARGET_PATH": target,
        "DBT_LOG_PATH": target,
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if settings.warehouse == "bigquery":
        variables |= {
            "MLP_DBT_BIGQUERY_PROJECT": settings.bigquery_project,
            "MLP_DBT_BIGQUERY_LOCATION": settings.bigquery_location,
            "MLP_DBT_BIGQUERY_MAXIMUM_BYTES_BILLED": str(settings.bigquery_maximum_bytes_billed),
        }
    if settings.bigquery_api_endpoint:  # an emulator takes any token
        variables |= {
            "MLP_DBT_BIGQUERY_API_ENDPOINT": settings.bigquery_api_endpoint,
            "MLP_DBT_BIGQUERY_METHOD": "oauth-secrets",
            "MLP_DBT_BIGQUERY_TOKEN": "emulator",
        }
    return variables


def database(settings: DbtSettings) -> str:
    """What dbt calls the database that it builds in: DuckDB's by its file, BigQuery's project."""
    if settings.warehouse == "bigquery":
        return settings.bigquery_project
    return settings.duckdb_file.stem


@contextmanager
def dbt_environment(settings: DbtSettings, more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Set the variables for dbt inside this process; dagster-dbt takes them from nowhere else."""
    variables = {**dbt_variables(settings), **(more or {})}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def target_folder(settings: DbtSettings) -> Path:
    """Where dbt keeps the parsed project, one folder for each engine and schema."""
    return (
        settings.home.resolve() / "dbt_target" / f"{settings.warehouse}_{settings.feature_schema}"
    )


def dbt_executable() -> str:
    """The `dbt` of this Python's environment, which need not be on the PATH."""
    beside = Path(sys.executable).parent / "dbt"
    return str(beside) if beside.exists() else "dbt"


def manifest_hash(settings: DbtSettings) -> str:
    """Names what dbt builds: the content of all files of the project, and dbt's version."""
    digest = hashlib.sha256(metadata.version("dbt-core").encode())
    for path in _source_files(settings.project_dir):
        digest.update(f"\0{path.relative_to(settings.project_dir)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def prepared_manifest(settings: DbtSettings) -> Path:
    """The path of a manifest that fits the project's files; parses them if they have changed.

    Needs no warehouse and no network.

    Raises:
        DbtProjectError: the project is not there, or dbt cannot parse it.
    """
    if not (settings.project_dir / "dbt_project.yml").exists():
        raise DbtProjectError(
            f"there is no dbt project in {settings.project_dir}",
            hint="set MLP_PROJECT_DIR to the folder that has dbt_project.yml.",
        )
    folder = target_folder(settings)
    manifest = folder / "manifest.json"
    variables = dbt_variables(settings)
    # The manifest has the names of tables, and of DuckDB's file only the stem, but no place.
    named = {name: value for name, value in variables.items() if name not in _PLACES}
    wanted = json.dumps([manifest_hash(settings), named, settings.duckdb_file.stem])
    if _is_prepared(folder, wanted):
        return manifest
    with file_lock(folder / "lock"):  # several processes may load the definitions at once
        if not _is_prepared(folder, wanted):
            _parse(settings, folder)
            (folder / _STAMP).write_text(wanted)
    return manifest


def _is_prepared(folder: Path, wanted: str) -> bool:
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text() == wanted and (folder / "manifest.json").exists()


def _parse(settings: DbtSettings, folder: Path) -> None:
    """Parse aside and move the result into place, so that nobody reads half a manifest.

    The caller holds the folder's lock.
    """
    for left_behind in folder.glob(f"{_ASIDE}*"):  # by a parse that was killed
        shutil.rmtree(left_behind, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_ASIDE) as aside:
        saved = folder / "partial_parse.msgpack"
        if saved.exists():
            shutil.copy(saved, aside)
        paths = {"DBT_TARGET_PATH": aside, "DBT_LOG_PATH": aside}
        done = subprocess.run(
            [dbt_executable(), "--quiet", "--no-use-colors", "parse"],
            env={**os.environ, **dbt_variables(settings), **paths},
            cwd=settings.project_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise _project_error(settings.project_dir, done.stdout + done.stderr)
        for name in _KEPT:
            (Path(aside) / name).replace(folder / name)


def _project_error(project_dir: Path, said: str) -> DbtProjectError:
    hint = "mend the file that dbt names."
    if "dbt deps" in said:
        hint = f"install its packages: `dbt deps --project-dir {shlex.quote(str(project_dir))}`."
    return DbtProjectError(f"dbt cannot parse {project_dir}:\n{_indented(said)}", hint=hint)


def remove_old_runs(folder: Path, *, now: float) -> None:
    """Remove what failed and killed builds have left in the target folder, a week after.

    A build that succeeds removes its own; that of one that failed has dbt's log.
    """
    for pattern in _LEFT_BY_RUNS:
        for path in folder.glob(pattern):
            with suppress(OSError):  # another process removes it too
                if now - path.stat().st_mtime > _KEPT_FOR_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def _source_files(project_dir: Path) -> list[Path]:
    return sorted(
        path
        for path in project_dir.rglob("*")
        if path.is_file() and not _NOT_SOURCE & set(path.relative_to(project_dir).parts)
    )
