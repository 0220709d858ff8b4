"""The Google clients from the settings."""

from pathlib import Path

import pytest

from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.warehouse.bigquery_clients import rest_client, storage_client


def test_without_a_project_the_variable_to_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        rest_client(Settings(warehouse="bigquery", home=tmp_path))
    assert "MLP_BIGQUERY_PROJECT" in caught.value.hint


def test_an_emulator_gets_no_credentials(tmp_path: Path) -> None:
    from google.auth.credentials import AnonymousCredentials

    client = rest_client(
        Settings(bigquery_project="p", bigquery_api_endpoint="http://127.0.0.1:9050", home=tmp_path)
    )
    assert isinstance(client._credentials, AnonymousCredentials)
    client.close()


def test_an_emulator_without_its_second_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        storage_client(Settings(bigquery_api_endpoint="http://127.0.0.1:9050", home=tmp_path))
    assert "MLP_BIGQUERY_STORAGE_ENDPOINT" in caught.value.hint
