"""Why dbt failed, model by model, in the platform's words."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import dagster as dg

from ml_platform.errors import FeatureBuildError
from ml_platform.features.outcome import Found
from ml_platform.features.schema_change import drifted, ways_on

# DuckDB's words, and BigQuery's.
_MISSING: Final = re.compile(r"Table with name \S+ does not exist|Not found: (Table|Dataset)")
_IN_THE_UI: Final = (
    "in the UI both are in the launchpad of the tables: on_schema_change, full_refresh."
)


def build_error(
    results: Mapping[str, Any],
    output: str,
    tables: Mapping[str, Found] | None = None,
    names: Mapping[str, str] | None = None,
) -> FeatureBuildError:
    """What dbt said, model by model.

    Args:
        results: dbt's `run_results.json`, or nothing if it did not get so far.
        output: What dbt said of errors, for when there are no results.
        tables: By dbt's unique id, what is in tables whose columns are no longer their model's.
        names: By dbt's unique id, what assets are called, as commands take it.
    """
    drifts = drifted(results)

    def name(unique_id: str) -> str:
        return (names or {}).get(unique_id) or unique_id.split(".")[2]

    failed = [
        (
            name(result["unique_id"]),
            result["status"],
            (str(drifts.get(result["unique_id"], "")) or result["message"] or "").strip(),
        )
        for result in results.get("results", [])
        if result["status"] in ("error", "fail", "runtime error")
    ]
    if not failed:
        return FeatureBuildError(
            f"dbt stopped before it built anything:\n{output.strip()}",
            hint="mend what dbt names above.",
        )
    lines = [f"  {model} ({status}): {message}" for model, status, message in failed]
    ways = [
        f"{name(model)}: {ways_on(name(model), drift, (tables or {}).get(model))}"
        for model, drift in drifts.items()
    ]
    tests_only = all(status == "fail" for _, status, _ in failed)
    return FeatureBuildError(
        f"dbt {'found rows that break a promise' if tests_only else 'could not build'}:\n"
        + "\n".join(lines),
        hint="\n    ".join([*ways, _IN_THE_UI])
        if ways
        else _hint(tests_only=tests_only, messages=[message for _, _, message in failed]),
    )


def require_complete(
    *,
    planned: Collection[dg.AssetKey],
    built: Collection[dg.AssetKey],
    short: Mapping[dg.AssetKey, str],
) -> None:
    """Check what came of a build that dbt calls a success.

    Args:
        planned: The assets that were to be built.
        built: Those that dbt says it has built.
        short: Those that are missing, or of which rows are, and which, in words.

    Raises:
        FeatureBuildError: a planned table was not built, is not there, or a day has no rows.
    """
    missing = sorted(key.to_user_string() for key in set(planned) - set(built))
    if missing:
        raise FeatureBuildError(
            f"dbt built {len(built)} of {len(planned)} tables and says it is done; not built: "
            f"{', '.join(missing)}",
            hint="the dbt project has changed since it was loaded, or its models are disabled: "
            "reload the code location and materialize again.",
        )
    if short:
        raise FeatureBuildError(
            "dbt built, but what was wanted is not there:\n"
            + "\n".join(f"  {key.to_user_string()}: {said}" for key, said in short.items()),
            hint="look whether the sources have these rows, and who else writes there. If a day, "
            "or a table, may be empty, say so in the model's YAML: "
            "config: {meta: {ml_platform: {empty_days: allowed}}}.",
        )


def _hint(*, tests_only: bool, messages: list[str]) -> str:
    again = "then materialize the same partitions again."
    if tests_only:
        return f"the failed checks say which rows; correct the data or the model, {again}"
    if any(_MISSING.search(message) for message in messages):
        return f"materialize the assets upstream, which make the table that is missing, {again}"
    return f"correct the model that is named, {again}"
