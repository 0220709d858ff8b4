"""Amounts as Kubernetes writes them: `500m`, `4Gi`, `1e3`."""

import re
from typing import Any, Final

_UNITS: Final = {
    "": 1.0,
    **{"n": 1e-9, "u": 1e-6, "m": 1e-3},
    **{"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18},
    **{f"{unit}i": 2.0 ** (10 * power) for power, unit in enumerate("KMGTPE", start=1)},
}
_PATTERN: Final = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)", re.ASCII
)


def quantity(text: Any) -> float:
    """`512Mi` as a number; 0 for what is none."""
    match = _PATTERN.fullmatch(str(text))
    if match is None or match[2] not in _UNITS:
        return 0.0
    return float(match[1]) * _UNITS[match[2]]


def is_quantity(text: str) -> bool:
    """Whether it is an amount as Kubernetes writes them."""
    match = _PATTERN.fullmatch(text)
    # An exponent and a unit are two ways to write the same.
    return match is not None and match[2] in _UNITS and not ("e" in match[1].lower() and match[2])


def as_text(amount: float, like: str) -> str:
    """An amount in words, in the unit that `like` is written in."""
    match = _PATTERN.fullmatch(like)
    unit = match[2] if match else ""
    return f"{amount / _UNITS.get(unit, 1.0):g}{unit}"
