"""A model gets a column: its build fails with the ways on, and each of them works."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest

from ml_platform.errors import FeatureBuildError, PartitionError
from ml_platform.resources import resources_from
from ml_platform.settings import Settings
from ml_platform.warehouse.open import open_warehouse
from tests.support.dbt_runs import assets_of, build_days, project_of, settings_of

pytestmark = pytest.mark.integration

DAY: Final = "2013-01-11"
ALL_DAYS: Final = ("2013-01-10", "2013-01-12")

BEFORE: Final = """
{{ config(contract={'enforced': false}) }}
with built as (
    select cast(d as date) as partition_date
    from range(date '2013-01-10', date '2013-01-13', interval 1 day) as days(d)
)
select partition_date, 1 as n
from built
where {{ dbt_features.days_being_built('partition_date') }}
"""
AFTER: Final = BEFORE.replace("1 as n", "1 as n, 2 as extra")


@dataclass(frozen=True, kw_only=True, slots=True)
class Orders:
    """A table of three days whose model has got a column."""

    settings: Settings
    features: dg.AssetsDefinition

    def build(self, config: Mapping[str, Any], first: str, last: str) -> Any:
        """Build a range of days; the error, if it failed."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        }
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [self.features],
                resources=resources_from(self.settings).by_key(),
                run_config={"ops": {"features": {"config": dict(config)}}} if config else None,
                tags=tags,
                instance=instance,
                raise_on_error=False,
            )
        failed: list[Any] = [one.step_failure_data for one in result.get_step_failure_events()]
        return failed[0].error.cause if failed else None

    def rows(self) -> list[dict[str, Any]]:
        """The table's, by day."""
        query = "SELECT partition_date::VARCHAR AS day, extra FROM ml_local.orders ORDER BY day"
        with open_warehouse(self.settings) as warehouse:
            return warehouse.run(query).to_pylist()


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    project = project_of(tmp_path / "dbt", {"features/orders.sql": BEFORE})
    settings = settings_of(tmp_path / "home", project_dir=project)
    built = build_days(settings, "2013-01-10", "2013-01-13")
    assert built.code == 0, built.output
    (project / "models" / "features" / "orders.sql").write_text(AFTER)
    return Orders(settings=settings, features=assets_of(settings))


def test_a_new_column_names_the_ways_on_and_each_of_them_works(orders: Orders) -> None:
    error = orders.build({}, DAY, DAY)
    assert error.cls_name == FeatureBuildError.__name__
    assert "orders (error): the model has columns that its table lacks: extra" in error.message
    assert "`mlp features refresh orders --from DAY --to DAY`" in error.message
    assert "build all its 3 days (3 rows) anew: `mlp features refresh orders --full`" in (
        error.message
    )

    assert orders.build({"on_schema_change": "append"}, DAY, DAY) is None
    assert [row["extra"] for row in orders.rows()] == [None, 2, None]

    refused = orders.build({"full_refresh": True}, DAY, DAY)
    assert refused.cls_name == PartitionError.__name__
    assert "would lose 2 days that it has: 2013-01-10 … 2013-01-12" in refused.message

    assert orders.build({"full_refresh": True}, *ALL_DAYS) is None
    assert [row["extra"] for row in orders.rows()] == [2, 2, 2]
