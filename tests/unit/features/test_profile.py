"""Which profile and target dbt builds with."""

from pathlib import Path

import pytest

from ml_platform.errors import DbtProjectError
from ml_platform.features.profile import find_profile

TWO = "shop: {target: dev, outputs: {dev: {type: duckdb}, prod: {type: duckdb}}}"


def project(folder: Path, profiles: str | None, *, name: str = "shop") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "dbt_project.yml").write_text(f"name: shop\nprofile: {name}\n")
    if profiles is not None:
        (folder / "profiles.yml").write_text(profiles)
    return folder


def test_the_profiles_own_target_holds(tmp_path: Path) -> None:
    assert find_profile(project(tmp_path, TWO), engine="duckdb").target == ""


def test_a_target_that_is_called_as_the_warehouse_is_comes_before_it(tmp_path: Path) -> None:
    profiles = "shop: {target: dev, outputs: {dev: {}, bigquery: {}}}"
    assert find_profile(project(tmp_path, profiles), engine="bigquery").target == "bigquery"


def test_one_that_was_asked_for_comes_first(tmp_path: Path) -> None:
    assert find_profile(project(tmp_path, TWO), engine="dev", target="prod").target == "prod"


def test_a_project_without_profiles_has_those_of_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_PROFILES_DIR", str(project(tmp_path / "home", TWO)))
    bare = project(tmp_path / "shop", None)
    assert find_profile(bare, engine="duckdb").folder == tmp_path / "home"


@pytest.mark.parametrize(
    ("profiles", "target", "said"),
    [
        (TWO, "ci", "no target 'ci', only dev, prod"),
        ("other: {outputs: {}}", "", "has no profile 'shop'"),
        ("shop: [", "", "cannot be read"),
        ("- shop", "", "has no profile 'shop'"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(
    profiles: str, target: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DbtProjectError, match=said) as caught:
        find_profile(project(tmp_path, profiles), engine="duckdb", target=target)
    assert "profiles.yml" in caught.value.message


def test_no_profiles_anywhere_is_said_with_where_they_were_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DbtProjectError, match=r"no profiles\.yml") as caught:
        find_profile(project(tmp_path / "shop", None), engine="duckdb")
    assert str(tmp_path / ".dbt") in caught.value.message
