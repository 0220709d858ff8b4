"""A Dagster code location that chains dbt feature tables into Ray training, day by day."""
