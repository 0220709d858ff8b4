"""A failure of dbt in the platform's words."""

from ml_platform.features.failure import build_error


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
    output = "The dbt CLI process with command …\n\nErrors parsed from dbt logs:\n\nNo profile"
    assert build_error({}, output).message == "dbt stopped before it built anything:\nNo profile"


def test_a_table_that_is_missing_points_upstream() -> None:
    message = "Runtime Error\n  Catalog Error: Table with name airlines does not exist!"
    error = build_error({"results": [result("stg_airlines", "error", message)]}, "")
    assert error.hint.startswith("materialize the assets upstream")
