"""X-Ray's pages over one storage, for all tests that only read them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ml_platform.settings import Settings
from tests.support.xray_pages import Story, pages_of, tell_story


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Story]:
    settings = Settings(
        home=tmp_path_factory.mktemp("xray_pages") / "home",
        dagster_url="https://dagster.example/",
        mlflow_ui_url="https://mlflow.example/",
        price_cpu_hour=1.0,
        xray_findings="straggler",
    )
    return settings, tell_story(settings.storage_root)


@pytest.fixture(scope="session")
def story(written: tuple[Settings, Story]) -> Story:
    return written[1]


@pytest.fixture(scope="session")
def reader(written: tuple[Settings, Story]) -> Iterator[httpx.Client]:
    """Somebody on this machine."""
    with pages_of(written[0]) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
