"""The first days of a table, built at once by processes of their own into an empty warehouse."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ml_platform.features.project import prepared_manifest
from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import project_of, settings_of

pytestmark = pytest.mark.integration

DAYS: Final = [f"2013-01-1{number}" for number in range(5)]
WITHIN_S: Final = 600

ORDERS: Final = """
{{ config(contract={'enforced': false}) }}
select partition_date, count(*) as n
from (
    select cast(d as date) as partition_date
    from range(date '2013-01-10', date '2013-01-15', interval 1 day) as days(d)
)
where {{ dbt_features.days_being_built('partition_date') }}
group by partition_date
"""

BUILD: Final = """
import sys, dagster as dg
from ml_platform.resources import resources_from
from ml_platform.settings import load_settings
from tests.support.dbt_runs import assets_of
settings = load_settings()
with dg.DagsterInstance.ephemeral() as instance:
    dg.materialize(
        [assets_of(settings)],
        partition_key=sys.argv[1],
        instance=instance,
        resources=resources_from(settings).by_key(),
    )
"""


def test_all_their_rows_are_there(tmp_path: Path) -> None:
    project = project_of(tmp_path / "dbt", {"features/orders.sql": ORDERS})
    settings = settings_of(tmp_path / "home", project_dir=project)
    prepared_manifest(settings)
    environment = {
        **os.environ,
        "MLP_HOME": str(settings.home),
        "MLP_PROJECT_DIR": str(project),
    }
    builds = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", BUILD, day],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for day in DAYS
    ]
    try:
        said = [build.communicate(timeout=WITHIN_S)[0] for build in builds]
    finally:
        for build in builds:
            build.kill()
            build.wait()
    assert [build.returncode for build in builds] == [0] * len(DAYS), "\n".join(said)
    with open_warehouse(settings) as warehouse:
        rows = warehouse.run(
            "SELECT partition_date::VARCHAR AS day, n FROM ml_local.orders ORDER BY 1"
        )
    assert rows.to_pylist() == [{"day": day, "n": 1} for day in DAYS]
