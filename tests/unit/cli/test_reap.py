"""Reaping as a person asks for it."""

from pathlib import Path

import pytest

from ml_platform.cli.reap import reap_now
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.settings import Settings
from tests.support.xray_clusters import ADAS, AN_HOUR_S, JOBS, clusters_of
from tests.support.xray_pages import NOW_S
from tests.unit.clusters.kuberay.clusters import CONFIG


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a home whose Dagster cannot be opened."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("storage: {nothing: known}")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return Settings(home=tmp_path)


@pytest.mark.parametrize(("dry_run", "left"), [(True, 1), (False, 0)])
def test_what_has_expired_goes_also_while_dagster_is_away_which_is_told(
    settings: Settings, dry_run: bool, left: int
) -> None:
    told: list[str] = []
    with clusters_of(settings) as some:
        later = EphemeralProvisioner(CONFIG, api=some.server.api, now=lambda: NOW_S + 9 * AN_HOUR_S)
        found = list(reap_now(settings, [later], dry_run=dry_run, tell=told.append))
        assert len(some.server.objects[JOBS]) == left
    assert [(one.name, one.removed) for one in found] == [(ADAS, not dry_run)]
    assert "Dagster cannot be asked" in told[0]
