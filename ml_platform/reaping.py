"""What nobody needs any more is removed: by a sensor, and by `mlp cluster reap` without Dagster."""

import time
from collections.abc import Callable, Iterable
from typing import Final, Literal

import dagster as dg

from ml_platform.clusters.interface import ClustersAccess, Provisioner, Reaped, RunEnd
from ml_platform.errors import ClusterError
from ml_platform.settings import Settings
from ml_platform.xray.reaped import note_reaped

EVERY_S: Final = 60


def run_ends(instance: dg.DagsterInstance) -> RunEnd:
    """Asks an instance of Dagster when its runs ended."""

    def run_ended_s(run: str) -> float | Literal["unheard"] | None:
        record = instance.get_run_record_by_id(run)
        if record is None:
            return "unheard"
        return record.end_time if record.dagster_run.is_finished else None

    return run_ended_s


def reap_all(
    provisioners: Iterable[Provisioner],
    run_ended_s: RunEnd,
    *,
    storage_root: str,
    dry_run: bool = False,
    tell: Callable[[str], None],
) -> list[Reaped]:
    """Remove what nobody needs of all provisioners; what was removed is noted for X-Ray.

    Args:
        provisioners: Whose clusters.
        run_ended_s: When a run ended.
        storage_root: URI of the namespace's folder in object storage.
        dry_run: Whether to say only what would go.
        tell: Is told what could not be noted.

    Raises:
        ClusterError: not all could be looked at or removed.
    """
    reaped: list[Reaped] = []
    try:
        for provisioner in provisioners:
            reaped += provisioner.reap(run_ended_s, dry_run=dry_run)
    finally:
        if trouble := note_reaped(storage_root, reaped, now_s=time.time()):
            tell(trouble)
    return reaped


def build_reaper(settings: Settings) -> dg.Definitions:
    """The sensor that reaps, where clusters are made that could outlive their users."""
    if settings.clusters_file is None:
        return dg.Definitions()

    @dg.sensor(
        name="cluster_reaper",
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Removes clusters on Kubernetes that nobody needs: their run has ended and "
        "nobody came back for them, or they have expired.",
        required_resource_keys={"clusters"},
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        clusters: ClustersAccess = context.resources.clusters
        reaped: list[Reaped] = []

        def note() -> None:
            for one in reaped:
                if one.removed:
                    context.log.info(_in_words(one))
            if trouble := note_reaped(settings.storage_root, reaped, now_s=time.time()):
                context.log.warning(trouble)

        for provisioner in clusters.provisioners():
            try:
                reaped += provisioner.reap(run_ends(context.instance), dry_run=False)
            except ClusterError as error:
                note()
                return dg.SkipReason(f"not all could be looked at or removed: {error.message}")
        note()
        return dg.SkipReason("; ".join(map(_in_words, reaped)) or "every cluster is needed")

    return dg.Definitions(sensors=[sensor])


def _in_words(one: Reaped) -> str:
    done = "removed" if one.removed else f"kept ({one.kept})"
    return f"{one.name} {done}: {one.reason}"
