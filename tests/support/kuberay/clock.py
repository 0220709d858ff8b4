"""Times as the API server keeps them: UTC, whole seconds."""

from datetime import UTC, datetime


def stamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339; a fraction is cut off."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(seconds: float) -> str:
    """With microseconds, as Events have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(stamped: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(stamped.replace("Z", "+00:00")).timestamp()


def spoken(stamped: str) -> str:
    """As Go prints a time in a message: `2026-11-22 06:16:39 +0000 UTC`."""
    return datetime.fromisoformat(stamped.replace("Z", "+00:00")).strftime(
        "%Y-%m-%d %H:%M:%S +0000 UTC"
    )
