"""The pages of `docs/`, followed word by word by a reader with real commands.

They are one story, so each page's test goes on where the page before it ended.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import PROJECT_ROOT
from tests.support.dagster_server import dagster_at
from tests.support.followed_pages import DOCS, Reader, blocks_of, new_reader

pytestmark = pytest.mark.integration

MODEL = "ml_platform/defs/models/returns"
SERVER = "http://127.0.0.1:3000"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    # A Dagster of the machine's owner may answer at the usual address.
    url = f"http://127.0.0.1:{free_port()}"
    newcomer = new_reader(tmp_path_factory.mktemp("reader"), MLP_DAGSTER_URL=url)
    newcomer.replaced[SERVER] = url
    return newcomer


@pytest.fixture(scope="module")
def with_raw_data(reader: Reader) -> Reader:
    reader.follow("own-raw-data.md")
    return reader


@pytest.fixture(scope="module")
def with_model(with_raw_data: Reader) -> Reader:
    with_raw_data.follow("first-feature-table.md")
    return with_raw_data


@pytest.fixture(scope="module")
def with_server(with_model: Reader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with dagster_at(
        with_model.replaced[SERVER],
        tmp_path_factory.mktemp("server") / "server.log",
        home=with_model.checkout / ".mlp",
        cwd=with_model.checkout,
        env={
            **with_model.variables(),
            # As the Makefile sets it.
            "DAGSTER_HOME": str(with_model.checkout / ".mlp" / "dagster"),
        },
    ):
        yield with_model


def test_own_raw_data_becomes_a_source(with_raw_data: Reader) -> None:
    assert (with_raw_data.checkout / ".mlp" / "warehouse.duckdb").exists()


def test_a_first_feature_table_becomes_training_sets_of_a_model(with_model: Reader) -> None:
    spec = (with_model.checkout / MODEL / "defs.yaml").read_text()

    assert "keys: [order_id]" in spec
    assert "categories: [city]" in spec


def test_other_dates_are_partitions_or_are_refused(with_model: Reader) -> None:
    with_model.follow("other-dates.md")


def test_a_backfill_goes_to_our_server_and_never_to_a_stranger(with_server: Reader) -> None:
    with_server.follow("on-a-server.md")


def test_a_dbt_project_of_ones_own_is_moved_in(tmp_path: Path) -> None:
    # A Dagster of the machine's owner may answer at the usual address.
    url = f"http://127.0.0.1:{free_port()}"
    new_reader(tmp_path, MLP_DAGSTER_URL=url).follow("own-dbt-project.md")


def test_a_cluster_of_ones_own_is_shown_before_it_is_made(tmp_path: Path) -> None:
    new_reader(tmp_path).follow("interactive-clusters.md")


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_page_is_linked_from_the_readme_and_links_what_is_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text())

    assert f"](docs/{page})" in (PROJECT_ROOT / "README.md").read_text()
    assert [one for one in links if not Path(DOCS / one).exists()] == []
    assert blocks_of(page) != []
