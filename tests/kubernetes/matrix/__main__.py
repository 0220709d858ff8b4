"""Writes the results of a run into the tables of `tests/kubernetes/README.md`."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.matrix.faults import FAULTS
from tests.kubernetes.matrix.phases import PHASES

README: Final = Path(__file__).parents[1] / "README.md"


def table(outcomes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines of Markdown: a row for each fault, a column for each phase."""
    phases = _in_order([phase.name for phase in PHASES], outcomes, "phase")
    yield f"| fault | {' | '.join(phases)} |"
    yield "|---" * (len(phases) + 1) + "|"
    for fault in _in_order([fault.name for fault in FAULTS], outcomes, "fault"):
        found = {one["phase"]: one for one in outcomes if one["fault"] == fault}
        cells = [_cell(found[phase]) if phase in found else "" for phase in phases]
        yield f"| {fault} | {' | '.join(cells)} |"


def _in_order(names: Sequence[str], outcomes: Sequence[dict[str, Any]], field: str) -> list[str]:
    found = {one[field] for one in outcomes}
    return [name for name in names if name in found]


def _cell(one: dict[str, Any]) -> str:
    if one["wrong"]:
        return f"**{one['wrong'][0]}**"
    told = f"{one['trainings']}/{len(one['clusters_left'])}/{one['epochs_lost']}"
    # Where no attempt failed, it was told while the training waited.
    named = " ".join(dict.fromkeys(one["causes"])) or "told"
    if one["named_s"] is not None:
        return f"{told} {named} {one['named_s']} s"
    return f"{told} {named}" if one["causes"] else told


def replace_tables(text: str, outcomes: Sequence[dict[str, Any]]) -> str:
    """The text with the tables of those kinds of Ray of which there are outcomes.

    Raises:
        ValueError: the text has no place for such a table.
    """
    for ray in dict.fromkeys(one["ray"] for one in outcomes):
        begin, end = f"<!-- matrix with {ray} Ray -->", "<!-- end of the matrix -->"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        found = place.findall(text)
        if len(found) != 1:
            msg = f"wanted one place for a table, {begin} … {end}, found {len(found)}"
            raise ValueError(msg)
        lines = table([one for one in outcomes if one["ray"] == ray])
        text = text.replace(found[0], "\n".join([begin, *lines, end]))
    return text


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())
    README.write_text(replace_tables(README.read_text(), found))
