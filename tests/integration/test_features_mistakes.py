"""Mistakes in a dbt project, as its author is told of them when the definitions are loaded."""

from pathlib import Path
from typing import Final

import pytest

from ml_platform.errors import DbtProjectError
from tests.support.dbt_runs import assets_of, project_of, settings_of

pytestmark = pytest.mark.integration

ONE: Final = "select 1 as n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"features/orders.sql": "select 1 as n\nfrom {{ ref('other' }}"},
            ["features/orders.sql", "line 2"],
        ),
        (
            {"features/orders.sql": "select * from {{ source('shop', 'orders') }}"},
            ["features/orders.sql", "source named 'shop.orders'"],
        ),
        (
            {
                "features/orders.sql": ONE,
                "features/orders.yml": "models:\n  - name: orders\n   x: [",
            },
            ["features/orders.yml", "line 3"],
        ),
    ],
    ids=["jinja", "source", "yaml"],
)
def test_a_mistake_is_told_in_dbts_words_with_its_file(
    files: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    project = project_of(tmp_path / "dbt", files)
    with pytest.raises(DbtProjectError) as caught:
        assets_of(settings_of(tmp_path / "home", project_dir=project))
    assert [words for words in said if words not in caught.value.message] == []
    assert caught.value.hint == "mend the file that dbt names."


def test_packages_that_are_not_installed_come_with_the_command_that_installs_them(
    tmp_path: Path,
) -> None:
    project = project_of(tmp_path / "my dbt", {"features/orders.sql": ONE})
    with (project / "packages.yml").open("a") as packages:
        packages.write("  - {package: dbt-labs/dbt_utils, version: 1.3.0}\n")
    with pytest.raises(DbtProjectError, match=r"specified in packages\.yml") as caught:
        assets_of(settings_of(tmp_path / "home", project_dir=project))
    assert f"dbt deps --project-dir '{project}'" in caught.value.hint
