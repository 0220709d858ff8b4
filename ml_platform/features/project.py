"""The dbt project as the platform sees it: its environment, its manifest and its version.

The manifest is parsed when a file of the project has changed, into a folder of its own under the
platform's home, so a read-only checkout will do and several processes may load it at once.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from ml_platform.errors import DbtProjectError
from ml_platform.features.manifest import read_nodes
from ml_platform.features.nodes import FORMAT, Project, from_json, to_json
from ml_platform.features.packages import install_local_packages
from ml_platform.features.profile import find_profile
from ml_platform.features.version import project_version
from ml_platform.file_lock import file_lock
from ml_platform.warehouse.interface import TableRef, WarehouseAccess
from ml_platform.warehouse.settings import WarehouseSettings

_PLACES: Final = {
    *("DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR"),
    "MLP_DBT_DUCKDB_PATH",
}
_STAMP: Final = "prepared_for"
SAVED_PARSE: Final = "partial_parse.msgpack"
_KEPT: Final = ("manifest.json", SAVED_PARSE)
_NODES: Final = "nodes.json"
_ASIDE: Final = "parse-"
RUN_FOLDER: Final = "features-"
"""What the name of an invocation's folder begins with."""
# Those of `staging` are of runs before the whole project was one definition.
_LEFT_BY_RUNS: Final = (f"{RUN_FOLDER}*", "staging-*", "column_lineage.json.*", f"{_NODES}.*")
_KEPT_FOR_S: Final = 7 * 86_400


class DbtSettings(WarehouseSettings, Protocol):
    """The dbt project, and the warehouse that it builds in."""

    @property
    def project_dir(self) -> Path:
        """The project's folder."""

    @property
    def dbt_target(self) -> str:
        """The target of the project's profile; empty for that of the engine's name, or its own."""

    @property
    def home(self) -> Path:
        """Folder on this machine, for the parsed project."""


class DbtAccess(Protocol):
    """The dbt project as an asset is given it: the resource `dbt`."""

    def on(self, warehouse: WarehouseAccess) -> DbtSettings:
        """The project, building in `warehouse`."""


def dbt_variables(settings: DbtSettings) -> dict[str, str]:
    """The environment variables that the project's `profiles.yml` reads, and dbt's own paths.

    Raises:
        DbtProjectError: the project has no profile, or it has no such target.
    """
    target = str(target_folder(settings))
    project = str(settings.project_dir.resolve())  # dbt runs inside of it
    profile = find_profile(
        settings.project_dir, engine=settings.warehouse, target=settings.dbt_target
    )
    variables = {
        "MLP_DBT_TARGET": profile.target or settings.warehouse,
        "MLP_DBT_SCHEMA": settings.feature_schema,
        "MLP_DBT_DUCKDB_PATH": str(settings.duckdb_file),
        "DBT_TARGET_PATH": target,
        "DBT_LOG_PATH": target,
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": str(profile.folder),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    if profile.target:
        # dbt parses all anew for another target, and "none given" is another than the same one.
        variables["DBT_TARGET"] = profile.target
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


def target_folder(settings: DbtSettings) -> Path:
    """Where dbt keeps the parsed project, one folder for each engine, schema and target."""
    name = f"{settings.warehouse}_{settings.feature_schema}"
    if settings.dbt_target:
        name = f"{name}_{settings.dbt_target}"
    return settings.home.resolve() / "dbt_target" / name


def dbt_executable() -> str:
    """The `dbt` of this Python's environment, which need not be on the PATH."""
    beside = Path(sys.executable).parent / "dbt"
    return str(beside) if beside.exists() else "dbt"


def manifest_hash(settings: DbtSettings) -> str:
    """Names what dbt builds: the content of all files of the project, and dbt's version."""
    return project_version(settings.project_dir)


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
    install_local_packages(
        settings.project_dir, dbt=dbt_executable(), lock=folder.parent / "packages.lock"
    )
    wanted = _wanted(settings)
    if not _is_prepared(folder, wanted):
        with file_lock(folder / "lock"):  # several processes may load the definitions at once
            if not _is_prepared(folder, wanted):
                _parse(settings, folder)
                (folder / _STAMP).write_text(wanted)
    return folder / "manifest.json"


def load_project(settings: DbtSettings) -> Project:
    """The project's nodes, parsed anew if its files have changed; a process reads them once.

    Raises:
        DbtProjectError: the project is not there, dbt cannot parse it, or two of its nodes would be
            one asset.
    """
    folder = prepared_manifest(settings).parent
    stamp = (folder / _STAMP).read_text()
    known = _loaded.get(folder)
    if known is None or known[0] != stamp:
        known = stamp, _read_nodes(folder, json.loads(stamp)[1])
        _loaded[folder] = known
    return known[1]


_loaded: dict[Path, tuple[str, Project]] = {}
"""By target folder: what it was prepared for, and the project."""


def feature_table(settings: DbtSettings, asset: str) -> TableRef:
    """The table of an asset of the project, by the name that dbt gives it.

    Raises:
        DbtProjectError: the project cannot be parsed.
    """
    node = load_project(settings).named(asset)
    # What somebody else makes is where the features are, under its own name.
    return node.ref if node else TableRef(settings.feature_schema, asset)


def event_day(settings: DbtSettings, asset: str) -> str:
    """The column with the day of a row of a daily table; empty for what is none of the project."""
    node = load_project(settings).named(asset)
    return node.event_day if node else ""


def parsed_project(settings: DbtSettings) -> Project:
    """The project as it was parsed last, whatever has changed since.

    Raises:
        OSError: it was never parsed.
        ValueError: the file is cut off.
    """
    folder = target_folder(settings)
    known = _loaded.get(folder)
    return known[1] if known else from_json((folder / _NODES).read_text())


def _read_nodes(folder: Path, version: str) -> Project:
    kept = folder / _NODES
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there, or cut off
        project = from_json(kept.read_text())
        if project.version == version:
            return project
    project = read_nodes(json.loads((folder / "manifest.json").read_bytes()), version=version)
    with suppress(OSError):  # a folder that may only be read: the next process reads it all again
        aside = kept.with_name(f"{_NODES}.{os.getpid()}")
        aside.write_text(to_json(project))
        aside.replace(kept)
    return project


def _wanted(settings: DbtSettings) -> str:
    """What a parse is good for: the same files, and the same names of tables."""
    variables = dbt_variables(settings)
    # The manifest has the names of tables, and of DuckDB's file only the stem, but no place.
    named = {name: value for name, value in variables.items() if name not in _PLACES}
    return json.dumps([FORMAT, manifest_hash(settings), named, settings.duckdb_file.stem])


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
        saved = folder / SAVED_PARSE
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
