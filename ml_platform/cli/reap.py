"""Reaping as a person asks for it: by `mlp cluster reap`, or on a page of X-Ray."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_platform.clusters.interface import Provisioner, Reaped
    from ml_platform.settings import Settings


def reap_now(
    settings: "Settings",
    provisioners: "Sequence[Provisioner]",
    *,
    dry_run: bool,
    tell: Callable[[str], None],
) -> "Iterator[Reaped]":
    """Remove what nobody needs, or say what would go; of a Dagster that is away no run has ended.

    Each cluster is told as it is done. Raises as `reap_all`.
    """
    from ml_platform.backfill.dagster_home import open_instance
    from ml_platform.reaping import reap_all, run_ends

    try:
        run_ended_s = run_ends(open_instance(settings))
    except Exception as error:  # boundary: this has to work when Dagster's database is away
        tell(f"Dagster cannot be asked which runs have ended: {error}")
        run_ended_s = _nobody_knows
    root = settings.storage_root
    return reap_all(provisioners, run_ended_s, storage_root=root, dry_run=dry_run, tell=tell)


def _nobody_knows(run: str) -> None:
    del run
