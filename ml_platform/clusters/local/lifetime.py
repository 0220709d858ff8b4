"""When the keeper of a local Ray stops it. Pure: the keeper looks, and acts."""

from dataclasses import dataclass
from enum import Enum


class KeeperAction(Enum):
    """What the keeper does now."""

    KEEP = "keep"
    STOP_IDLE = "stop: nobody has used it for the idle time"
    STOP_ORPHAN = "stop: a job runs on, but nobody came back for it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the keeper sees on a round.

    Attributes:
        leases: Living processes that use the cluster.
        jobs: Jobs pending or running.
        unattended_s: Seconds since there was a lease.
        quiet_s: Seconds since there was a lease or a job.
    """

    leases: int
    jobs: int
    unattended_s: float
    quiet_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long a local Ray outlives its users.

    Attributes:
        idle_timeout_s: With nothing to do.
        orphan_grace_s: With a job whose follower died, so that a retried step can adopt it.
    """

    idle_timeout_s: float
    orphan_grace_s: float


def keeper_action(seen: Usage, limits: Limits) -> KeeperAction:
    """Keep the Ray, or stop it; after its last user it lives at most the sum of both limits."""
    if seen.leases:
        return KeeperAction.KEEP
    if seen.jobs:
        orphaned = seen.unattended_s >= limits.orphan_grace_s
        return KeeperAction.STOP_ORPHAN if orphaned else KeeperAction.KEEP
    return KeeperAction.STOP_IDLE if seen.quiet_s >= limits.idle_timeout_s else KeeperAction.KEEP


class Step(Enum):
    """What a user who finds the state of a cluster does next."""

    WAIT = "look again soon"
    ADOPT = "use it"
    CLEAR = "remove what a dead keeper left, then start anew"
    FAIL = "give up: it could not be started"


def next_step(phase: str, *, keeper_alive: bool, started_by_us: bool) -> Step:
    """How to get from what the state file says to a cluster.

    Args:
        phase: The state's phase.
        keeper_alive: Whether the keeper that wrote it still runs.
        started_by_us: Whether this user has started a keeper that was not seen to die.
    """
    if keeper_alive:
        return Step.ADOPT if phase == "ready" else Step.WAIT
    return Step.FAIL if phase == "failed" and started_by_us else Step.CLEAR
