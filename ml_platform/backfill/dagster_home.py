"""Dagster's home: made with our settings at its first use, the same for `mlp` and `make dev`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_platform.errors import SettingsError
from ml_platform.file_lock import file_lock
from ml_platform.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

CONFIG_FILE: Final = "dagster.yaml"
CONFIG_TEMPLATE: Final = Path(__file__).parent / CONFIG_FILE
_LOCK: Final = "mlp.lock"


def prepare_dagster_home(settings: Settings) -> Path:
    """The folder of Dagster's state, made if it is not there; this process and its children use it.

    A `dagster.yaml` that is there already is left as it is.

    Raises:
        SettingsError: the folder cannot be made.
    """
    folder = settings.dagster_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / CONFIG_FILE
        with file_lock(folder / _LOCK):
            if not config.exists():
                aside = folder / f"{CONFIG_FILE}.new"
                aside.write_text(CONFIG_TEMPLATE.read_text())
                aside.replace(config)
    except OSError as error:
        raise SettingsError(
            f"Dagster's home {folder} cannot be made: {error.strerror}",
            hint="set DAGSTER_HOME, or MLP_HOME, to a folder that you may write to.",
        ) from error
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    """Dagster's instance; use it as a context manager.

    Raises:
        SettingsError: its configuration is not usable.
    """
    import dagster as dg

    folder = prepare_dagster_home(settings)
    try:
        # Dagster makes its SQLite files when they are first used, and two at once fail.
        with file_lock(folder / _LOCK):
            instance = dg.DagsterInstance.get()
            instance.get_runs_count()
            return instance
    except dg.DagsterError as error:
        raise SettingsError(
            f"Dagster does not start from {folder}: {error}",
            hint=f"mend {folder / CONFIG_FILE}, or remove it: a new one is made.",
        ) from error
