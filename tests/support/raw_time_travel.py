"""Takes a warehouse back to a moment: forgets every raw fact that was not known then.

Features that were really known at the moment come out the same from what is left.
"""

from collections.abc import Mapping
from typing import Any

from ml_platform.warehouse.interface import TableRef, Warehouse

Rows = Mapping[str, Mapping[str, Any]]


def forget_after(warehouse: Warehouse, moment: str) -> None:
    """Remove from the raw tables what happened after `moment` (UTC).

    The timetable stays. A flight's outcome is known when it has arrived, a weather report when the
    hour in which it was made is over.
    """
    warehouse.run(
        """
        UPDATE raw_nycflights13.flights AS raw
        SET dep_time = NULL, dep_delay = NULL, arr_time = NULL, arr_delay = NULL, air_time = NULL
        FROM (
            SELECT carrier, flight_number, origin, departure_local
            FROM ml_local.stg_flights
            WHERE coalesce(arrived_at, scheduled_departure_at) > CAST($moment AS TIMESTAMP)
        ) AS later
        WHERE later.carrier = raw.carrier
            AND later.flight_number = raw.flight
            AND later.origin = raw.origin
            AND CAST(later.departure_local AS DATE) = make_date(raw.year, raw.month, raw.day)
        """,
        {"moment": moment},
    )
    warehouse.run(
        "DELETE FROM raw_nycflights13.weather "
        "WHERE time_hour + INTERVAL 1 HOUR > CAST($moment AS TIMESTAMP)",
        {"moment": moment},
    )


def features_of_the_hour(warehouse: Warehouse, moment: str) -> Rows:
    """All columns but the label of the flights that are to leave in the hour from `moment` on."""
    table = TableRef("ml_local", "flight_features")
    found = warehouse.run(
        f"SELECT * EXCLUDE (is_late) FROM {table} "
        "WHERE date_trunc('hour', scheduled_departure_at) = CAST($moment AS TIMESTAMP)",
        {"moment": moment},
    )
    return {row["flight_id"]: row for row in found.to_pylist()}


def columns_that_differ(now: Rows, then: Rows) -> set[str]:
    """The columns whose value differs for any flight; a flight that is missing differs in all."""
    return {
        column
        for flight, row in now.items()
        for column, value in row.items()
        if then.get(flight, {}).get(column, "missing") != value
    }
