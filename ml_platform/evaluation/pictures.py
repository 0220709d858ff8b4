"""The calibration of a model as a picture."""

from collections.abc import Mapping

from ml_platform.evaluation.metrics import Scored, calibration_points
from ml_platform.pictures import (
    BLUE,
    DARK,
    GREY,
    LINES,
    Picture,
    make_plain,
    new_figure,
    to_picture,
)


def calibration_curve(models: Mapping[str, Scored]) -> Picture:
    """Observed share of positives over predicted probability, in bins of equal mass.

    Args:
        models: Predictions by the name in the legend, the candidate first; the histogram below is
            the candidate's.
    """
    import numpy as np

    curves = {name: calibration_points(scored) for name, scored in models.items()}
    predictions = next(iter(models.values())).probabilities
    figure = new_figure()
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
    make_plain(curve, histogram)
    return to_picture(figure, f"Calibration of {', '.join(curves)} on {len(predictions)} rows")
