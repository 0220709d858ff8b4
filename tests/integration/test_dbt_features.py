"""The package `dbt_features`: the same rows on DuckDB and BigQuery, at each edge that it has."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from ml_platform.settings import Settings
from ml_platform.warehouse.open import open_warehouse
from tests.support.bigquery_emulator.launcher import Emulator
from tests.support.dbt_runs import dbt, settings_of
from tests.support.macro_project import END, FIRST, MODELS, macro_project

pytest_plugins = ["tests.support.bigquery_emulator.fixtures"]
pytestmark = pytest.mark.integration

Row = tuple[Any, ...]
DAY, NEXT_DAY = date(2024, 3, 10), date(2024, 3, 11)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-{text}")


def bucket(buckets: int, *texts: str | None) -> int:
    joined = "\x1f".join("\x1e" if text is None else text for text in texts)
    return int(hashlib.md5(joined.encode()).hexdigest()[:15], 16) % buckets


def days(*texts: str) -> list[Row]:
    return [(date.fromisoformat(f"2024-{text}"),) for text in texts]


def named(name: str | None, other: str | None, number: int | None) -> Row:
    text = None if number is None else str(number)
    two = bucket(1000, name, other)
    return (name, bucket(1000, name), two, bucket(7, text), bucket(1000, "it's", name))


GOLD: Final = ("gold", at("03-09T12:00:00"))
SILVER, BRONZE = ("silver", at("03-10T09:00:00")), ("bronze", at("03-10T09:00:00"))
TIN: Final = ("tin", at("03-10T09:00:00.000001"))
CATS: Final = ("cats", at("03-08T10:00:00"))
NOTHING: Final = (None, None)


def answers(*found: tuple[str | None, datetime | None]) -> list[Row]:
    """The questions, each with what was known: of 4 to 9 it is always the same."""
    asked = [
        (1, "ada", at("03-10T08:59:59.999999")),
        (2, "ada", at("03-10T09:00:00")),
        (3, "ada", at("03-10T09:00:00.000001")),
        (4, "ada", None),
        (5, None, at("03-10T12:00:00")),
        (6, "bob", at("03-10T12:00:00")),
        (7, "cat", at("03-10T10:00:00")),
        (8, "cat", at("03-10T10:00:00.000001")),
        (9, "ada", at("03-11T23:00:00")),
    ]
    always = (NOTHING, NOTHING, NOTHING, CATS, NOTHING, TIN)
    return [(*one, *two) for one, two in zip(asked, (*found, *always), strict=True)]


# fmt: off
EXPECTED: Final[Mapping[str, list[Row]]] = {
    # as_of_day, customer, orders, large, orders_28d, amount, mean_amount, return_rate, cities,
    # cities_or_so, median_amount, least, most, last_city, city_of_last_order
    "trailing": [
        (DAY, None, 1, 0, 1, 5, 5.0, 0.0, 1, 1, 5, 5, 5, "Bari", "Bari"),
        (DAY, "ada", 2, 0, 3, 6, 3.0, 0.5, 2, 2, 2, 1, 4, "Lyon", "Lyon"),
        (DAY, "bob", 3, 2, 3, 30, 15.0, 0.5, 2, 2, 10, 10, 20, "Turin", "Lyon"),
        (DAY, "dan", 1, 0, 1, None, None, None, 0, 0, None, None, None, None, None),
        (NEXT_DAY, None, 1, 0, 1, 5, 5.0, 0.0, 1, 1, 5, 5, 5, "Bari", "Bari"),
        (NEXT_DAY, "ada", 2, 1, 4, 12, 6.0, 0.5, 3, 3, 2, 1, 8, "Paris", "Paris"),
        (NEXT_DAY, "bob", 3, 2, 3, 30, 15.0, 0.5, 2, 2, 10, 10, 20, "Turin", "Lyon"),
        (NEXT_DAY, "dan", 1, 0, 1, None, None, None, 0, 0, None, None, None, None, None),
    ],
    "percentiles": [(7, 29, 100)],
    "trailing_local": [(DAY, 1), (NEXT_DAY, 2)],
    "joined": answers(GOLD, SILVER, TIN),
    "joined_by_version": answers(GOLD, BRONZE, TIN),
    "joined_before": answers(GOLD, GOLD, SILVER),
    "sessions": [
        (2, "ada", at("03-10T00:10:00"), at("03-09T23:50:00")),
        (3, "ada", at("03-10T00:40:00"), at("03-09T23:50:00")),
        (4, "ada", at("03-10T00:40:00"), at("03-09T23:50:00")),
        (5, "ada", at("03-10T01:10:00.000001"), at("03-10T01:10:00.000001")),
        (6, None, at("03-10T01:10:00"), None),
        (8, "bob", at("03-10T00:00:00"), at("03-10T00:00:00")),
        (9, "bob", at("03-11T00:00:00"), at("03-11T00:00:00")),
    ],
    # A day looks back at one day, also where the day before it is built with it.
    "sessions_of_days": [
        (8, "bob", at("03-10T00:00:00"), at("03-09T00:00:00")),
        (9, "bob", at("03-11T00:00:00"), at("03-10T00:00:00")),
    ],
    "ratios": [
        (1, 2, 0.5), (0, 5, 0.0), (1, 0, None), (None, 2, None), (1, None, None), (-3, 4, -0.75),
    ],
    "buckets": [
        named("ada", "b", 1), named("", "b", -1), named(None, None, None),
        named("é", "ü", 9_223_372_036_854_775_807), named("a-b", "c", 0), named("a", "b-c", 0),
    ],
    "clock": [
        (at("03-10T06:59:59"), at("03-10T01:59:59"), *[at("03-10T06:59:59")] * 2, 7, 70,
         at("03-10T05:29:59")),
        (at("03-10T07:00:00"), at("03-10T03:00:00"), *[at("03-10T07:00:00")] * 2, 7, 70,
         at("03-10T05:30:00")),
        (at("11-03T05:30:00"), at("11-03T01:30:00"), *[at("11-03T05:30:00")] * 2, 7, 308,
         at("11-03T04:00:00")),
        (at("11-03T06:30:00"), at("11-03T01:30:00"), *[at("11-03T06:30:00")] * 2, 7, 308,
         at("11-03T05:00:00")),
        (at("12-31T12:00:00"), at("12-31T07:00:00"), *[at("12-31T12:00:00")] * 2, 2, 366,
         at("12-31T10:30:00")),
        (None,) * 7,
    ],
    "local_times": [
        (at("03-10T02:30:00"), at("03-10T07:30:00")), (at("11-03T01:30:00"), at("11-03T05:30:00")),
    ],
    "days": days("03-10", "03-11"),
    "days_before": days("03-03", "03-04", "03-09", "03-10", "03-11"),
    "days_of_times": days("03-10", "03-11"),
    "weeks": days("03-04", "03-09", "03-10", "03-11", "03-17"),
    "months": days("03-01", "03-03", "03-04", "03-09", "03-10", "03-11", "03-17", "03-18", "03-31"),
    "spine": days("03-10", "03-11"),
}
# fmt: on


# The emulator takes the second of two hours, being a DuckDB; Google's own engine takes the first.
WRONG_ON_THE_EMULATOR: Final = {"local_times"}
WITHOUT_BOUNDS: Final = ("spine", "trailing_local", "days")


def built(settings: Settings) -> Settings:
    run = dbt(settings, "run", "--event-time-start", FIRST, "--event-time-end", END)
    assert run.code == 0, run.output
    return settings


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return macro_project(tmp_path_factory.mktemp("macros") / "shop")


@pytest.fixture(scope="module")
def duckdb(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return built(settings_of(tmp_path_factory.mktemp("duckdb"), project_dir=project))


@pytest.fixture(scope="module")
def bigquery(
    project: Path, bigquery_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    home = tmp_path_factory.mktemp("bigquery")
    return built(
        bigquery_emulator.settings(home, environment="ci", sandbox="macros", project_dir=project)
    )


def rows_of(settings: Settings, model: str) -> list[Row]:
    with open_warehouse(settings) as warehouse:
        found = warehouse.run(f"SELECT * FROM {settings.feature_schema}.{model}").to_pylist()
    return in_order([tuple(plain(value) for value in row.values()) for row in found])


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [str(value) for value in row])


def plain(value: Any) -> Any:
    """A value without what only its engine has: a zone, which is UTC; zeros of a decimal."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return int(value) if isinstance(value, Decimal) else value


def test_each_model_has_its_rows_written_down() -> None:
    assert {f"{name}.sql" for name in EXPECTED} == {
        name for name in MODELS if name.endswith(".sql") and "/" not in name
    }


@pytest.mark.parametrize("model", EXPECTED)
def test_duckdb_makes_the_rows_that_are_written_down(duckdb: Settings, model: str) -> None:
    assert rows_of(duckdb, model) == in_order(EXPECTED[model])


@pytest.mark.parametrize("model", sorted(EXPECTED.keys() - WRONG_ON_THE_EMULATOR))
def test_bigquery_makes_the_same_rows(bigquery: Settings, model: str) -> None:
    assert rows_of(bigquery, model) == in_order(EXPECTED[model])


@pytest.mark.parametrize("engine", ["duckdb", "bigquery"])
def test_the_test_finds_what_was_known_too_late_or_never(
    engine: str, request: pytest.FixtureRequest
) -> None:
    said = dbt(request.getfixturevalue(engine), "test").output
    assert "PASS all_was_known_in_time" in said
    assert "FAIL 4 something_was_known" in said
    assert "FAIL 3 known_when_the_day_began" in said


@pytest.mark.parametrize("engine", ["duckdb", "bigquery"])
def test_without_bounds_every_day_is_built_that_the_relation_has(
    engine: str, request: pytest.FixtureRequest
) -> None:
    bounded: Settings = request.getfixturevalue(engine)
    settings = bounded.model_copy(update={"sandbox": "all_days"})
    run = dbt(settings, "run", "--select", *WITHOUT_BOUNDS)
    assert run.code == 0, run.output
    [first, *_, last] = rows_of(settings, "spine")
    assert (first, last) == ((date(2024, 2, 29),), (date(2024, 4, 1),))
    assert len(rows_of(settings, "spine")) == 33
    assert rows_of(settings, "trailing_local") == EXPECTED["trailing_local"]
    assert len(rows_of(settings, "days")) == 11
