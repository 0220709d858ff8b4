"""One thing that was looked at, and how it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ml_platform.errors import PlatformError

State = Literal["ok", "no", "note"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One thing that was looked at.

    Attributes:
        group: `installed`, `configured`, `code`, `reachable` or `machine`.
        name: What it is.
        state: `no` is missing and needed; `note` may matter.
        value: What was found.
        fix: What to do, unless all is well.
    """

    group: str
    name: str
    state: State
    value: str
    fix: str = ""


def reached(name: str, value: str) -> Look:
    """It is there."""
    return Look(group="reachable", name=name, state="ok", value=value)


def tried(name: str, ask: Callable[[], str], *, fix: str) -> Look:
    """Whether `ask` can be done.

    `fix` is for an error that brings no hint of its own, or one that sends its reader here.
    """
    try:
        return reached(name, ask())
    except PlatformError as error:
        found = error.message
        if error.hint and "mlp doctor" not in error.hint:
            fix = error.hint
    except Exception as error:  # boundary: a look that fails is a finding
        found = f"{type(error).__name__}: {error}"
    return Look(group="reachable", name=name, state="no", value=found, fix=fix)
