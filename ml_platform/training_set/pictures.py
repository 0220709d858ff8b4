"""The drift of a snapshot as a picture."""

from collections.abc import Sequence
from typing import Final

from ml_platform.pictures import (
    BLUE,
    DARK,
    GREY,
    ORANGE,
    WHITE,
    Picture,
    make_plain,
    new_figure,
    to_picture,
)
from ml_platform.training_set.drift import LARGE_SHIFT, Drift, shifted

DRIFT_COLUMNS: Final = 10


def feature_drift(found: Sequence[Drift]) -> Picture:
    """Population stability index of the columns that moved most unusually since the day before.

    Args:
        found: The index of each column; those with a large shift stand out, and a line marks
            where it begins.
    """
    figure = new_figure()
    axes = figure.subplots()
    shown = sorted(found, key=lambda one: one.psi / one.limit)[-DRIFT_COLUMNS:]
    values = [one.psi for one in shown]
    bars = axes.barh(
        [one.column for one in shown],
        values,
        color=[ORANGE if one.psi > one.limit else BLUE for one in shown],
        height=0.65,
    )
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8, color=DARK, bbox=WHITE)
    limits = [one.limit for one in shown]
    rows = range(len(shown))
    axes.vlines(limits, [n - 0.42 for n in rows], [n + 0.42 for n in rows], color=GREY)
    axes.set_xlim(0, max([LARGE_SHIFT, *limits, *values]) * 1.15)
    axes.set_xlabel("population stability index; a line: unusual from here")
    axes.set_title(
        "Drift since the previous snapshot", loc="left", fontsize=10, fontweight="bold", color=DARK
    )
    make_plain(axes)
    return to_picture(
        figure, f"Drift of {len(found)} columns, {len(shifted(found))} with a large shift"
    )
