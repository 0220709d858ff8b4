"""Is a Dagster that answers ours? Work that is handed to a stranger is made where nobody looks.

    server = find_server(settings, instance, ["flight_delay"])

Ours has loaded this code location, keeps things in the same place, and knows the same runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml_platform.backfill.dagster_client import DagsterClient
from ml_platform.component import PLACE
from ml_platform.errors import DagsterServerError
from ml_platform.place import Place, place_of
from ml_platform.settings import Settings
from ml_platform.stages import asset_key

if TYPE_CHECKING:
    import dagster as dg

LOCATION: Final = "ml_platform"
QUERY: Final = """
query Identity($assets: [AssetKeyInput!]!, $run: ID!) {
  assetNodes(assetKeys: $assets) {
    repository { location { name } }
    metadataEntries { label ... on JsonMetadataEntry { jsonString } }
  }
  runsOrError(limit: 1) { ... on Runs { results { runId } } }
  runOrError(runId: $run) { __typename }
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundServer:
    """A Dagster that answers.

    Attributes:
        url: Its address.
        stranger: Why work must not be handed to it; empty if it is ours.
    """

    url: str
    stranger: str

    def require_ours(self) -> None:
        """Refuse a stranger.

        Raises:
            DagsterServerError: it is one; says what differs.
        """
        if self.stranger:
            raise DagsterServerError(
                f"the Dagster at {self.url} is not of this installation: {self.stranger}",
                hint="start ours with `make dev`, set MLP_DAGSTER_URL to it, or use --here.",
            )


def find_server(
    settings: Settings, instance: "dg.DagsterInstance", models: Sequence[str]
) -> FoundServer | None:
    """The Dagster at the configured address, and whether it is ours; None if none answers.

    Args:
        settings: Say the address, and where things are kept.
        instance: Our Dagster state.
        models: Models of this code location, one of which it must have loaded.
    """
    client = DagsterClient(settings.dagster_url)
    if not client.answers():
        return None
    ours = instance.get_runs(limit=1)
    newest = ours[0].run_id if ours else ""
    assets = [{"path": asset_key(model, "training_set").path} for model in models]
    try:
        answer = client.ask(QUERY, {"assets": assets, "run": newest})
    except DagsterServerError as error:
        return FoundServer(url=client.url, stranger=error.message)
    theirs = answer["runsOrError"].get("results") or []
    unknown = theirs and not instance.has_run(theirs[0]["runId"])
    knows_ours = not newest or answer["runOrError"]["__typename"] == "Run"
    stranger = why_stranger(
        answer, place_of(settings), models=models, same_runs=knows_ours and not unknown
    )
    return FoundServer(url=client.url, stranger=stranger)


def why_stranger(
    answer: Mapping[str, Any], place: Place, *, models: Sequence[str], same_runs: bool
) -> str:
    """Why a server that answered `QUERY` so is not ours; empty if it is."""
    nodes = answer["assetNodes"]
    here = [one for one in nodes if one["repository"]["location"]["name"] == LOCATION]
    if not here:
        others = sorted({one["repository"]["location"]["name"] for one in nodes})
        known = f", but in {', '.join(others)}" if others else ""
        return f"it has no {' or '.join(models)} in a code location {LOCATION}{known}"
    places = [
        json.loads(entry["jsonString"])
        for node in here
        for entry in node["metadataEntries"]
        if entry["label"] == PLACE
    ]
    if not places:
        return "it does not say where it keeps things; it may have loaded older code"
    differences = place.differences(places[0])
    if differences:
        return f"it has {', '.join(differences)}"
    return "" if same_runs else "it knows other runs than our Dagster's home"
