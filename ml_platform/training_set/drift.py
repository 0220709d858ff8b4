"""How far a snapshot has moved from the one before it: the population stability index.

PSI sums `(p - q) · ln(p / q)` over bins; by custom 0.1 is a shift and 0.25 a large one (Siddiqi,
Credit Risk Scorecards, 2006). Weather or the weekday move more than that every night, and chance
alone moves a day of few rows, so a shift is unusual only beside those of the days before and beside
what chance can do. It warns and never blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BINS: Final = 10
LARGE_SHIFT: Final = 0.25
UNUSUAL: Final = 3.0
"""How many times a column's usual shift from day to day is worth a warning."""
HISTORY_DAYS: Final = 7
FEWEST_ROWS: Final = 100
"""Of a day that is compared: of fewer, bins are empty by chance."""
FEWEST_OF_A_VALUE: Final = 10
"""Of a category's value, the day before, that has a bin of its own: rarer ones come and go."""
CHANCE: Final = 4.0
"""Standard normal deviate beyond which a shift is no chance, with many columns and every day."""
FLOOR: Final = 1e-3
"""Smallest share of a bin: an empty bin would make the index infinite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The index of one column between two neighbouring days.

    `usual` is the median of the index between the days before them, 0 where there are none;
    `chance` is what two samples of these sizes may differ by if nothing has moved.
    """

    column: str
    psi: float
    usual: float = 0.0
    chance: float = 0.0

    @property
    def limit(self) -> float:
        """From where on the shift is large, for this column."""
        return max(LARGE_SHIFT, UNUSUAL * self.usual, self.chance)


def drift(days: Sequence["pa.Table"], spec: FeaturesSpec) -> list[Drift]:
    """The drift of every feature column on the last of `days`, the most unusual first.

    Args:
        days: Rows of neighbouring days, oldest first: at least two, of `FEWEST_ROWS` each.
        spec: Which columns are numbers and categories.
    """
    found = [_drift(name, days, _number) for name in spec.numbers]
    found += [_drift(name, days, _category) for name in spec.categories]
    return sorted(found, key=lambda one: one.psi / one.limit, reverse=True)


def shifted(drifts: Sequence[Drift]) -> list[Drift]:
    """Those with a large shift."""
    return [one for one in drifts if one.psi > one.limit]


def _drift(
    name: str,
    days: Sequence["pa.Table"],
    compare: Callable[[str, "pa.Table", "pa.Table"], tuple[float, int]],
) -> Drift:
    *earlier, (psi, bins) = (compare(name, before, now) for before, now in pairwise(days))
    return Drift(
        column=name,
        psi=psi,
        usual=median(one for one, _ in earlier) if earlier else 0.0,
        chance=_chance(bins, days[-2].num_rows, days[-1].num_rows),
    )


def _chance(bins: int, old_rows: int, new_rows: int) -> float:
    """What the index hardly ever exceeds between two samples of one distribution.

    It is distributed as chi-square of `bins - 1` degrees, times the sum of the samples' inverse
    sizes (Yurdakul 2018, Western Michigan University); the quantile is by Wilson and Hilferty.
    """
    degrees = max(bins - 1, 1)
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + CHANCE * spread**0.5) ** 3
    return quantile * (1 / max(old_rows, 1) + 1 / max(new_rows, 1))


def _number(name: str, before: "pa.Table", now: "pa.Table") -> tuple[float, int]:
    import numpy as np

    old, new = (table.column(name).to_numpy() for table in (before, now))
    known = old[np.isfinite(old)]
    edges: Any = (
        np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else []
    )
    return _index(_shares(old, edges), _shares(new, edges))


def _shares(values: "np.ndarray[Any, Any]", edges: Any) -> "np.ndarray[Any, Any]":
    """Share of each bin; the last is for missing values."""
    import numpy as np

    missing = ~np.isfinite(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"))
    padded = np.zeros(len(edges) + 2)
    padded[: len(counts)] = counts
    padded[-1] = missing.sum()
    return padded / max(len(values), 1)


def _category(name: str, before: "pa.Table", now: "pa.Table") -> tuple[float, int]:
    import numpy as np

    old, new = (table.column(name).to_pandas().value_counts() for table in (before, now))
    often = old[old >= FEWEST_OF_A_VALUE]
    top = list(often.index[: BINS * 2])
    shares = []
    for counts in (old, new):
        listed = [int(counts.get(value, 0)) for value in top]
        rest = int(counts.sum()) - sum(listed)
        shares.append(np.array([*listed, rest]) / max(int(counts.sum()), 1))
    return _index(shares[0], shares[1])


def _index(old: "np.ndarray[Any, Any]", new: "np.ndarray[Any, Any]") -> tuple[float, int]:
    """The index, and over how many bins."""
    import numpy as np

    p, q = np.maximum(new, FLOOR), np.maximum(old, FLOOR)
    return float(((p - q) * np.log(p / q)).sum()), int(((old > 0) | (new > 0)).sum())
