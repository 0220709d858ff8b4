"""What trainings reported of their epochs, as lines over them; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ml_platform.xray.curves import Curves, main_name

MOST_CHARTS: Final = 4
"""Metrics; the table of what differs has all, and MLflow too."""
MOST_POINTS: Final = 500
"""Of a line: more are finer than a screen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One attempt's line.

    Attributes:
        name: Whose; empty where there is only one.
        path: As SVG draws it, from 0 to 100 both ways.
        last: Its last value.
    """

    name: str
    path: str
    last: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveChart:
    """A metric over the epochs.

    Attributes:
        metric: As `train.py` calls it.
        lines: Of each attempt that reported it.
        least: The lower end of the scale.
        most: The upper.
        first: The epoch at the left.
        last: That at the right.
        told: The same in words.
    """

    metric: str
    lines: tuple[Line, ...]
    least: float
    most: float
    first: int
    last: int
    told: str


def curve_charts(curves: Mapping[str, Curves]) -> tuple[CurveChart, ...]:
    """A chart of each metric that changes, what tells most first.

    Args:
        curves: By the names of those who reported them.
    """
    names = list(dict.fromkeys(name for one in curves.values() for name in one.metrics))
    main = main_name(names)
    names.sort(key=lambda name: name != main)
    charts = (chart for name in names if (chart := _chart(name, curves)) is not None)
    return tuple(chart for chart, _ in zip(charts, range(MOST_CHARTS), strict=False))


def _chart(metric: str, curves: Mapping[str, Curves]) -> CurveChart | None:
    """Its chart; None for what has one epoch, or one value."""
    points = {
        name: [(int(at["epoch"]), at[metric]) for at in one.epochs if metric in at]
        for name, one in curves.items()
    }
    points = {name: of_one for name, of_one in points.items() if of_one}
    epochs = [epoch for of_one in points.values() for epoch, _ in of_one]
    values = [value for of_one in points.values() for _, value in of_one]
    if not values or min(values) == max(values) or min(epochs) == max(epochs):
        return None
    scale = (min(epochs), max(epochs), min(values), max(values))
    lines = tuple(
        Line(name=name, path=_path(of_one, scale), last=of_one[-1][1])
        for name, of_one in points.items()
    )
    ends = ", ".join(f"{one.name} {one.last:.4g}".strip() for one in lines)
    return CurveChart(
        metric=metric,
        lines=lines,
        least=scale[2],
        most=scale[3],
        first=scale[0],
        last=scale[1],
        told=f"{metric} from epoch {scale[0]} to {scale[1]}, at the end {ends}",
    )


def _path(points: list[tuple[int, float]], scale: tuple[int, int, float, float]) -> str:
    first, last, least, most = scale
    every = -(-len(points) // MOST_POINTS)
    drawn = points[::every]
    drawn += [] if drawn[-1] == points[-1] else [points[-1]]
    at = (
        f"{100 * (epoch - first) / (last - first):.2f} {100 * (most - value) / (most - least):.2f}"
        for epoch, value in drawn
    )
    return f"M{' L'.join(at)}"
