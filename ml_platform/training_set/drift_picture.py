"""Drift as a small picture: the stability index of the columns that moved most."""

import io
from collections.abc import Sequence

from ml_platform.training_set.drift import LARGE_SHIFT, Drift

SHOWN = 12


def drift_picture(found: Sequence[Drift], *, now: str, before: str) -> bytes:
    """A PNG of about 10 KB with a bar for each of the most shifted columns."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = list(found[:SHOWN])[::-1]
    figure = Figure(figsize=(5.6, 0.6 + 0.26 * len(shown)), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = ["#c0392b" if one.psi > LARGE_SHIFT else "#5b7fa6" for one in shown]
    axes.barh([one.column for one in shown], [one.psi for one in shown], color=colours, height=0.7)
    axes.axvline(LARGE_SHIFT, color="#c0392b", linewidth=1, linestyle="--")
    axes.set_title(f"Population stability index, {now} against {before}", fontsize=9)
    axes.tick_params(labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", facecolor="white")
    return stream.getvalue()
