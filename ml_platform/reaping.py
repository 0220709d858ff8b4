"""What nobody needs any more is removed: by a sensor, and by `mlp cluster reap` without Dagster."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

import dagster as dg

from ml_platform.clusters.interface import ClustersAccess, Provisioner, Reaped, RunEnd
from ml_platform.errors import ClusterError, reason_of
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
) -> Iterator[Reaped]:
    """Remove what nobody needs of all provisioners; tells each cluster as it is done.

    What was removed is noted for X-Ray before it is told. All are tried, whatever fails with one.

    Args:
        provisioners: Whose clusters.
        run_ended_s: When a run ended.
        storage_root: URI of the namespace's folder in object storage.
        dry_run: Whether to say only what would go.
        tell: Is told what could not be noted.

    Raises:
        ClusterError: not all could be looked at or removed; after all others.
    """
    failures: list[str] = []
    trouble = ""
    for provisioner in provisioners:
        try:
            for one in provisioner.reap(run_ended_s, dry_run=dry_run):
                if one.failed:
                    failures.append(f"{one.name}: {one.failed}")
                # A storage that is away takes long to say so, and is asked no second time.
                if one.removed and not trouble:
                    trouble = note_reaped(storage_root, one, now_s=time.time())
                    if trouble:
                        tell(trouble)
                yield one
        except Exception as error:  # boundary: the next provisioner may have what goes
            failures.append(reason_of(error))
    if failures:
        raise ClusterError(
            f"not all could be looked at or removed: {'; '.join(failures)}",
            hint="the next round tries again: `mlp cluster reap --yes`.",
        )


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
        said: list[str] = []
        try:
            for one in reap_all(
                clusters.provisioners(),
                run_ends(context.instance),
                storage_root=settings.storage_root,
                tell=context.log.warning,
            ):
                if one.removed:
                    context.log.info(_in_words(one))
                if not one.failed:
                    said.append(_in_words(one))
        except ClusterError as error:
            context.log.error(error.message)
            said.append(error.message)
        return dg.SkipReason("; ".join(said) or "every cluster is needed")

    return dg.Definitions(sensors=[sensor])


def _in_words(one: Reaped) -> str:
    done = one.fate if one.removed else f"{one.fate} ({one.kept})"
    return f"{one.name} {done}: {one.reason}"
