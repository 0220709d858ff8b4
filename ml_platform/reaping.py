"""What nobody needs any more is removed: by a sensor, and by `mlp cluster reap` without Dagster."""

from typing import Final

import dagster as dg

from ml_platform.clusters.interface import ClustersAccess, Reaped, RunEnd
from ml_platform.errors import ClusterError
from ml_platform.settings import Settings

EVERY_S: Final = 60


def run_ends(instance: dg.DagsterInstance) -> RunEnd:
    """Asks an instance of Dagster when its runs ended."""

    def run_ended_s(run: str) -> float | None:
        record = instance.get_run_record_by_id(run)
        if record is None or not record.dagster_run.is_finished:
            return None
        return record.end_time

    return run_ended_s


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
        for provisioner in clusters.provisioners():
            try:
                reaped += provisioner.reap(run_ends(context.instance), dry_run=False)
            except ClusterError as error:
                return dg.SkipReason(f"nothing was removed: {error.message}")
        told = [f"{one.name} {_done(one)}: {one.reason}" for one in reaped]
        for line in told:
            context.log.info(line)
        return dg.SkipReason("; ".join(told) or "every cluster is needed")

    return dg.Definitions(sensors=[sensor])


def _done(one: Reaped) -> str:
    return "removed" if one.removed else "has changed, and is looked at again"
