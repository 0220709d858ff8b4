"""Variables that every Ray of ours is started with, wherever it runs."""

from typing import Final

RUNTIME: Final = {
    # Ray starts a worker per CPU ahead of the first job, and none of them serves a training: its
    # workers bring variables, which Ray Train itself adds.
    "RAY_prestart_worker_first_driver": "0",
    # Each line counts: metrics travel in the log.
    "RAY_DEDUP_LOGS": "0",
    # Nothing is sent from here.
    "RAY_USAGE_STATS_ENABLED": "0",
}
