"""What tells one installation from another."""

from pathlib import Path

import pytest

from ml_platform.errors import SettingsError
from ml_platform.place import claim_storage, place_of
from ml_platform.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_the_same_settings_are_the_same_place(settings: Settings) -> None:
    there = place_of(settings).as_dict()
    assert place_of(settings).differences(there) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"sandbox": "mine"}, "namespace local_mine"),
        ({"duckdb_path": Path("/elsewhere/flights.duckdb")}, "warehouse /elsewhere/flights.duckdb"),
        ({"storage_uri": "gs://bucket/mlp"}, "storage gs://bucket/mlp/local"),
        ({"mlflow_tracking_uri": "http://mlflow:5000"}, "registry http://mlflow:5000"),
    ],
)
def test_what_differs_is_named_with_its_value(
    settings: Settings, change: dict[str, object], name: str
) -> None:
    other = place_of(settings.model_copy(update=change))
    assert name in place_of(settings).differences(other.as_dict())


def test_another_home_is_another_place(settings: Settings, tmp_path: Path) -> None:
    other = place_of(settings.model_copy(update={"home": tmp_path / "other"}))
    assert len(place_of(settings).differences(other.as_dict())) == 3


def test_a_place_tells_nobody_a_password(settings: Settings) -> None:
    secret = settings.model_copy(update={"mlflow_tracking_uri": "https://me:secret@mlflow/x"})
    assert place_of(secret).registry == "https://mlflow/x"


def test_a_bucket_is_that_of_the_first_installation(tmp_path: Path) -> None:
    bucket = (tmp_path / "bucket").as_uri()
    first, second = (
        Settings(home=tmp_path / name, storage_uri=bucket) for name in ("first", "second")
    )
    claim_storage(first)
    claim_storage(first)

    with pytest.raises(SettingsError) as raised:
        claim_storage(second)

    assert str(first.duckdb_file) in raised.value.message
    assert "MLP_SANDBOX" in raised.value.hint
    claim_storage(second.model_copy(update={"sandbox": "mine"}))


def test_two_warehouses_at_one_path_on_two_machines_are_told_apart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", storage_uri=(tmp_path / "bucket").as_uri())
    claim_storage(settings)
    (tmp_path / "home").rename(tmp_path / "home of another machine")

    with pytest.raises(SettingsError):
        claim_storage(settings)


def test_storage_under_the_home_moves_with_it(tmp_path: Path) -> None:
    claim_storage(Settings(home=tmp_path / "before"))
    assert not (tmp_path / "before").exists()
