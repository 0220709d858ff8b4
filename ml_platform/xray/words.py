"""How X-Ray says spans and moments of time, money, and what others have written."""

from datetime import UTC, datetime, tzinfo
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_TENTHS_BELOW_S: Final = 10.0


def span(seconds: float) -> str:
    """`8.2 s`, `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: its two largest units."""
    if seconds < _TENTHS_BELOW_S:
        return f"{max(0.0, seconds):.1f} s"
    # Rounded to the smaller of the two that are said, so that nothing is 60 min.
    whole = round(seconds)
    if whole >= 3600:
        whole = round(whole / 60) * 60
    if whole >= 86_400:
        whole = round(whole / 3600) * 3600
    parts: list[str] = []
    for name, size in _UNITS:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(filter(None, parts[:2]))


def moment(at_s: float, zone: tzinfo | None = None) -> str:
    """`2026-11-28 15:03` in a zone; in that of this machine if none is given."""
    return f"{_local(at_s, zone):%Y-%m-%d %H:%M}"


def moment_and_zone(at_s: float, zone: tzinfo | None = None) -> str:
    """`2026-11-28 15:03 CET`."""
    return f"{_local(at_s, zone):%Y-%m-%d %H:%M %Z}".rstrip()


def clock_time(at_s: float, zone: tzinfo | None = None) -> str:
    """`2026-11-28 15:03:20`: for what is compared with a log."""
    return f"{_local(at_s, zone):%Y-%m-%d %H:%M:%S}"


def money(amount: float | None) -> str:
    """`12.30`, in whatever currency the prices are; `unknown` without one."""
    if amount is None:
        return "unknown"
    return "under 0.01" if 0 < amount < 0.005 else f"{amount:,.2f}"


def shortened(text: str, longest: int) -> str:
    """The text in one line of so many characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _local(at_s: float, zone: tzinfo | None) -> datetime:
    # Without a zone `astimezone` takes the machine's as it was at that moment, summer time too.
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone)
