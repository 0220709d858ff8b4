"""Several hundred models are one run of dbt: what fails, what is skipped, what an end leaves."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psutil
import pytest

from ml_platform.settings import Settings
from tests.support.dbt_runs import built_by_dagster, project_of, settings_of

pytestmark = pytest.mark.integration

MODELS: Final = 300
LOOSE: Final = "contract={'enforced': false}"
VIEW: Final = f"{{{{ config({LOOSE}) }}}}"
TABLE: Final = f"{{{{ config(materialized='table', {LOOSE}) }}}}"

MANY: Final = {
    **{
        f"staging/m{n:03d}.sql": f"{{{{ config({LOOSE}) }}}} select {n} as n" for n in range(MODELS)
    },
    "staging/broken.sql": f"{TABLE} select m.lost from {{{{ ref('m000') }}}} as m",
    "staging/below.sql": f"{TABLE} select * from {{{{ ref('broken') }}}}",
    "staging/beside.sql": f"{TABLE} select * from {{{{ ref('m001') }}}}",
}

SLOW: Final = {
    "staging/quick.sql": f"{TABLE} select 1 as n",
    "staging/slow.sql": f"{TABLE} select sum(hash(a.range)) as n from range(10000000) as a, "
    "range(100000000) as b, (select n from {{ ref('quick') }})",
}

RUN: Final = """
import sys, dagster as dg
from ml_platform.resources import resources_from
from ml_platform.settings import load_settings
from tests.support.dbt_runs import assets_of
settings = load_settings()
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    dg.materialize(
        [assets_of(settings)],
        instance=instance,
        resources=resources_from(settings).by_key(),
    )
"""
WITHIN_S: Final = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """How the run of many models ended."""

    settings: Settings
    result: dg.ExecuteInProcessResult

    @property
    def made(self) -> set[str]:
        """The assets that were recorded."""
        events = self.result.asset_materializations_for_node("features")
        return {event.asset_key.to_user_string() for event in events}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("many")
    settings = settings_of(folder / "home", project_dir=project_of(folder / "dbt", MANY))
    return Built(settings=settings, result=built_by_dagster(settings))


def test_only_what_is_downstream_of_a_failure_is_not_made(many: Built) -> None:
    assert many.made == {f"m{n:03d}" for n in range(MODELS)} | {"beside"}


def test_a_failure_names_its_model_and_no_other(many: Built) -> None:
    [failure] = many.result.get_step_failure_events()
    error: Any = failure.step_failure_data.error
    named = re.findall(r"^  (\S+) \(error\)", error.cause.message, flags=re.MULTILINE)
    assert named == ["broken"]


def test_it_was_one_run_of_dbt(many: Built) -> None:
    [folder] = (many.settings.home / "dbt_target").glob("*/features-*")
    assert (folder / "run_results.json").exists()


def test_a_run_that_is_interrupted_keeps_what_it_has_built_and_ends_dbt(tmp_path: Path) -> None:
    project = project_of(tmp_path / "dbt", SLOW)
    home = tmp_path / "home"
    environment = {"MLP_HOME": str(home), "MLP_PROJECT_DIR": str(project)}
    (tmp_path / "dagster").mkdir()
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        run = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RUN, str(tmp_path / "dagster")],
            env=os.environ | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(said, "START sql table model ml_local.slow")
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        run.wait(timeout=WITHIN_S)
    finally:
        run.kill()
        run.wait()
    assert children
    assert [one for one in children if one.is_running() and one.status() != "zombie"] == []
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        made = [
            name
            for name in ("quick", "slow")
            if instance.get_latest_materialization_event(dg.AssetKey(name))
        ]
    assert made == ["quick"], said.read_text()


def wait_for(file: Path, words: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while words not in file.read_text():
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.2)
