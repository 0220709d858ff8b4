"""Whether the head that an attempt was given has ended; its next attempt begins after that only."""

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.interface import ClusterView, Provisioner
from ml_platform.errors import ClusterError, ClusterLeftError, ClusterLostError
from ml_platform.training import endings
from ml_platform.training.record import Claim, Ready


def has_ended(view: ClusterView, ready: Ready) -> bool:
    """Whether the head that the attempt was given is gone; not to be seen is not to be gone."""
    return view.phase != "unknown" and (view.is_gone or view.incarnation != ready.incarnation)


def end_cluster(provisioner: Provisioner, claim: Claim, reason: str) -> None:
    """End an attempt's cluster with the driver that nobody can stop otherwise.

    A local Ray is shared, so other trainings end with it; their followers see that it is gone and
    go on from their checkpoints on a new one.

    Raises:
        ClusterLostError: it still runs, and the driver with it: the attempt is still open.
    """
    try:
        provisioner.stop(claim.cluster)
    except ClusterError as left:
        raise ClusterLostError(
            f"{reason}; it still runs and cannot be stopped: {left.message}", hint=left.hint
        ) from left


def after_loss(
    error: ClusterLostError, provisioner: Provisioner, claim: Claim, ready: Ready | None
) -> Failure:
    """How an attempt ended whose head gives no answer any more; that head has ended by then.

    Raises:
        ClusterLostError: the head may live on, and the driver with it: the attempt is still open.
        ClusterError: so may something else of it.
    """
    view = provisioner.look(claim.cluster)
    if ready is not None and not has_ended(view, ready):
        if view.phase == "unknown":
            raise error
        # Silent, but alive: the driver trains on, and the next attempt would be its neighbour.
        end_cluster(provisioner, claim, error.message)
    return after_end(provisioner, claim, error.message, view.reason)


def after_end(provisioner: Provisioner, claim: Claim, *known: str) -> Failure:
    """How an attempt ended whose head has; what that left is removed, as far as it can be now.

    Args:
        provisioner: Whose it was.
        claim: The attempt.
        known: What is known of its end, first what was seen.

    Raises:
        ClusterError: something of it may still work and cannot be ended: the attempt is still open.
    """
    left = ""
    try:
        provisioner.clear(claim.cluster)
    except ClusterLeftError as error:
        left = error.message
    evidence, *more = filter(None, (*known, left))
    return endings.head_lost(evidence, "; ".join(more))
