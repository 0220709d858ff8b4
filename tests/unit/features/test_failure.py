"""A failure of dbt in the platform's words."""

import dagster as dg
import pytest

from ml_platform.errors import FeatureBuildError
from ml_platform.features.failure import build_error, require_complete
from ml_platform.features.outcome import Found
from ml_platform.features.schema_change import drift_in

OUT_OF_SYNC = """Compilation Error in model orders (models/features/orders.sql)

  The source and target schemas on this incremental model are out of sync!
  They can be reconciled in several ways: …

  Additional troubleshooting context:
     Source columns not in target: {added}
     Target columns not in source: {removed}
     New column types: {types}
"""


def result(name: str, status: str, message: str | None) -> dict[str, str | None]:
    return {"unique_id": f"model.ml_platform.{name}", "status": status, "message": message}


def test_a_model_that_fails_is_named_with_dbts_message() -> None:
    results = {
        "results": [
            result("stg_flights", "success", "OK"),
            result("aircraft", "error", "Runtime Error\n  Binder Error: no column seats"),
            result("flight_features", "skipped", None),
        ]
    }
    error = build_error(results, "")
    assert error.message == (
        "dbt could not build:\n  aircraft (error): Runtime Error\n  Binder Error: no column seats"
    )
    assert "correct the model" in error.hint


def test_failing_tests_alone_point_to_the_checks() -> None:
    results = {"results": [result("flights_are_unique", "fail", "Got 2 results")]}
    error = build_error(results, "")
    assert "dbt found rows that break a promise" in error.message
    assert "flights_are_unique (fail): Got 2 results" in error.message
    assert "checks" in error.hint


def test_a_stop_before_the_first_model_gives_what_dbt_said() -> None:
    assert (
        build_error({}, "No profile").message == "dbt stopped before it built anything:\nNo profile"
    )


def test_a_table_that_is_missing_points_upstream() -> None:
    message = "Runtime Error\n  Catalog Error: Table with name airlines does not exist!"
    error = build_error({"results": [result("stg_airlines", "error", message)]}, "")
    assert error.hint.startswith("materialize the assets upstream")


def test_a_model_with_a_new_column_is_told_both_ways_on_and_their_price() -> None:
    message = OUT_OF_SYNC.format(
        added="[DuckDBColumn(column='extra', dtype='INTEGER', fields=[])]", removed="[]", types="[]"
    )
    rows = Found(rows=730, by_day=dict.fromkeys(["2013-01-01", "2013-01-02"], 365))
    results = {"results": [result("orders", "error", message)]}
    error = build_error(results, "", {"model.ml_platform.orders": rows})
    assert "orders (error): the model has columns that its table lacks: extra (INTEGER)" in (
        error.message
    )
    assert "mlp features refresh orders --from DAY --to DAY" in error.hint
    assert "build all its 2 days (730 rows) anew: `mlp features refresh orders --full`" in (
        error.hint
    )


def test_a_column_of_another_type_can_only_be_built_anew() -> None:
    types = "[{'column_name': 'n', 'new_type': 'VARCHAR'}]"
    message = OUT_OF_SYNC.format(added="[]", removed="[]", types=types)
    error = build_error({"results": [result("orders", "error", message)]}, "")
    assert "another type" in error.message
    assert "--from" not in error.hint
    assert "build all its days anew" in error.hint


def test_columns_are_read_as_every_adapter_writes_them() -> None:
    message = OUT_OF_SYNC.format(
        added="[<Column a (INT64)>, <Column b (DATE)>]", removed="[]", types="[]"
    )
    drift = drift_in(message)
    assert drift is not None
    assert drift.added == ("a (INT64)", "b (DATE)")


def test_another_error_of_dbt_is_no_drift() -> None:
    assert drift_in("Runtime Error: no column seats") is None


def test_a_table_that_dbt_left_out_is_named() -> None:
    orders, lookup = dg.AssetKey("orders"), dg.AssetKey("lookup")
    with pytest.raises(FeatureBuildError, match="not built: lookup") as caught:
        require_complete(planned={orders, lookup}, built={orders}, short={})
    assert "dbt built 1 of 2 tables" in caught.value.message
