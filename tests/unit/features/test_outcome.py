"""What is said of a table after its build."""

from ml_platform.features.outcome import Found, shortcoming
from ml_platform.features.tables import model_table

NODE = {
    "schema": "ml_local",
    "alias": "orders_daily",
    "database": "warehouse",
    "relation_name": '"warehouse"."ml_local"."orders_daily"',
    "config": {"materialized": "incremental"},
}
DAYS = [f"2013-01-{day:02d}" for day in range(1, 9)]


ORDERS = model_table({"nodes": {"model.p.orders": NODE}}, "model.p.orders")


def test_a_table_with_rows_of_every_day_is_as_it_should_be() -> None:
    assert shortcoming(ORDERS, Found(rows=8, by_day=dict.fromkeys(DAYS, 1)), DAYS) == ""


def test_days_without_rows_are_named_and_not_all_of_many() -> None:
    said = shortcoming(ORDERS, Found(rows=1, by_day={DAYS[0]: 1}), DAYS)
    assert said == (
        "wanted rows of each of 8 days, found none of 2013-01-02, 2013-01-03, 2013-01-04, "
        "2013-01-05, 2013-01-06, … in ml_local.orders_daily"
    )


def test_a_lookup_table_wants_a_row() -> None:
    assert shortcoming(ORDERS, Found(rows=0, by_day=None), DAYS[:1]) == (
        "wanted rows in ml_local.orders_daily, found none"
    )


def test_the_day_is_where_the_model_says_first() -> None:
    config = {
        "materialized": "incremental",
        "partition_by": {"field": "ordered_on", "data_type": "date"},
        "event_time": "ordered_at",
    }
    found = model_table({"nodes": {"model.p.orders": NODE | {"config": config}}}, "model.p.orders")
    assert found.day_columns == ("ordered_on", "partition_date", "ordered_at")
