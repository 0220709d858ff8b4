"""A running Dagster, asked over its GraphQL API."""

from typing import Any, Final

import httpx

from ml_platform.errors import DagsterServerError

ANSWER_TIMEOUT_S: Final = 1.0
QUERY_TIMEOUT_S: Final = 120.0


class DagsterClient:
    """Asks one Dagster webserver.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def answers(self) -> bool:
        """Whether a Dagster webserver is there, whosever it is."""
        try:
            answer = httpx.get(f"{self.url}/server_info", timeout=ANSWER_TIMEOUT_S)
            return "dagster_webserver_version" in answer.json()
        except (httpx.HTTPError, ValueError):
            return False

    def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data that answers a query.

        Raises:
            DagsterServerError: the server does not answer, or does not understand.
        """
        try:
            answer = httpx.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                timeout=QUERY_TIMEOUT_S,
            )
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DagsterServerError(
                f"no Dagster answers at {self.url}: {error}",
                hint="start it with `make dev`, set MLP_DAGSTER_URL, or use --here.",
            ) from error
        if content.get("errors"):
            raise DagsterServerError(
                f"Dagster at {self.url} does not understand: {content['errors'][0]['message']}",
                hint="is it of the version that this environment has? `mlp doctor` shows both.",
            )
        data: dict[str, Any] = content["data"]
        return data
