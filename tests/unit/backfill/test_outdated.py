"""A backfill that makes nothing says which models are of yesterday's code."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_platform.backfill.session import Session
from ml_platform.clusters.open import resolved
from ml_platform.model_folder.read import read_model
from ml_platform.settings import Settings
from ml_platform.training.asset import RECIPE
from ml_platform.training.plan import make_request

MODEL = read_model("flight_delay")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Session(
            settings=Settings(home=tmp_path),
            definitions=dg.Definitions(),
            instance=instance,
            log=tmp_path / "log",
        )


def trained(session: Session, day: str, recipe: str) -> None:
    made = dg.AssetMaterialization(
        dg.AssetKey(["flight_delay", "model"]), partition=day, metadata={RECIPE: recipe}
    )
    session.instance.report_runless_asset_event(made)


def test_only_days_that_were_trained_otherwise_are_outdated(session: Session) -> None:
    today = make_request(
        MODEL.plan,
        "2013-03-01",
        [],
        storage_root=session.settings.storage_root,
        cluster=resolved(session.settings, MODEL.plan.cluster),
    ).recipe_hash()
    trained(session, "2013-03-01", today)
    trained(session, "2013-03-02", "of another train.py")
    trained(session, "2013-03-03", "of another train.py")
    trained(session, "2013-03-03", today)
    days = ["2013-03-01", "2013-03-02", "2013-03-03", "2013-03-04"]
    assert session.outdated(MODEL, days) == ["2013-03-02"]
    assert session.outdated(MODEL, []) == []
