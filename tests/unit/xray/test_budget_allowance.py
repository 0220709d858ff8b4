"""A budget warns, then refuses; and fails no training because the store is away."""

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import pytest

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import BudgetError, SettingsError
from ml_platform.settings import Settings
from ml_platform.training.record import Owner
from ml_platform.xray.budget_allowance import budget_allowance
from ml_platform.xray.store import open_store
from tests.support.xray import AT_S, DAY_S, Training

GROWTH: Final = Owner(run="run-2", root="run-2", team="growth")
TEN_MINUTES: Final = 630 / 3600
"""What `Training.train` pays for, at 1 for an hour of a CPU, with two CPUs: 0.35."""


def limited(tmp_path: Path, budgets: str, **values: Any) -> Settings:
    file = tmp_path / "clusters.yaml"
    file.write_text(f"namespace: ray\nbudgets: {budgets}")
    plain: dict[str, Any] = {
        "home": tmp_path / "home",
        "clusters_file": file,
        "price_cpu_hour": 1.0,
    }
    return Settings(**plain | values)


def asked(
    settings: Settings, owner: Owner = GROWTH, *, at_s: float = AT_S + 3600, **how: Any
) -> list[str]:
    """What is told of one more training."""
    wanted = Training(storage_root=settings.storage_root, partition="2013-03-20", **how)
    # Long enough for the busiest machine; the store makes its tables first.
    allowance = budget_allowance(settings, within_s=60.0, now=lambda: at_s)
    return list(allowance(wanted.request, owner))


def spend(settings: Settings, **claim: Any) -> float:
    """Leave an attempt in storage, which nobody has gathered; returns what it cost."""
    training = Training(storage_root=settings.storage_root)
    training.train(**{"team": "growth"} | claim)
    return training.cluster.cpus * TEN_MINUTES


def test_far_from_it_nothing_is_told(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_month: 500}}}")
    spend(settings)
    assert asked(settings) == []


def test_near_it_is_warned_with_the_sum_and_the_budget(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_month: 0.5, warn_from: 0.6}}}")
    cost = spend(settings)
    assert asked(settings) == [
        f"team growth has spent {cost:.2f} of its budget of 0.50 for this month (UTC), "
        f"{cost / 0.5:.0%}".replace("%", " %")
    ]


def test_beyond_it_is_refused_with_the_sum_the_budget_and_what_to_do(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_month: 0.3}}}")
    cost = spend(settings)
    with pytest.raises(BudgetError) as refused:
        asked(settings)
    assert f"team growth has spent {cost:.2f} of its budget of 0.30" in refused.value.message
    assert "Wait until 2026-12-01 00:00 UTC" in refused.value.hint
    assert "budgets.teams.growth.per_month" in refused.value.hint
    assert str(settings.clusters_file) in refused.value.hint
    assert "mlp xray cost --since 31d --by model" in refused.value.hint


def test_the_next_period_begins_with_nothing_spent(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.3}}}")
    spend(settings)
    with pytest.raises(BudgetError, match="for today"):
        asked(settings)
    assert asked(settings, at_s=AT_S + DAY_S) == []


def test_a_team_pays_for_its_own_alone_and_an_asset_whoever_owns_it(tmp_path: Path) -> None:
    by_team = limited(tmp_path, "{teams: {growth: {per_day: 0.3}, risk: {per_day: 0.3}}}")
    spend(by_team, team="risk")
    assert asked(by_team) == []
    by_asset = limited(tmp_path, "{assets: {flight_delay/model: {per_day: 0.3}}}")
    with pytest.raises(BudgetError, match="asset flight_delay/model has spent") as refused:
        asked(by_asset)
    assert "--by partition --model flight_delay" in refused.value.hint


def test_what_has_no_price_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.1}}}", price_cpu_hour=0.0)
    spend(settings)
    (told,) = asked(settings)
    assert "of 1 of its attempts the cost is unknown" in told


def test_on_a_machine_of_ones_own_and_without_a_budget_nothing_is_opened(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.1}}}")
    spend(settings)
    assert asked(settings, cluster=ClusterSpec(provisioner="local")) == []
    assert asked(settings, Owner(run="run-2", root="run-2")) == []
    assert not (settings.home / "xray").exists()


def test_a_store_that_is_away_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    away = "postgresql://ann:secret@127.0.0.1:1/xray"
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.1}}}", xray_uri=away)
    spend(settings)
    (told,) = asked(settings)
    assert told.startswith("the budget of team growth could not be looked at: X-Ray's database")
    assert "secret" not in told


def test_a_store_that_is_no_database_refuses_nothing(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.1}}}")
    (settings.home / "xray").mkdir(parents=True)
    (settings.home / "xray" / "xray.db").write_text("no database, and long enough to be seen so")
    (told,) = asked(settings)
    assert "file is not a database" in told


def test_a_store_that_is_locked_is_waited_for_no_longer_than_there_is_time(tmp_path: Path) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.1}}}")
    spend(settings)
    with open_store(settings):
        pass
    other = sqlite3.connect(settings.home / "xray" / "xray.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    wanted = Training(storage_root=settings.storage_root, partition="2013-03-20")
    allowance = budget_allowance(settings, within_s=1.0, now=lambda: AT_S + 3600)
    (told,) = allowance(wanted.request, GROWTH)
    assert time.monotonic() - began < 4
    assert "could not be looked at: X-Ray did not answer within 1 s" in told
    other.close()


def test_where_the_storage_is_away_what_is_known_counts_and_that_it_may_be_more_is_told(
    tmp_path: Path,
) -> None:
    settings = limited(tmp_path, "{teams: {growth: {per_day: 0.4, warn_from: 0.5}}}")
    spend(settings)
    warned = asked(settings)
    storage = Path(settings.storage_root.removeprefix("file://"))
    shutil.move(storage, tmp_path / "moved")
    storage.write_text("no folder")
    told = asked(settings)
    assert told[0] == warned[0]
    assert "may be more" in told[1]


def test_a_budget_that_cannot_be_read_is_told_when_the_code_location_is_loaded(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match=r"teams\.growth"):
        budget_allowance(limited(tmp_path, "{teams: {growth: {}}}"))
