"""What takes long and is shared by the session: platform homes, each built on the one before.

Treat them as read-only; `tests.support.dbt_runs.copy_of_home` makes a home to write into.
"""

import os
import pickle
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from ml_platform.backfill.dagster_home import CONFIG_FILE, CONFIG_TEMPLATE
from ml_platform.features.project import prepared_manifest
from ml_platform.file_lock import file_lock
from ml_platform.warehouse.example_data import load_example_data
from ml_platform.warehouse.open import open_warehouse
from tests.support.commands import Said, mlp, start_mlp
from tests.support.dbt_runs import build_days, copy_of_home, dbt, settings_of


@pytest.fixture(scope="session")
def raw_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A home whose warehouse has the raw tables and the staging views; dbt's project is parsed."""
    home = _of_all_processes(tmp_path_factory, worker_id) / "raw_home"
    with file_lock(home.with_suffix(".lock")):
        if not home.exists():
            _build_raw_home(home.with_suffix(".building")).rename(home)
    return home


def _of_all_processes(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of this session; the first of its processes makes what lies there, for all."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


def _build_raw_home(home: Path) -> Path:
    home.mkdir(exist_ok=True)
    settings = settings_of(home)
    prepared_manifest(settings)
    with open_warehouse(settings) as warehouse:
        load_example_data(warehouse)
    built = dbt(settings, "run", "--select", "staging")
    assert built.code == 0, built.output
    return home


@pytest.fixture(scope="session")
def platform_home(raw_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the feature tables of 2013-01-01 to 2013-03-31 too."""
    home = copy_of_home(raw_home, tmp_path_factory.mktemp("platform") / "home")
    built = build_days(settings_of(home), "2013-01-01", "2013-04-01")
    assert built.code == 0, built.output
    return home


MODEL = "flight_delay"
TRAINED_DAY = "2013-03-16"
INTERRUPT_WITHIN_S = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class MainJob:
    """The main job of one day, interrupted while it trained and then run again.

    Attributes:
        home: Where it ran.
        as_made: A copy of it, which no test changes.
        interrupted: How the first command ended.
        finished: How the second ended.
    """

    home: Path
    as_made: Path
    interrupted: Said
    finished: Said


@pytest.fixture(scope="session")
def main_job(raw_home: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> MainJob:
    """Everything from features to champion of one day, by the command line.

    Only the tests of one file work on its home; those of other processes may look at `as_made`.
    """
    folder = _of_all_processes(tmp_path_factory, worker_id) / "main_job"
    done = folder / "done.pickle"
    with file_lock(folder.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            done.write_bytes(pickle.dumps(_run_main_job(raw_home, folder)))
    made = pickle.loads(done.read_bytes())
    assert isinstance(made, MainJob)
    return made


def _run_main_job(raw_home: Path, folder: Path) -> MainJob:
    # With a space, as every stage makes an address of it.
    home = copy_of_home(raw_home, folder / "ho me")
    day = ("--from", TRAINED_DAY, "--to", TRAINED_DAY)
    command = ["backfill", MODEL, *day, "--here"]
    log = home / "interrupted.log"
    with dagster_of(home) as instance:
        # Makes the databases, which two processes at once could not.
        instance.get_runs_count()
        process = start_mlp(home, command, log)
        try:
            wait_for_message(instance, "epoch 1:", within_s=INTERRUPT_WITHIN_S)
            # What a terminal does on Ctrl-C: the whole group hears of it.
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
    interrupted = Said(code=code, out=log.read_text(), err="")
    finished = mlp(home, *command)
    # As long as Ray is up there are sockets in its folder.
    as_made = shutil.copytree(home, folder / "as made", ignore=shutil.ignore_patterns("ray"))
    return MainJob(home=home, as_made=as_made, interrupted=interrupted, finished=finished)


def dagster_of(home: Path) -> dg.DagsterInstance:
    """The Dagster instance of a home, made with the settings that `mlp` gives one."""
    folder = home / "dagster"
    folder.mkdir(exist_ok=True)
    if not (folder / CONFIG_FILE).exists():
        (folder / CONFIG_FILE).write_text(CONFIG_TEMPLATE.read_text())
    return dg.DagsterInstance.from_config(str(folder))


def wait_for_message(instance: dg.DagsterInstance, text: str, *, within_s: float) -> None:
    """Wait until a run that goes on says `text`."""
    running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    deadline = time.monotonic() + within_s
    said: list[str] = []
    while time.monotonic() < deadline:
        runs = instance.get_runs(filters=running)
        said = [entry.user_message for run in runs for entry in instance.all_logs(run.run_id)]
        if any(text in message for message in said):
            return
        time.sleep(0.5)
    raise TimeoutError(
        f"no run said {text!r} within {within_s:.0f} s, but:\n" + "\n".join(said[-20:])
    )
