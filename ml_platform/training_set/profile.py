"""What a snapshot's columns look like, small enough to live in its manifest.

Profiles of days are merged into the profile of a window, so vocabularies and scales of a training
need no pass over its rows.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import pyarrow as pa

MAX_VALUES: Final = 200_000
"""Distinct values of a category that a profile keeps; the rarest are dropped beyond it."""


class NumberProfile(BaseModel):
    """Moments of a numeric column; `m2` is the sum of squared distances from the mean."""

    model_config = ConfigDict(frozen=True)

    count: int = 0
    nulls: int = 0
    mean: float = 0.0
    m2: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    @property
    def standard_deviation(self) -> float:
        """Of the population; 0 for fewer than two values."""
        return (self.m2 / self.count) ** 0.5 if self.count > 1 else 0.0

    def merge(self, other: "NumberProfile") -> "NumberProfile":
        """The profile of both sets of rows (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        if count == 0:
            return NumberProfile(nulls=self.nulls + other.nulls)
        delta = other.mean - self.mean
        bounds = [p for p in (self, other) if p.minimum is not None]
        return NumberProfile(
            count=count,
            nulls=self.nulls + other.nulls,
            mean=self.mean + delta * other.count / count,
            m2=self.m2 + other.m2 + delta * delta * self.count * other.count / count,
            minimum=min(p.minimum for p in bounds if p.minimum is not None),
            maximum=max(p.maximum for p in bounds if p.maximum is not None),
        )


class CategoryProfile(BaseModel):
    """Values of a categorical column and how often each is there."""

    model_config = ConfigDict(frozen=True)

    nulls: int = 0
    counts: dict[str, int] = {}

    def merge(self, other: "CategoryProfile") -> "CategoryProfile":
        """The profile of both sets of rows."""
        counts = Counter(self.counts)
        counts.update(other.counts)
        if len(counts) > MAX_VALUES:
            counts = Counter(dict(counts.most_common(MAX_VALUES)))
        return CategoryProfile(nulls=self.nulls + other.nulls, counts=dict(sorted(counts.items())))


class Profile(BaseModel):
    """Profiles of all numbers and categories of a set of rows."""

    model_config = ConfigDict(frozen=True)

    numbers: dict[str, NumberProfile] = {}
    categories: dict[str, CategoryProfile] = {}

    def merge(self, other: "Profile") -> "Profile":
        """The profile of both sets of rows; a day without rows has none."""
        return Profile(
            numbers={
                name: self.numbers.get(name, NumberProfile()).merge(
                    other.numbers.get(name, NumberProfile())
                )
                for name in dict.fromkeys((*self.numbers, *other.numbers))
            },
            categories={
                name: self.categories.get(name, CategoryProfile()).merge(
                    other.categories.get(name, CategoryProfile())
                )
                for name in dict.fromkeys((*self.categories, *other.categories))
            },
        )


def merge_profiles(profiles: Iterable[Profile]) -> Profile:
    """The profile of all rows of a window."""
    merged = Profile()
    for profile in profiles:
        merged = merged.merge(profile)
    return merged


def profile_batch(
    batch: "pa.RecordBatch", *, numbers: Iterable[str], categories: Iterable[str]
) -> Profile:
    """The profile of one record batch; NaN counts as null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    by_number = {}
    for name in numbers:
        array = batch.column(name).cast(pa.float64())
        values = array.drop_null().to_numpy(zero_copy_only=False)
        values = values[np.isfinite(values)]
        by_number[name] = (
            NumberProfile(
                count=len(values),
                nulls=len(array) - len(values),
                mean=float(values.mean()),
                m2=float(((values - values.mean()) ** 2).sum()),
                minimum=float(values.min()),
                maximum=float(values.max()),
            )
            if len(values)
            else NumberProfile(nulls=len(array))
        )
    by_category = {}
    for name in categories:
        array = batch.column(name).cast(pa.string())
        counted = pc.value_counts(array.drop_null()).to_pylist()
        by_category[name] = CategoryProfile(
            nulls=array.null_count,
            counts=dict(sorted((entry["values"], entry["counts"]) for entry in counted)),
        )
    return Profile(numbers=by_number, categories=by_category)
