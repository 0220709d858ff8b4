"""Prints the table of README from the results of a run."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def table(outcomes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines of Markdown: a row for each fault, a column for each phase."""
    phases = list(dict.fromkeys(one["phase"] for one in outcomes))
    yield f"| fault | {' | '.join(phases)} |"
    yield "|---" * (len(phases) + 1) + "|"
    for fault in dict.fromkeys(one["fault"] for one in outcomes):
        found = {one["phase"]: one for one in outcomes if one["fault"] == fault}
        cells = [_cell(found[phase]) if phase in found else "" for phase in phases]
        yield f"| {fault} | {' | '.join(cells)} |"


def _cell(one: dict[str, Any]) -> str:
    if one["wrong"]:
        return f"**{one['wrong'][0]}**"
    told = f"{one['trainings']}/{len(one['clusters_left'])}/{one['epochs_lost']}"
    if one["causes"]:
        told += f" {' '.join(dict.fromkeys(one['causes']))} {one['named_s']} s"
    return told


if __name__ == "__main__":
    for line in table(json.loads(Path(sys.argv[1]).read_text())):
        print(line)  # noqa: T201
