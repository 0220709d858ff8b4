"""`mlp backfill` of days that cannot be."""

from pathlib import Path

import pytest

from tests.support.commands import mlp
from tests.support.dbt_runs import copy_of_home
from tests.support.homes import MODEL, dagster_of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2013-01-05", "the first partition is 2013-01-01"),
        ("2014-02-01", "the last day with data is 2013-12-31"),
        ("yesterday", "wanted a day such as 2013-03-01"),
    ],
)
def test_a_day_that_cannot_be_trained_is_refused_before_anything_runs(
    raw_home: Path, tmp_path: Path, day: str, said: str
) -> None:
    home = copy_of_home(raw_home, tmp_path / "home")
    refused = mlp(home, "backfill", MODEL, "--from", day, "--to", day)
    assert refused.code == 2
    assert said in refused.err
    with dagster_of(home) as instance:
        assert instance.get_runs_count() == 0
