"""What ages in X-Ray's store: samples are thinned after a week, attempts go when they are old.

Nothing in object storage is touched: as long as it has an attempt, `mlp xray gather --all` brings
back what was removed here.
"""

from dataclasses import dataclass
from typing import Final

from ml_platform.errors import InputError
from ml_platform.xray.store import Store

DAY_S: Final = 86_400.0
THINNED_AFTER_S: Final = 7 * DAY_S
"""Who looks into a training's minutes does so in the week after it."""
THINNED_TO_S: Final = 300.0
"""A day of 64 workers is half a million samples of 10 s, and 18,000 of 5 minutes."""
YOUNGEST_S: Final = THINNED_AFTER_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        attempts: Ids of attempts that are forgotten, newest first.
        thinned: How many attempts have their samples merged.
        done: Whether it was done; not in a dry run.
    """

    attempts: tuple[str, ...]
    thinned: int
    done: bool


def prune(store: Store, *, older_than_s: float, now_s: float, dry_run: bool) -> Pruned:
    """Forget attempts that ended so long ago, and thin the samples of those older than a week.

    Raises:
        InputError: that is too short a time.
        XrayError: the store fails.
    """
    if older_than_s < YOUNGEST_S:
        raise InputError(
            f"attempts of the last {YOUNGEST_S / DAY_S:.0f} days are kept",
            hint=f"write --older-than {YOUNGEST_S / DAY_S:.0f}d or more.",
        )
    old = store.ended_before(now_s - older_than_s)
    gone = {one.key for one in old}
    fine = store.sample_store.finer_than(THINNED_TO_S, ended_before_s=now_s - THINNED_AFTER_S)
    thinned = [key for key in fine if key not in gone]
    if not dry_run:
        store.forget(old)
        for key in thinned:
            store.sample_store.thin(key, every_s=THINNED_TO_S)
    return Pruned(attempts=tuple(one.id for one in old), thinned=len(thinned), done=not dry_run)
