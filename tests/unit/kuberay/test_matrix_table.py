"""The table of a run of the matrix, as the README has it."""

from typing import Any

import pytest

from tests.kubernetes.matrix.__main__ import README, replace_tables
from tests.kubernetes.matrix.rays import REAL, STAND_IN, Ray

BEGIN, END = "<!-- matrix with real Ray -->", "<!-- end of the matrix -->"


def outcome(fault: str, phase: str, **more: Any) -> dict[str, Any]:
    ordinary = {"trainings": 1, "clusters_left": [], "epochs_lost": 0, "causes": [], "wrong": []}
    return {"fault": fault, "phase": phase, "ray": "real", "named_s": None, **ordinary, **more}


def test_each_fault_is_a_row_and_each_phase_a_column() -> None:
    outcomes = [
        outcome("head's pod deleted", "pending"),
        outcome("head's pod deleted", "running", causes=["head_lost", "head_lost"], named_s=2.5),
        outcome("quota full", "running", wrong=["left: RayJob one", "and more"]),
    ]

    text = replace_tables(f"above\n{BEGIN}\nan old table\n{END}\nbelow", outcomes)

    assert text.splitlines() == [
        "above",
        BEGIN,
        "| fault | pending | running |",
        "|---|---|---|",
        "| head's pod deleted | 1/0/0 | 1/0/0 head_lost 2.5 s |",
        "| quota full |  | **left: RayJob one** |",
        END,
        "below",
    ]


def test_the_table_of_another_ray_stays() -> None:
    other = f"<!-- matrix with stand-in Ray -->\nkept\n{END}"
    text = replace_tables(f"{other}\n{BEGIN}\n{END}\n", [outcome("quota full", "queued")])
    assert text.startswith(other)
    assert "| quota full | 1/0/0 |" in text


@pytest.mark.parametrize("ray", [STAND_IN, REAL])
def test_the_readme_has_a_place_for_each(ray: Ray) -> None:
    text = README.read_text()
    assert replace_tables(text, [outcome("quota full", "queued") | {"ray": ray.name}]) != text


def test_a_text_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted one place"):
        replace_tables("nothing", [outcome("quota full", "queued")])
