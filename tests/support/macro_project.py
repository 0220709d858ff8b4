"""A small dbt project that installs the package `dbt_features`, with its edge cases as rows.

Two days are built, the 10th and 11th of March 2024: a Sunday, in whose night New York's clocks are
set forward, and the Monday after it. The rows are ephemeral models, so the same text is BigQuery's
and DuckDB's.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ml_platform.features.project import dbt_executable
from ml_platform.settings import PROJECT_ROOT

PACKAGE: Final = PROJECT_ROOT / "ml_platform" / "dbt_features"
FIRST, END = "2024-03-10", "2024-03-12"

PROJECT: Final = """
name: shop
profile: ml_platform
models: {shop: {rows: {+materialized: ephemeral}, +materialized: view}}
flags: {send_anonymous_usage_stats: false, use_colors: false, validate_macro_args: true}
"""


def rows(columns: Mapping[str, str], *values: Sequence[object]) -> str:
    """A query for literal rows: each of `columns` has its type as dbt names it, or is a date."""
    types = {
        name: kind if kind == "date" else f"{{{{ dbt.type_{kind}() }}}}"
        for name, kind in columns.items()
    }
    selects = [
        ", ".join(
            f"cast({_literal(value)} as {types[name]}) as {name}"
            for name, value in zip(columns, row, strict=True)
        )
        for row in values
    ]
    return "\nunion all ".join(f"select {one}" for one in selects)


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)


ORDERS: Final = rows(
    {
        "order_id": "int",
        "customer": "string",
        "ordered_at": "timestamp",
        "amount": "numeric",
        "city": "string",
        "is_returned": "int",
    },
    (1, "ada", "2024-03-02 23:59:59.999999", 1, "Lyon", 0),
    (2, "ada", "2024-03-03 00:00:00", 2, "Nice", 1),
    (3, "ada", "2024-03-09 23:59:59.999999", 4, "Lyon", 0),
    (4, "ada", "2024-03-10 00:00:00", 8, "Paris", 1),
    (5, "bob", "2024-03-05 10:00:00", None, None, None),
    (6, "bob", "2024-03-06 10:00:00", 10, "Turin", 0),
    (7, "bob", "2024-03-06 10:00:00", 20, "Lyon", 1),
    (8, None, "2024-03-08 10:00:00", 5, "Bari", 0),
    (9, "ada", None, 100, "Nowhere", 1),
    (10, "cat", "2024-02-01 10:00:00", 7, "Oslo", 0),
    (11, "dan", "2024-03-07 10:00:00", None, None, None),
)

QUESTIONS: Final = rows(
    {"question": "int", "customer": "string", "asked_at": "timestamp"},
    (1, "ada", "2024-03-10 08:59:59.999999"),
    (2, "ada", "2024-03-10 09:00:00"),
    (3, "ada", "2024-03-10 09:00:00.000001"),
    (4, "ada", None),
    (5, None, "2024-03-10 12:00:00"),
    (6, "bob", "2024-03-10 12:00:00"),
    (7, "cat", "2024-03-10 10:00:00"),
    (8, "cat", "2024-03-10 10:00:00.000001"),
    (9, "ada", "2024-03-11 23:00:00"),
)

TIERS: Final = rows(
    {"customer": "string", "tier": "string", "known_at": "timestamp", "version": "int"},
    ("ada", "gold", "2024-03-09 12:00:00", 1),
    ("ada", "silver", "2024-03-10 09:00:00", 1),
    ("ada", "bronze", "2024-03-10 09:00:00", 2),
    ("ada", None, "2024-03-10 09:00:00", None),
    ("ada", "tin", "2024-03-10 09:00:00.000001", 1),
    ("ada", "lead", "2024-03-12 00:00:00", 1),
    (None, "nobody", "2024-03-10 08:00:00", 1),
    ("bob", "timeless", None, 1),
    ("cat", "cats", "2024-03-08 10:00:00", 1),
)

VIEWS: Final = rows(
    {"view": "int", "visitor": "string", "viewed_at": "timestamp"},
    (1, "ada", "2024-03-09 23:50:00"),
    (2, "ada", "2024-03-10 00:10:00"),
    (3, "ada", "2024-03-10 00:40:00"),
    (4, "ada", "2024-03-10 00:40:00"),
    (5, "ada", "2024-03-10 01:10:00.000001"),
    (6, None, "2024-03-10 01:10:00"),
    (7, "bob", "2024-03-09 00:00:00"),
    (8, "bob", "2024-03-10 00:00:00"),
    (9, "bob", "2024-03-11 00:00:00"),
    (10, "ada", "2024-03-12 00:00:00"),
)

TRAILING: Final = """
select
    as_of_day,
    customer,
    {{ dbt_features.trailing_count(7) }} as orders,
    {{ dbt_features.trailing_count(7, condition='amount > 5') }} as large,
    {{ dbt_features.trailing_count(28) }} as orders_28d,
    {{ dbt_features.trailing_sum('amount', 7) }} as amount,
    {{ dbt_features.trailing_mean('amount', 7) }} as mean_amount,
    {{ dbt_features.trailing_rate('is_returned = 1', 7) }} as return_rate,
    {{ dbt_features.trailing_distinct_count('city', 28) }} as cities,
    {{ dbt_features.trailing_approx_distinct_count('city', 28) }} as cities_or_so,
    {{ dbt_features.trailing_percentile('amount', 0.5, 28) }} as median_amount,
    {{ dbt_features.trailing_percentile('amount', 0, 28) }} as least,
    {{ dbt_features.trailing_percentile('amount', 1, 28) }} as most,
    {{ dbt_features.trailing_last('city', 'ordered_at', 7) }} as last_city,
    {{ dbt_features.trailing_last('city', 'ordered_at', 7, tie_breaker='order_id') }}
        as city_of_last_order
from {{ dbt_features.trailing_days(
    ref('orders'), days=28, day='cast(ordered_at as date)'
) }} as history
group by as_of_day, customer
"""

JOIN: Final = """
select * from {{ dbt_features.point_in_time_join(
    ref('questions'), ref('tiers'), keys='customer', columns=['tier'], event_time='asked_at',
    known_at='known_at', max_age_days=2, prefix='customer_'%s
) }} as joined
"""

TESTS: Final = """
models:
  - name: joined
    data_tests:
      - dbt_features.point_in_time:
          name: all_was_known_in_time
          arguments: {event_time: asked_at, known_at: customer_known_at, nothing_known: true}
      - dbt_features.point_in_time:
          name: something_was_known
          arguments: {event_time: asked_at, known_at: customer_known_at}
      - dbt_features.point_in_time:
          name: known_when_the_day_began
          arguments:
            event_time: cast('2024-03-10 00:00:00' as timestamp)
            known_at: customer_known_at
            nothing_known: true
"""

MODELS: Final = {
    "models.yml": TESTS,
    "rows/orders.sql": ORDERS,
    "rows/questions.sql": QUESTIONS,
    "rows/tiers.sql": TIERS,
    "rows/views.sql": VIEWS,
    "rows/hundred.sql": rows(
        {"n": "int", "ordered_on": "date"}, *((n, "2024-03-09") for n in range(1, 101))
    ),
    "rows/dates.sql": rows(
        {"day": "date", "moment": "timestamp"},
        *((f"2024-{day}", f"2024-{day}") for day in ("02-29", "03-01", "03-03", "03-04", "03-09")),
        *((f"2024-{day}", f"2024-{day}") for day in ("03-10", "03-11", "03-17", "03-18", "03-31")),
        ("2024-04-01", "2024-04-01"),
    ),
    "rows/parts.sql": rows(
        {"part": "int", "whole": "int"}, (1, 2), (0, 5), (1, 0), (None, 2), (1, None), (-3, 4)
    ),
    "rows/names.sql": rows(
        {"name": "string", "other": "string", "number": "bigint"},
        ("ada", "b", 1),
        ("", "b", -1),
        (None, None, None),
        ("é", "ü", 9_223_372_036_854_775_807),
        ("a-b", "c", 0),
        ("a", "b-c", 0),
    ),
    "rows/moments.sql": rows(
        {"moment": "timestamp"},
        ("2024-03-10 06:59:59",),
        ("2024-03-10 07:00:00",),
        ("2024-11-03 05:30:00",),
        ("2024-11-03 06:30:00",),
        ("2024-12-31 12:00:00",),
        (None,),
    ),
    "trailing.sql": TRAILING,
    # Of a hundred, by places that floats would miss by one.
    "percentiles.sql": "select {{ dbt_features.trailing_percentile('n', 0.07, 1) }} as p07, "
    "{{ dbt_features.trailing_percentile('n', 0.29, 1) }} as p29, "
    "{{ dbt_features.trailing_percentile('n', 0.995, 1) }} as p995 from "
    "{{ dbt_features.trailing_days(ref('hundred'), days=1, day='ordered_on') }} as history",
    "trailing_local.sql": """
{%- set day = 'cast(' ~ dbt_features.local_time('moment', "'America/New_York'") ~ ' as date)' -%}
select as_of_day, {{ dbt_features.trailing_count(1) }} as moments
from {{ dbt_features.trailing_days(ref('night_of_the_clocks'), days=1, day=day) }} as history
group by as_of_day
""",
    # Of the 10th in New York, which has 23 hours, the first and the last second, and those beside.
    "rows/night_of_the_clocks.sql": rows(
        {"moment": "timestamp"},
        ("2024-03-10 04:59:59",),
        ("2024-03-10 05:00:00",),
        ("2024-03-11 03:59:59",),
        ("2024-03-11 04:00:00",),
    ),
    "joined.sql": JOIN % "",
    "joined_by_version.sql": JOIN % ", tie_breakers=['version']",
    "joined_before.sql": JOIN % ", strictly_before=true",
    "sessions.sql": "select * from {{ dbt_features.sessions(ref('views'), keys='visitor', "
    "at='viewed_at', gap_minutes=30) }} as sessions",
    "sessions_of_days.sql": "select * from {{ dbt_features.sessions(ref('views'), "
    "keys=['visitor'], at='viewed_at', gap_minutes=1440) }} as sessions where visitor = 'bob'",
    "ratios.sql": "select part, whole, {{ dbt_features.safe_ratio('part', 'whole') }} as ratio "
    "from {{ ref('parts') }}",
    "buckets.sql": "select name, {{ dbt_features.hash_bucket('name', 1000) }} as one, "
    "{{ dbt_features.hash_bucket(['name', 'other'], 1000) }} as two, "
    "{{ dbt_features.hash_bucket('number', 7) }} as of_number, "
    """{{ dbt_features.hash_bucket('name', 1000, salt="it's") }} as salted """
    "from {{ ref('names') }}",
    "clock.sql": """
{%- set local = dbt_features.local_time('moment', "'America/New_York'") -%}
{%- set india = dbt_features.local_time('moment', "'Asia/Kolkata'") -%}
select
    moment,
    {{ local }} as shown,
    {{ dbt_features.utc('moment') }} as in_utc,
    {{ dbt_features.from_local_time(india, "'Asia/Kolkata'") }} as back,
    {{ dbt_features.weekday(local) }} as weekday,
    {{ dbt_features.day_of_year(local) }} as day_of_year,
    {{ dbt_features.minutes_after('moment', -90) }} as earlier
from {{ ref('moments') }}
""",
    # In March half past two is skipped, in November half past one is twice.
    "local_times.sql": """
select shown, {{ dbt_features.from_local_time('shown', "'America/New_York'") }} as moment
from (
    select cast('2024-03-10 02:30:00' as datetime) as shown
    union all select cast('2024-11-03 01:30:00' as datetime)
) as clocks
""",
    "days.sql": "select day from {{ ref('dates') }} where "
    "{{ dbt_features.days_being_built('day') }}",
    "days_before.sql": "select day from {{ ref('dates') }} where "
    "{{ dbt_features.days_being_built('day', days_before=7) }}",
    "days_of_times.sql": "select day from {{ ref('dates') }} where "
    "{{ dbt_features.days_being_built('moment', data_type='timestamp') }}",
    "weeks.sql": "select day from {{ ref('dates') }} where "
    "{{ dbt_features.days_being_built('day', period='week') }}",
    "months.sql": "select day from {{ ref('dates') }} where "
    "{{ dbt_features.days_being_built('day', period='month') }}",
    "spine.sql": "select as_of_day from {{ dbt_features.day_spine(ref('dates'), 'day') }} as days",
}


def macro_project(folder: Path, models: Mapping[str, str] = MODELS) -> Path:
    """Write the project and install the package, as a project of anybody would."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    shutil.copy(PROJECT_ROOT / "dbt_project" / "profiles.yml", folder)
    (folder / "packages.yml").write_text(f"packages: [{{local: {PACKAGE}}}]")
    for name, text in models.items():
        path = folder / "models" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    subprocess.run(
        [dbt_executable(), "--quiet", "deps", "--project-dir", folder], cwd=folder, check=True
    )
    return folder
