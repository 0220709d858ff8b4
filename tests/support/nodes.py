"""Nodes of a dbt project for tests that need no dbt."""

from typing import Any

from ml_platform.features.nodes import Node, Project


def node(name: str, **changes: Any) -> Node:
    """A daily table of the project `p` in `ml_local`, but for what is to be different."""
    said: dict[str, Any] = {
        "unique_id": f"model.p.{name}",
        "kind": "model",
        "key": (name,),
        "name": name,
        "package": "p",
        "file": f"models/features/{name}.sql",
        "description": "",
        "group": "features",
        "owners": (),
        "tags": (),
        "dagster": {},
        "columns": (),
        "parents": (),
        "database": "warehouse",
        "schema": "ml_local",
        "identifier": name,
        "relation": f'"warehouse"."ml_local"."{name}"',
        "materialized": "incremental",
        "code": "",
        "event_day": "partition_date",
        "period": "day",
        "empty_days": False,
    }
    return Node(**(said | changes))


def project(*nodes: Node) -> Project:
    """A project of these nodes on DuckDB, without tests."""
    return Project(
        name="p", version="v", adapter="duckdb", nodes={one.unique_id: one for one in nodes}
    )
