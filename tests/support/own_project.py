"""A dbt project that is nothing like the example: its own profile, folders, packages and kinds."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ml_platform.features.project import dbt_executable

PROJECT: Final = """
name: shop
profile: shop_profile
vars: {smallest: 0}
seeds: {shop: {+schema: reference}}
models:
  shop:
    marts: {+schema: marts, +materialized: table}
snapshots: {shop: {+target_schema: history}}
flags: {send_anonymous_usage_stats: false}
"""

PROFILES: Final = """
shop_profile:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('SHOP_FILE') }}", schema: dev_ada, threads: 2}
    nightly: {type: duckdb, path: "{{ env_var('SHOP_FILE') }}", schema: nightly, threads: 2}
"""

SOURCES: Final = """
sources:
  - name: till
    schema: raw_till
    config: {meta: {dagster: {owners: ["team:till"]}}}
    tables:
      - name: sales
        description: What was sold.
        columns: [{name: n, data_tests: [not_null]}]
"""

MODELS: Final = """
groups:
  - {name: finance, owner: {name: Finance, email: finance@example.com}}
models:
  - name: orders
    description: One row per sale.
    config:
      tags: [nightly, "not a key!"]
      meta: {ml_platform: {partition_column: sold_on}}
    columns:
      - name: n
        description: Its number.
        data_tests: [unique, {not_null: {config: {severity: warn}}}]
  - name: by_hour
    config: {event_time: sold_at, meta: {ml_platform: {period: hour}}}
  - name: cities
    config: {group: finance}
    columns:
      - name: city
        data_tests: [{relationships: {arguments: {to: ref('cities_seed'), field: city}}}]
  - name: priced
    latest_version: 2
    versions: [{v: 1}, {v: 2, config: {alias: priced_now}}]
  - name: owned
    config:
      meta:
        dagster:
          owners: [ada@example.com, "team:data"]
          group: special
          asset_key: [some, where, owned]
          freshness_check: {lower_bound_delta_seconds: 3600}
unit_tests:
  - name: doubles
    model: doubled
    given: [{input: ref('helper'), format: sql, rows: select 2 as n}]
    expect: {rows: [{twice: 4}]}
"""

FILES: Final[Mapping[str, str]] = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": PROFILES,
    "packages.yml": "packages: [{local: ../parts}]",
    "models/till.yml": SOURCES,
    "models/models.yml": MODELS,
    # A folder has the name of a model beside it.
    "models/orders.sql": "{{ config(materialized='incremental', "
    "incremental_strategy='delete+insert', unique_key='n') }} "
    "select n, city, cast(sold_at as date) as sold_on from {{ source('till', 'sales') }}",
    "models/orders/refunds.sql": "select n from {{ ref('orders') }} where n < 0",
    "models/by_hour.sql": "select sold_at, n from {{ source('till', 'sales') }}",
    "models/marts/cities.sql": "select distinct city from {{ ref('orders') }}",
    "models/marts/helper.sql": "{{ config(materialized='ephemeral') }} select n from "
    "{{ ref('orders') }}",
    "models/marts/doubled.sql": "select n * 2 as twice from {{ ref('helper') }}",
    "models/priced_v1.sql": "select 1 as price",
    "models/priced_v2.sql": "select 2 as price",
    "models/owned.sql": "{{ config(alias='Owned Table') }} select 1 as one",
    "models/off.sql": "{{ config(enabled=false) }} select 1 as one",
    "seeds/cities_seed.csv": "city\nBerlin\nParis\n",
    "snapshots/kept.sql": "{% snapshot kept %}{{ config(unique_key='city', strategy='check', "
    "check_cols='all') }} select * from {{ ref('cities_seed') }}{% endsnapshot %}",
    "tests/no_more_cities.sql": "select * from {{ ref('cities') }} where city not in "
    "(select city from {{ ref('cities_seed') }})",
}

PACKAGE: Final[Mapping[str, str]] = {
    "dbt_project.yml": "name: parts\n",
    # The name of a model of the project, in a schema of its own.
    "models/orders.sql": "{{ config(schema='parts', materialized='table') }} select 1 as part",
    "models/bolts.sql": "select * from {{ ref('parts', 'orders') }}",
}

RAW: Final = (
    "CREATE SCHEMA raw_till; CREATE TABLE raw_till.sales AS SELECT range AS n, "
    "TIMESTAMP '2013-01-10 08:00:00' + to_hours(range) AS sold_at, "
    "CASE WHEN range % 2 = 0 THEN 'Berlin' ELSE 'Paris' END AS city FROM range(30)"
)


def shop_project(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Write the project, but for `changes` of its files, and install its package."""
    for name, files in {"shop": {**FILES, **(changes or {})}, "parts": PACKAGE}.items():
        for path, text in files.items():
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    subprocess.run(
        [dbt_executable(), "--quiet", "deps", "--project-dir", folder / "shop"],
        env={"SHOP_FILE": "unused", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        cwd=folder,
        check=True,
    )
    return folder / "shop"
