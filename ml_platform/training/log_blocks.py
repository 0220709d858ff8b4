"""Lines of logs as Dagster shows them."""

import re
from collections.abc import Iterable


def code_block(lines: Iterable[str]) -> str:
    """Markdown of lines as they are, whatever Markdown they hold."""
    kept = tuple(lines)
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((fence, *kept, fence))
