"""The pools of the code location: explicit limits in a Dagster instance that has none.

Dagster makes a pool's row at its first use, from `default_limit`. On PostgreSQL a row that is there
already, from another run or under another default, breaks the transaction that wanted to make it:
of two first runs one dies, and after a change of the default every run does. A row with a limit of
its own is never made again. Drop it once Dagster inserts such a row "or else does nothing".
"""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolLimit:
    """How many steps of a pool run at once; `new` if it had no limit of its own before."""

    pool: str
    limit: int
    new: bool


def pools_of(definitions: dg.Definitions) -> list[str]:
    """All pools that assets of the code location run in."""
    made = [one for one in definitions.assets or () if isinstance(one, dg.AssetsDefinition)]
    return sorted({pool for one in made if one.is_executable for pool in one.node_def.pools})


def ensure_limits(instance: dg.DagsterInstance, pools: Iterable[str]) -> list[PoolLimit]:
    """Give each of `pools` a limit of its own: the instance's default, where it has none.

    Several processes may do so at once. An instance without a default limits no pool; nothing is
    changed there.
    """
    return [limit for pool in pools if (limit := _ensure_limit(instance, pool)) is not None]


def _ensure_limit(instance: dg.DagsterInstance, pool: str) -> PoolLimit | None:
    from sqlalchemy.exc import IntegrityError

    own = _own_limit(instance, pool)
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    if own is not None:
        return PoolLimit(pool=pool, limit=own, new=False)
    if default is None:
        return None
    try:
        instance.event_log_storage.set_concurrency_slots(pool, default)
    except IntegrityError:  # another process has just made the row
        if _own_limit(instance, pool) is None:  # from the default: it is there now, and is updated
            instance.event_log_storage.set_concurrency_slots(pool, default)
    return PoolLimit(pool=pool, limit=default, new=True)


def _own_limit(instance: dg.DagsterInstance, pool: str) -> int | None:
    found = {one.name: one for one in instance.event_log_storage.get_pool_limits()}
    limit = found.get(pool)
    return None if limit is None or limit.from_default else limit.limit
