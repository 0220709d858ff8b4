"""dbt as assets: window arguments, the project, column lineage."""
