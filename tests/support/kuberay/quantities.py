"""Resource quantities such as `1536Mi` and `100m`: read, added up, written as Kubernetes does."""

import math
from decimal import Decimal
from typing import Final

BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
DECIMAL: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}


def amount(quantity: str | int | float) -> Decimal:
    """The value of a quantity in its base unit."""
    text = str(quantity).strip()
    if text[-2:] in BINARY:
        return Decimal(text[:-2]) * 1024 ** BINARY[text[-2:]]
    if text[-1:] in DECIMAL and not text[-1:].isdigit():
        return Decimal(text[:-1]).scaleb(DECIMAL[text[-1:]])
    return Decimal(text)


def whole(quantity: str | int | float) -> int:
    """Rounded up, as flags of `ray start` want it."""
    return math.ceil(amount(quantity))


def total(quantities: list[str]) -> str:
    """The sum, in the unit style of the first and with the largest unit that leaves no fraction."""
    value = sum((amount(quantity) for quantity in quantities), Decimal(0))
    if not value:
        return "0"
    if any(quantity[-2:] in BINARY for quantity in quantities):
        return _largest(value, {unit: Decimal(1024**power) for unit, power in BINARY.items()})
    return _largest(value, {unit: Decimal(1).scaleb(power) for unit, power in DECIMAL.items()})


def _largest(value: Decimal, units: dict[str, Decimal]) -> str:
    fitting = [(size, unit) for unit, size in {**units, "": Decimal(1)}.items() if not value % size]
    size, unit = max(fitting, default=(Decimal(1), ""))
    return f"{int(value / size)}{unit}"
