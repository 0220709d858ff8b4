"""The training set as a Dagster asset: one immutable snapshot a day, checked before it is used."""

from collections.abc import Iterator, Sequence

import dagster as dg

from ml_platform.features.project import DbtAccess, feature_table, manifest_hash
from ml_platform.partitions import (
    DAY,
    PartitionBounds,
    daily_partitions,
    parse_day,
    require_days,
)
from ml_platform.stages import asset_key
from ml_platform.storage import StorageAccess
from ml_platform.training_set import checks
from ml_platform.training_set.checks import CheckResult
from ml_platform.training_set.columns import require_columns
from ml_platform.training_set.drift import FEWEST_ROWS, HISTORY_DAYS, Drift, drift, shifted
from ml_platform.training_set.manifest import SnapshotManifest, Source
from ml_platform.training_set.pictures import feature_drift
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.store import SnapshotStore, Written
from ml_platform.warehouse.interface import (
    TableDescription,
    TableRef,
    Warehouse,
    WarehouseAccess,
)

CHECKS = {
    "not_empty": "There are rows to train on, or the model says that a day may have none.",
    "schema_as_contract": "The columns and their types are those that the model asks for.",
    "label_present": "Enough rows have a label; that both outcomes are there is judged by window.",
    "no_leak": "No feature knows anything from after its event, nor foretells the label alone.",
}


def build_training_set(
    model: str, spec: FeaturesSpec, bounds: PartitionBounds
) -> dg.AssetsDefinition:
    """The asset `<model>/training_set`."""
    key = asset_key(model, "training_set")

    @dg.asset(
        key=key,
        deps=[dg.AssetKey.from_user_string(spec.table)],
        partitions_def=daily_partitions(bounds),
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=f"The rows of {spec.table} that have a {spec.label}, as an immutable Parquet "
        "snapshot of each day, named by its content. Every worker and every retry reads the same.",
        kinds={"parquet"},
        pool="warehouse",
        metadata={"feature_table": spec.table, "label": spec.label},
        check_specs=[
            *(
                dg.AssetCheckSpec(name, asset=key, description=text, blocking=True)
                for name, text in CHECKS.items()
            ),
            dg.AssetCheckSpec(
                "drift",
                asset=key,
                description="The features moved no more since the day before than is usual.",
            ),
        ],
    )
    def training_set(
        context: dg.AssetExecutionContext,
        dbt: dg.ResourceParam[DbtAccess],
        warehouse: dg.ResourceParam[WarehouseAccess],
        storage: dg.ResourceParam[StorageAccess],
    ) -> Iterator[dg.MaterializeResult[None]]:
        days = list(context.partition_keys)
        require_days(days, bounds, what=f"the training set of {model}")
        store = SnapshotStore(storage.root, model)
        settings = dbt.on(warehouse)
        project = manifest_hash(settings)
        table = feature_table(settings, spec.table)
        with warehouse.open() as opened:
            described = opened.describe(table, partition_column=spec.partition_column)
            require_columns(model, spec, described)
            written = [_write_day(opened, store, spec, table, day, project) for day in days]
        for one in written:
            manifest = one.manifest
            context.log.info(
                f"{manifest.partition}: {manifest.rows:,} rows, version {manifest.version}"
                f"{'' if one.new else ' (unchanged)'}"
            )
            context.add_asset_metadata(_day_metadata(one, store), partition_key=manifest.partition)
        manifests = [one.manifest for one in written]
        yield dg.MaterializeResult(
            metadata=_schema_metadata(spec, described),
            data_version=dg.DataVersion(manifests[0].version) if len(manifests) == 1 else None,
            check_results=[
                *_blocking_results(manifests, spec),
                _drift(manifests, store, spec),
            ],
        )

    return training_set


def _write_day(
    warehouse: Warehouse,
    store: SnapshotStore,
    spec: FeaturesSpec,
    table: TableRef,
    day: str,
    dbt_manifest: str,
) -> Written:
    snapshot = warehouse.pin(table)
    batches = warehouse.read(
        table,
        partition_column=spec.partition_column,
        partitions=[day],
        columns=spec.columns,
        order_by=spec.sort_columns,
        snapshot=snapshot,
    )
    source = Source(
        table=str(table),
        snapshot=snapshot.token,
        taken_at=snapshot.taken_at,
        dbt_manifest=dbt_manifest,
    )
    return store.write(day, batches, spec=spec, source=source)


def _day_metadata(written: Written, store: SnapshotStore) -> dict[str, dg.MetadataValue]:
    manifest = written.manifest
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(manifest.rows),
        "dagster/uri": dg.MetadataValue.url(f"{store.folder.uri}/{manifest.partition}"),
        "version": dg.MetadataValue.text(manifest.version),
        "new": dg.MetadataValue.bool(written.new),
        "label_rate": dg.MetadataValue.float(manifest.positives / max(manifest.rows, 1)),
        "rows_without_label": dg.MetadataValue.int(manifest.rows_without_label),
        "size_bytes": dg.MetadataValue.int(manifest.bytes),
        "source": dg.MetadataValue.text(
            f"{manifest.source.table} at {manifest.source.snapshot} "
            f"({manifest.source.taken_at:%Y-%m-%d %H:%M:%S} UTC)"
        ),
    }


def _schema_metadata(
    spec: FeaturesSpec, described: TableDescription
) -> dict[str, dg.MetadataValue]:
    columns = {column.name: column for column in described.columns}
    upstream = dg.AssetKey.from_user_string(spec.table)
    lineage = {
        name: [dg.TableColumnDep(asset_key=upstream, column_name=name)] for name in spec.columns
    }
    return {
        "dagster/column_schema": dg.MetadataValue.table_schema(
            dg.TableSchema(
                [
                    dg.TableColumn(name, columns[name].type, description=columns[name].description)
                    for name in spec.columns
                ]
            )
        ),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(lineage)),
    }


def _blocking_results(
    manifests: Sequence[SnapshotManifest], spec: FeaturesSpec
) -> Iterator[dg.AssetCheckResult]:
    judged = [(manifest.partition, checks.blocking(manifest, spec)) for manifest in manifests]
    for name in CHECKS:
        passed, sentence = summary([(day, findings[name]) for day, findings in judged])
        yield dg.AssetCheckResult(
            check_name=name, passed=passed, description=sentence, metadata={"finding": sentence}
        )


def summary(found: Sequence[tuple[str, CheckResult]]) -> tuple[bool, str]:
    """Results of several days as one: whether all passed, and a sentence."""
    failing = [f"{day}: {finding.sentence}" for day, finding in found if not finding.passed]
    if failing:
        more = f" (and {len(failing) - 3} more days)" if len(failing) > 3 else ""
        return False, "; ".join(failing[:3]) + more
    last_day, last = found[-1]
    if len(found) == 1:
        return True, last.sentence
    return True, f"all {len(found)} days pass; {last_day}: {last.sentence}"


def _drift(
    manifests: Sequence[SnapshotManifest], store: SnapshotStore, spec: FeaturesSpec
) -> dg.AssetCheckResult:
    """Compare the last day with the day before it, and that with what is usual."""
    now = manifests[-1]
    before = _days_before(now.partition, store)
    enough = now.rows >= FEWEST_ROWS
    if not before or not enough:
        few = f"it has {now.rows} rows, and fewer than {FEWEST_ROWS} differ by chance"
        missing = "no snapshot of the day before" if enough else few
        sentence = f"nothing to compare {now.partition} with: {missing}"
        return dg.AssetCheckResult(check_name="drift", passed=True, description=sentence)
    columns = [*spec.numbers, *spec.categories]
    found = drift([store.sample(one, columns) for one in (*before, now)], spec)
    sentence = _drift_sentence(found, now, before)
    return dg.AssetCheckResult(
        check_name="drift",
        passed=not shifted(found),
        severity=dg.AssetCheckSeverity.WARN,
        description=sentence,
        metadata={
            "finding": sentence,
            "picture": dg.MetadataValue.md(feature_drift(found).markdown),
            "shifted_columns": len(shifted(found)),
            "largest_psi": max(one.psi for one in found),
        },
    )


def _days_before(partition: str, store: SnapshotStore) -> list[SnapshotManifest]:
    """Snapshots with rows enough of the days before, oldest first, up to the first gap."""
    found: list[SnapshotManifest] = []
    day = parse_day(partition) - DAY
    while len(found) <= HISTORY_DAYS and (manifest := store.find(day.isoformat())):
        if manifest.rows >= FEWEST_ROWS:
            found.insert(0, manifest)
        day -= DAY
    return found


def _drift_sentence(
    found: Sequence[Drift], now: SnapshotManifest, before: Sequence[SnapshotManifest]
) -> str:
    large = shifted(found)
    pair = f"{now.partition} differs from {before[-1].partition}"
    usual = f"as judged by {len(before)} days before" if len(before) > 1 else "by custom"
    if not large:
        return f"{pair} no more than is usual, {usual}; the most in {_in_words(found[0])}"
    named = ", ".join(map(_in_words, large[:4]))
    more = f" and {len(large) - 4} more" if len(large) > 4 else ""
    return f"{pair} more than is usual, {usual}, in {named}{more}"


def _in_words(one: Drift) -> str:
    return f"{one.column} (PSI {one.psi:.2f}, usually {one.usual:.2f})"
