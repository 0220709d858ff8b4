"""How soon the instance of `deploy/dagster.yaml` notices what a run has left behind."""

from pathlib import Path
from typing import Any

import pytest
import yaml

DAGSTER_YAML = Path(__file__).resolve().parents[3] / "deploy" / "dagster.yaml"
DAGSTERS_OWN_POLL_S = 120


@pytest.fixture
def monitoring() -> dict[str, Any]:
    return dict(yaml.safe_load(DAGSTER_YAML.read_text())["run_monitoring"])


def test_a_pools_slot_is_free_within_half_a_minute_of_a_runs_end(
    monitoring: dict[str, Any],
) -> None:
    # Each round of the daemon frees the slots of runs that have ended for so long.
    worst_s = monitoring["free_slots_after_run_end_seconds"] + monitoring.get(
        "poll_interval_seconds", DAGSTERS_OWN_POLL_S
    )
    assert monitoring["enabled"]
    assert worst_s <= 30


def test_slots_are_freed_at_all(monitoring: dict[str, Any]) -> None:
    # Dagster takes 0 for "never".
    assert monitoring["free_slots_after_run_end_seconds"] > 0
