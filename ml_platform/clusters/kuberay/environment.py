"""What head and workers have in their environment, before what people add or say otherwise."""

from typing import Final

from ml_platform.clusters.jobs.runtime import RUNTIME
from ml_platform.clusters.kuberay.config import Limits

# Two seconds by default, for which every `ray.train.report` would wait.
HEALTH_CHECK_INTERVAL_S: Final = "0.5"


def environment(limits: Limits) -> dict[str, str]:
    """The variables of a cluster with these limits."""
    return {
        **RUNTIME,
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": HEALTH_CHECK_INTERVAL_S,
        # A minute by default. Workers join while the driver starts, and one that is lost comes back
        # on a node that may have to be made first: as long as a start may take.
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": f"{limits.start_s:.0f}",
    }
