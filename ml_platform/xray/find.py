"""From what a person typed to attempts: a run, an attempt, or a model's partition.

What names nothing is the user's mistake, and told with what is near it.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Final, Literal

from ml_platform.clusters.causes import Cause
from ml_platform.errors import InputError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.store import Store

SHORTEST: Final = 4
"""Characters that have to be given of a training's hash, or of a run's id."""
LOOKED_AT: Final = 500
"""Of the newest attempts, among which what was meant is looked for."""
LISTS_ALL: Final = (
    "`mlp xray ls` lists the attempts; what is not gathered yet `mlp xray gather` finds."
)
_ID: Final = re.compile(r"([0-9a-f]{1,64})-(\d+)")


def find_attempt(
    store: Store, what: str, partition: str = "", number: int | None = None
) -> AttemptRecord:
    """One attempt.

    Args:
        store: Where to look.
        what: Its id, of which the training's hash may be cut; the id of its Ray job; or a model.
        partition: Of the model; the newest attempt then, unless there is a number.
        number: The attempt's, in the newest training that has it.

    Raises:
        InputError: there is none, or more than one; says what is near.
    """
    if partition:
        found = _of_partition(store, what, partition)
        numbered = [one for one in found if number in (None, one.number)]
        if not numbered:
            there = ", ".join(str(one) for one in sorted({one.number for one in found}))
            raise InputError(
                f"{what} of {partition} has no attempt {number}; there is {there}", hint=LISTS_ALL
            )
        return numbered[0]
    if number is not None:
        raise InputError(
            "a number needs a model and a partition before it",
            hint="`mlp xray show flight_delay 2013-03-15 2`, or an attempt's id.",
        )
    one = _by_id(store, what)
    if one is None:
        raise _unknown(store, what, "an attempt")
    return one


def find_attempts(store: Store, what: str, partition: str = "") -> list[AttemptRecord]:
    """The attempts whose story is to be told, at least one.

    Args:
        store: Where to look.
        what: A run, of which the id may be cut; an attempt, for its training; or a model.
        partition: Of the model; its newest training then.

    Raises:
        InputError: there is none; says what is near.
    """
    if partition:
        found = _of_partition(store, what, partition)
        return [one for one in found if one.training == found[0].training]
    if found := store.of_run(what):
        return found
    if len(what) >= SHORTEST:
        runs = store.runs(beginning=what, limit=LOOKED_AT)
        if len(runs) > 1:
            raise InputError(
                f"{what!r} is more than one run: {', '.join(runs)}", hint="type more of the id."
            )
        if runs:
            return store.of_run(runs[0])
    if one := _by_id(store, what):
        found = store.of_training(one.training)
        return [other for other in found if other.partition == one.partition]
    raise _unknown(store, what, "a run")


def known_cause(cause: str) -> str:
    """The cause.

    Raises:
        InputError: there is none of that name.
    """
    if cause in (known := [one.value for one in Cause]):
        return cause
    raise InputError(
        f"there is no cause {cause!r}{_near(cause, known)}",
        hint=f"it is one of {', '.join(known)}.",
    )


def _of_partition(store: Store, model: str, partition: str) -> list[AttemptRecord]:
    found = store.of_partition(model, partition)
    if found:
        return found
    partitions = store.partitions()
    if model not in partitions:
        raise InputError(
            f"no attempt of a model {model!r} is known{_near(model, partitions)}", hint=LISTS_ALL
        )
    there = partitions[model]
    raise InputError(
        f"no attempt of {model} for {partition!r} is known{_near(partition, there)}",
        hint=f"the newest is of {there[0]}; `mlp xray ls --model {model}` lists them.",
    )


def _by_id(store: Store, what: str) -> AttemptRecord | None:
    match = _ID.fullmatch(what)
    found = store.of_job(what)
    if match and len(match[1]) >= SHORTEST:
        found += [one for one in store.of_training(match[1]) if one.number == int(match[2])]
    if len(found) > 1:
        raise InputError(
            f"{what!r} is more than one attempt: "
            + ", ".join(f"{one.id} of {one.partition}" for one in found),
            hint="type more of the hash, or model, partition and number.",
        )
    return found[0] if found else None


def _unknown(store: Store, what: str, wanted: Literal["an attempt", "a run"]) -> InputError:
    partitions = store.partitions()
    if what in partitions:
        return InputError(
            f"{what} is a model: say of which partition",
            hint=f"its newest is {partitions[what][0]}.",
        )
    newest = store.attempts(limit=LOOKED_AT)
    if not newest:
        return InputError(
            f"{what!r} is not known: no attempt is",
            hint="`mlp xray gather --all` finds trainings of before X-Ray.",
        )
    names = [
        name
        for one in newest
        for name in ((one.run, one.root) if wanted == "a run" else (one.id, one.job))
    ]
    known = dict.fromkeys((*names, *(one.short_id for one in newest), *partitions))
    return InputError(
        f"{what!r} is not known{_near(what, known)}: wanted {wanted}, or a model and a partition",
        hint=LISTS_ALL,
    )


def _near(what: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(what, list(known), n=3)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
