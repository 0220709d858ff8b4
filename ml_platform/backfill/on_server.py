"""A backfill on a running Dagster, launched over its GraphQL API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml_platform.backfill.dagster_client import DagsterClient
from ml_platform.backfill.plan import Plan, Step, ranges
from ml_platform.errors import DagsterServerError
from ml_platform.settings import Settings

LAUNCH: Final = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""
LIMIT: Final = """
mutation Limit($pool: String!, $limit: Int!) {
  setConcurrencyLimit(concurrencyKey: $pool, limit: $limit)
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launched:
    """A backfill that the server works on."""

    backfill_id: str
    url: str


def launch(
    settings: Settings, plan: Plan, *, max_parallel: int | None = None, pool: str = "ray"
) -> Launched:
    """Hand a plan to the server as one backfill; Dagster orders its runs by what depends on what.

    Raises:
        DagsterServerError: the server does not answer, or refused.
    """
    client = DagsterClient(settings.dagster_url)
    if max_parallel is not None:
        client.ask(LIMIT, {"pool": pool, "limit": max_parallel})
    params = {
        "partitionsByAssets": partitions_by_assets(plan.steps),
        "title": f"{plan.model} {plan.days[0]} … {plan.days[-1]}",
        "tags": [{"key": "mlp/backfill", "value": plan.model}],
    }
    answer = client.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise DagsterServerError(
            f"Dagster at {client.url} refused the backfill: {answer.get('message', answer)}",
            hint="has it loaded this code location? `--here` runs it without a server.",
        )
    backfill_id = answer["backfillId"]
    return Launched(backfill_id=backfill_id, url=f"{client.url}/runs/b/{backfill_id}")


def partitions_by_assets(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as GraphQL wants them: for each asset its ranges of days."""
    days: dict[str, set[str]] = {}
    for step in steps:
        for key in step.assets:
            days.setdefault(key, set()).update(step.days)
    return [
        {
            "assetKey": {"path": key.split("/")},
            "partitions": {
                "ranges": [{"start": one[0], "end": one[-1]} for one in ranges(its, gap_days=0)]
            }
            if its
            else None,
        }
        for key, its in days.items()
    ]
