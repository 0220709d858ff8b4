"""Tables, as many at once as one statement may name."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

Table = TypeVar("Table")

# BigQuery lets a statement name 1,000 tables.
TABLES_AT_ONCE: Final = 500


def batches(tables: Sequence[Table]) -> Iterator[Sequence[Table]]:
    """The tables in their order, `TABLES_AT_ONCE` at a time."""
    for first in range(0, len(tables), TABLES_AT_ONCE):
        yield tables[first : first + TABLES_AT_ONCE]
