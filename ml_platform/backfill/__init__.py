"""The history of a model: what a range of days needs, run here or by a Dagster server."""
