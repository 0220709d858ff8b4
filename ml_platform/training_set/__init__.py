"""Immutable, content-addressed Parquet snapshots of one day of a model's features."""
