"""Where snapshots are kept: written once, named by their content, visible only when complete.

<root>/training_sets/<name>/<partition>/
    data/<write>/part-00000.parquet     rows; nothing refers to them until
    versions/<version>.json             the manifest is there: this is the commit
    current.json                        which version a new training reads
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ml_platform.errors import TrainingSetError
from ml_platform.storage import Folder
from ml_platform.training_set.checks import foretells, require_sound, require_trainable
from ml_platform.training_set.files import SnapshotFiles, columns_without_rows
from ml_platform.training_set.manifest import SnapshotManifest, Source, schema_hash
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.training_set.writer import SnapshotWriter

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS: Final = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """Outcome of a write; `new` is false when the same rows were already there."""

    manifest: SnapshotManifest
    new: bool
    previous: SnapshotManifest | None


class SnapshotStore:
    """The snapshots of one training set.

    Args:
        storage_root: URI of the namespace's folder.
        name: Name of the training set, which is its model's.
        now: Clock, for tests.
    """

    def __init__(
        self,
        storage_root: str,
        name: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self.folder = Folder(f"{storage_root}/training_sets/{name}")
        self._now = now

    def write(
        self,
        partition: str,
        batches: Iterable["pa.RecordBatch"],
        *,
        spec: FeaturesSpec,
        source: Source,
    ) -> Written:
        """Write the rows as the partition's current snapshot; equal rows write nothing new.

        Args:
            partition: The day.
            batches: Rows with `spec.columns`, sorted by `spec.keys`.
            spec: Which columns are label, numbers and categories.
            source: Where the rows were read.

        Raises:
            TrainingSetError: there is not one row, and `spec` does not allow that; a value cannot
                be what its column is called; or the files cannot be read back as they were written.
        """
        place = self.folder / partition
        write_id = uuid.uuid4().hex[:12]
        previous = self.find(partition)
        try:
            rows = SnapshotWriter(place, f"data/{write_id}", spec)
            for batch in batches:
                rows.add(batch)
            rows.finish()
            if rows.columns is None and spec.empty_days == "refused":
                raise TrainingSetError(
                    f"{source.table} has no rows for {partition}",
                    hint=f"materialize {source.table} for {partition} first, or check its source; "
                    "if there may be such days, write `empty_days: allowed` under `features:` in "
                    "defs.yaml.",
                )
            columns = rows.columns or columns_without_rows(spec)
            digest = schema_hash(columns)
            version = hashlib.sha256(f"{digest}{rows.digest()}".encode()).hexdigest()[:16]
            existing = self.find(partition, version)
            # One whose files somebody has removed or cut is written anew, by the same name.
            if existing is not None and not self.files(existing).damage():
                place.write_json("current.json", {"version": version})
                return Written(manifest=existing, new=False, previous=previous)
            files = SnapshotFiles(place=place, files=tuple(rows.files), columns=columns)
            if damage := files.damage():
                raise TrainingSetError(
                    f"the training set of {self.name} for {partition} was written to {place.uri} "
                    f"and cannot be read back: {damage}",
                    hint="look at the storage (space, quota, rights), then materialize it again.",
                )
            sample = files.sample([*spec.numbers, spec.label], rows=SAMPLE_ROWS)
            ranked = foretells(sample, spec)
            manifest = SnapshotManifest(
                name=self.name,
                partition=partition,
                version=version,
                rows=rows.rows,
                rows_without_label=rows.rows_without_label,
                positives=rows.positives,
                late_knowledge_rows=rows.late_knowledge_rows,
                foretells={name: area for name, (area, _, _) in ranked.items()},
                ranked_rows={name: (ones, zeros) for name, (_, ones, zeros) in ranked.items()},
                columns=columns,
                schema_hash=digest,
                files=tuple(rows.files),
                source=source,
                profile=rows.profile,
                created_at=self._now(),
            )
            content = manifest.model_dump_json(indent=1) + "\n"
            place.write(f"versions/{version}.json", content.encode())
            place.write_json("current.json", {"version": version})
        finally:
            self._remove_unreferenced(place, write_id)
        return Written(manifest=manifest, new=True, previous=previous)

    def find(self, partition: str, version: str | None = None) -> SnapshotManifest | None:
        """The partition's current snapshot, or the one of `version`; None when there is none."""
        place = self.folder / partition
        try:
            wanted = version or place.read_json("current.json")["version"]
            return SnapshotManifest.model_validate_json(place.read(f"versions/{wanted}.json"))
        except FileNotFoundError:
            return None

    def load(self, partition: str, version: str | None = None) -> SnapshotManifest:
        """Like `find`, but the snapshot must be there.

        Raises:
            TrainingSetError: it is not.
        """
        manifest = self.find(partition, version)
        if manifest is None:
            suffix = f" in version {version}" if version else ""
            raise TrainingSetError(
                f"there is no training set of {self.name} for {partition}{suffix}",
                hint=f"materialize {self.name}/training_set for {partition}, in the Dagster UI or "
                f"with `mlp backfill {self.name} --from {partition} --to {partition}`.",
            )
        return manifest

    def load_days(
        self, partitions: Sequence[str], spec: FeaturesSpec, *, what: str
    ) -> list[SnapshotManifest]:
        """The current snapshots of several days, all of which must be there and pass their checks.

        Raises:
            TrainingSetError: some are not there, or do not pass; names them.
        """
        found = {day: self.find(day) for day in partitions}
        missing = [day for day, manifest in found.items() if manifest is None]
        if missing:
            raise TrainingSetError(
                f"{what} needs the training sets of {partitions[0]} … {partitions[-1]}, but "
                f"{len(missing)} of {len(partitions)} are not there: {_shorten(missing)}",
                hint=f"run `mlp backfill {self.name} --from {missing[0]} --to {missing[-1]} "
                "--through training_set`, or materialize them in the Dagster UI.",
            )
        manifests = [manifest for manifest in found.values() if manifest is not None]
        require_sound(manifests, spec, what=what)
        return manifests

    def load_window(
        self, partitions: Sequence[str], spec: FeaturesSpec, *, what: str
    ) -> list[SnapshotManifest]:
        """Like `load_days`; together they have what a training needs.

        Raises:
            TrainingSetError: as `load_days`, or rows of a label are too few; says how many.
        """
        manifests = self.load_days(partitions, spec, what=what)
        require_trainable(manifests, spec, what=what)
        return manifests

    def file_refs(self, manifest: SnapshotManifest) -> list[tuple[str, Sequence[int]]]:
        """URI and row-group sizes of each Parquet file of the snapshot, in order."""
        place = f"{self.folder.uri}/{manifest.partition}"
        return [(f"{place}/{file.path}", file.row_groups) for file in manifest.files]

    def files(self, manifest: SnapshotManifest) -> SnapshotFiles:
        """The files of a snapshot, to be looked at or read in part."""
        return SnapshotFiles(
            place=self.folder / manifest.partition, files=manifest.files, columns=manifest.columns
        )

    def read(self, manifest: SnapshotManifest, columns: Sequence[str] | None = None) -> "pa.Table":
        """All rows of a snapshot in memory: for small days."""
        return self.files(manifest).read(columns)

    def sample(
        self, manifest: SnapshotManifest, columns: Sequence[str], *, rows: int = SAMPLE_ROWS
    ) -> "pa.Table":
        """Row groups from all over a snapshot, until they have `rows`: for checks of any size."""
        return self.files(manifest).sample(columns, rows=rows)

    def draw(
        self, manifests: Sequence[SnapshotManifest], columns: Sequence[str], *, rows: int, seed: int
    ) -> "pa.Table":
        """At most `rows` rows by chance, of each day its share; all rows if there are no more."""
        import numpy as np
        import pyarrow as pa

        total = sum(one.rows for one in manifests)
        if total <= rows:
            return pa.concat_tables([self.read(one, columns) for one in manifests])
        random = np.random.default_rng(seed)
        return pa.concat_tables(
            [
                self.files(one).draw(columns, rows=rows * one.rows // total, random=random)
                for one in manifests
            ]
        )

    def _remove_unreferenced(self, place: Folder, write_id: str) -> None:
        """Remove this write's rows unless a manifest refers to them."""
        for version in place.names("versions"):
            if f"data/{write_id}/" in place.read(f"versions/{version}").decode():
                return
        place.remove(f"data/{write_id}")


def _shorten(days: Sequence[str]) -> str:
    return ", ".join(days) if len(days) <= 4 else f"{days[0]}, {days[1]}, … {days[-1]}"
