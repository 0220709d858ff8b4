"""Tables as Markdown, so that they go into the README as they were printed."""

from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write one table and an empty line."""
    lines = [columns, ["---"] * len(columns), *rows]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")  # noqa: T201
