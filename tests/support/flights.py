"""Small feature rows for tests: one day of a table with every kind of column."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa  # noqa: TID253

from ml_platform.training_set.manifest import Source
from ml_platform.training_set.spec import FeaturesSpec

SPEC = FeaturesSpec(
    table="flight_features",
    label="is_late",
    keys=("flight_id",),
    numbers=("distance", "wind"),
    categories=("carrier",),
    event_time="departure_at",
    known_at="known_at",
    min_category_count=1,
)

SOURCE = Source(
    table="ml_local.flight_features", snapshot="s1", taken_at=datetime(2013, 6, 1, tzinfo=UTC)
)


def day_of_flights(day: int = 1, *, rows: int = 100, **changes: Any) -> pa.Table:
    """`rows` flights of January `day`; `changes` replace whole columns."""
    rng = np.random.default_rng(day)
    distance = rng.normal(1000, 300, rows)
    departure = datetime(2013, 1, day, 12, tzinfo=UTC).replace(tzinfo=None)
    columns: dict[str, Any] = {
        "flight_id": [f"{day:02d}-{n:06d}" for n in range(rows)],
        "departure_at": [departure] * rows,
        "known_at": [departure - timedelta(hours=12)] * rows,
        "carrier": [("AA", "UA", "B6")[n % 3] for n in range(rows)],
        "distance": distance,
        "wind": rng.normal(10, 4, rows),
        "is_late": (rng.random(rows) < 1 / (1 + np.exp(-(distance - 1000) / 300))).astype(int),
    }
    return pa.table({**columns, **changes})
