"""Dagster's home at its first use, by several processes at once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.integration

USE: Final = """
from ml_platform.backfill.dagster_home import open_instance
from ml_platform.settings import load_settings
with open_instance(load_settings()) as instance:
    print(instance.get_runs_count(), instance.event_log_storage.get_pool_limits())
    print(instance.schedule_storage.all_instigator_state())
"""


def test_a_fresh_home_may_be_used_by_several_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "MLP_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "d")}
    users = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", USE],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    said = [user.communicate(timeout=300)[0] for user in users]
    assert [user.returncode for user in users] == [0] * 4, "\n".join(said)
    assert said == ["0 []\n[]\n"] * 4
