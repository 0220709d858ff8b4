"""Small pictures of a model for the metadata of its assets: calibration, learning curve, drift.

Drawn with matplotlib's objects, never pyplot, so that nothing global is touched and threads do not
meet. White background and 520 x 320 pixels: they are read in Dagster's metadata view.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ml_platform.evaluation.metrics import Scored, calibration_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


WIDTH_PX: Final = 520
HEIGHT_PX: Final = 320
DPI: Final = 100
COLOURS: Final = 48
DRIFT_COLUMNS: Final = 10

BLUE: Final = "#2f6fb7"
ORANGE: Final = "#d9730d"
GREY: Final = "#8a8f98"
DARK: Final = "#30343b"
WHITE: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
# The candidate first, then its rivals: told apart without colour by their markers.
LINES: Final = ((BLUE, "o"), (ORANGE, "s"), (GREY, "^"), ("#5b8c5a", "D"), ("#8e5ea2", "v"))


class Epoch(Protocol):
    """An epoch of a training and its metrics by name."""

    @property
    def epoch(self) -> int: ...  # noqa: D102

    @property
    def metrics(self) -> Mapping[str, float]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A PNG with the words for those who do not see it."""

    png: bytes
    alt: str

    @property
    def markdown(self) -> str:
        """An image with its data inside, for `MetadataValue.md`."""
        return f"![{self.alt}](data:image/png;base64,{base64.b64encode(self.png).decode()})"


def calibration_curve(models: Mapping[str, Scored]) -> Picture:
    """Observed share of positives over predicted probability, in bins of equal mass.

    Args:
        models: Predictions by the name in the legend, the candidate first; the histogram below is
            the candidate's.
    """
    import numpy as np

    curves = {name: calibration_points(scored) for name, scored in models.items()}
    predictions = next(iter(models.values())).probabilities
    figure = _figure()
    curve, histogram = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1), "hspace": 0.12}
    )
    for (name, (predicted, observed)), (colour, marker) in zip(curves.items(), LINES, strict=False):
        curve.plot(
            predicted,
            observed,
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1.4,
            label=name,
        )
    # Wide enough for the bins' means and all but the most extreme 0.5 % of the histogram.
    top = max(float(np.max(values)) for points in curves.values() for values in points)
    limit = min(1.0, max(top, float(np.quantile(predictions, 0.995))) * 1.08 + 0.02)
    curve.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle="--", label="perfect")
    curve.set(xlim=(0, limit), ylim=(0, limit), ylabel="observed share")
    curve.set_title(
        "Calibration on the held-out days", loc="left", fontsize=10, fontweight="bold", color=DARK
    )
    curve.legend(loc="upper left", frameon=False)
    histogram.hist(predictions, bins=40, range=(0, limit), color=BLUE)
    histogram.set(xlabel="predicted probability", ylabel="rows")
    histogram.locator_params(axis="y", nbins=2)
    _plain(curve, histogram)
    return _picture(figure, f"Calibration of {', '.join(curves)} on {len(predictions)} rows")


def learning_curve(
    history: Sequence[Epoch],
    *,
    train: str = "train_loss",
    validation: str = "validation_loss",
) -> Picture:
    """Loss of training and validation rows over the epochs; marks the best epoch.

    Args:
        history: One record an epoch, oldest first; a metric that is not there is not drawn.
        train: Name of the training loss.
        validation: Name of the validation loss.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure()
    axes = figure.subplots()
    for name, words, (colour, marker) in (
        (train, "training", LINES[0]),
        (validation, "validation", LINES[1]),
    ):
        points = [(one.epoch, one.metrics[name]) for one in history if name in one.metrics]
        if points:
            epochs, losses = zip(*points, strict=True)
            axes.plot(
                epochs,
                losses,
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.6,
                label=words,
            )
    alt = f"Loss over {len(history)} epoch{'' if len(history) == 1 else 's'}"
    seen = [one for one in history if validation in one.metrics]
    if seen:
        best = min(seen, key=lambda one: one.metrics[validation])
        loss = best.metrics[validation]
        axes.axvline(
            best.epoch,
            color=GREY,
            linewidth=1,
            linestyle="--",
            zorder=0,
            label=f"best: {loss:.4f} in epoch {best.epoch}",
        )
        alt = f"{alt}; lowest validation loss {loss:.4f} in epoch {best.epoch}"
    axes.set(xlabel="epoch", ylabel="loss")
    axes.set_title("Learning curve", loc="left", fontsize=10, fontweight="bold", color=DARK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.15)
    if history:
        axes.set_xlim(history[0].epoch - 0.5, history[-1].epoch + 0.5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    _plain(axes)
    return _picture(figure, alt)


def feature_drift(indices: Mapping[str, float], *, large: float) -> Picture:
    """Population stability index of the columns that moved most since the snapshot before.

    Args:
        indices: The index of each column.
        large: From where on a shift counts as large; those columns stand out.
    """
    figure = _figure()
    axes = figure.subplots()
    shown = sorted(indices.items(), key=lambda column: column[1])[-DRIFT_COLUMNS:]
    values = [index for _, index in shown]
    bars = axes.barh(
        [column for column, _ in shown],
        values,
        color=[ORANGE if index > large else BLUE for index in values],
        height=0.65,
    )
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8, color=DARK, bbox=WHITE)
    axes.axvline(large, color=GREY, linewidth=1, linestyle="--", zorder=0)
    axes.set_xlim(0, max([large, *values]) * 1.15)
    axes.set_xlabel(f"population stability index (dashed: {large:g}, a large shift)")
    axes.set_title(
        "Drift since the previous snapshot", loc="left", fontsize=10, fontweight="bold", color=DARK
    )
    _plain(axes)
    moved = sum(index > large for index in indices.values())
    return _picture(figure, f"Drift of {len(indices)} columns, {moved} with a large shift")


def _figure() -> "Figure":
    from matplotlib.figure import Figure

    return Figure(
        figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI),
        dpi=DPI,
        facecolor="white",
        layout="constrained",
    )


def _plain(*all_axes: "Axes") -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(labelsize=8, colors=DARK, length=3)
        axes.xaxis.label.set(size=9, color=DARK)
        axes.yaxis.label.set(size=9, color=DARK)
        legend = axes.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set(size=8, color=DARK)


def _picture(figure: "Figure", alt: str) -> Picture:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # A palette halves the file, and the metadata of every materialization carries it.
    image = (
        Image.frombuffer("RGBA", (WIDTH_PX, HEIGHT_PX), canvas.buffer_rgba())
        .convert("RGB")
        .quantize(COLOURS)
    )
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return Picture(png=buffer.getvalue(), alt=alt)
