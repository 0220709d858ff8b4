"""Spans of time as people type them: `90m`, `4h`, `1d12h`."""

import re
from typing import Final

from ml_platform.errors import InputError
from ml_platform.wrong_values import shown_amount

_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def seconds_of(text: str) -> int:
    """`1h30m` in seconds.

    Raises:
        InputError: it is no span of time.
    """
    match = _SPAN.fullmatch(text)
    if not text or match is None:
        raise InputError(
            f"{shown_amount(text)} is no span of time",
            hint="write it as 30m, 4h, 1h30m or 1d, largest first.",
        )
    return sum(
        int(count) * unit for count, unit in zip(match.groups("0"), _UNITS.values(), strict=True)
    )
