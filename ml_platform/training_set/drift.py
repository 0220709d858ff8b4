"""How far a snapshot has moved from the one before it: the population stability index.

PSI sums `(p - q) · ln(p / q)` over bins; by custom 0.1 is a shift and 0.25 a large one (Siddiqi,
Credit Risk Scorecards, 2006). Days differ more than that by chance, so it warns and never blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BINS: Final = 10
LARGE_SHIFT: Final = 0.25
FLOOR: Final = 1e-3
"""Smallest share of a bin: an empty bin would make the index infinite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The index of one column, and the shares of its bins before and now."""

    column: str
    psi: float
    before: tuple[float, ...]
    now: tuple[float, ...]


def drift(before: "pa.Table", now: "pa.Table", spec: FeaturesSpec) -> list[Drift]:
    """The drift of every feature column, largest first."""
    found = [_number(name, before, now) for name in spec.numbers]
    found += [_category(name, before, now) for name in spec.categories]
    return sorted(found, key=lambda one: one.psi, reverse=True)


def shifted(drifts: Sequence[Drift]) -> list[Drift]:
    """Those with a large shift."""
    return [one for one in drifts if one.psi > LARGE_SHIFT]


def _number(name: str, before: "pa.Table", now: "pa.Table") -> Drift:
    import numpy as np

    old, new = (table.column(name).to_numpy() for table in (before, now))
    known = old[np.isfinite(old)]
    edges: Any = (
        np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else []
    )
    return _compare(name, _shares(old, edges), _shares(new, edges))


def _shares(values: "np.ndarray[Any, Any]", edges: Any) -> "np.ndarray[Any, Any]":
    """Share of each bin; the last is for missing values."""
    import numpy as np

    missing = ~np.isfinite(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"))
    padded = np.zeros(len(edges) + 2)
    padded[: len(counts)] = counts
    padded[-1] = missing.sum()
    return padded / max(len(values), 1)


def _category(name: str, before: "pa.Table", now: "pa.Table") -> Drift:
    import numpy as np

    old, new = (table.column(name).to_pandas().value_counts() for table in (before, now))
    top = list(old.index[: BINS * 2])
    shares = []
    for counts in (old, new):
        listed = [int(counts.get(value, 0)) for value in top]
        rest = int(counts.sum()) - sum(listed)
        shares.append(np.array([*listed, rest]) / max(int(counts.sum()), 1))
    return _compare(name, shares[0], shares[1])


def _compare(name: str, old: "np.ndarray[Any, Any]", new: "np.ndarray[Any, Any]") -> Drift:
    import numpy as np

    p, q = np.maximum(new, FLOOR), np.maximum(old, FLOOR)
    return Drift(
        column=name,
        psi=float(((p - q) * np.log(p / q)).sum()),
        before=tuple(float(x) for x in old),
        now=tuple(float(x) for x in new),
    )
