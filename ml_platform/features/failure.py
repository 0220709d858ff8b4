"""Why dbt failed, model by model, in the platform's words."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ml_platform.errors import FeatureBuildError

# DuckDB's words, and BigQuery's.
_MISSING: Final = re.compile(r"Table with name \S+ does not exist|Not found: (Table|Dataset)")


def build_error(results: Mapping[str, Any], output: str) -> FeatureBuildError:
    """What dbt said, model by model.

    Args:
        results: dbt's `run_results.json`, or nothing if it did not get so far.
        output: All that dbt said, for when there are no results.
    """
    failed = [
        (result["unique_id"].split(".")[2], result["status"], (result["message"] or "").strip())
        for result in results.get("results", [])
        if result["status"] in ("error", "fail", "runtime error")
    ]
    if not failed:
        _, _, said = output.partition("Errors parsed from dbt logs:")
        return FeatureBuildError(
            f"dbt stopped before it built anything:\n{(said or output).strip()}",
            hint="mend what dbt names above.",
        )
    lines = [f"  {name} ({status}): {message}" for name, status, message in failed]
    tests_only = all(status == "fail" for _, status, _ in failed)
    return FeatureBuildError(
        f"dbt {'found rows that break a promise' if tests_only else 'could not build'}:\n"
        + "\n".join(lines),
        hint=_hint(tests_only=tests_only, messages=[message for _, _, message in failed]),
    )


def _hint(*, tests_only: bool, messages: list[str]) -> str:
    again = "then materialize the same partitions again."
    if tests_only:
        return f"the failed checks say which rows; correct the data or the model, {again}"
    if any(_MISSING.search(message) for message in messages):
        return f"materialize the assets upstream, which make the table that is missing, {again}"
    return f"correct the model that is named, {again}"
