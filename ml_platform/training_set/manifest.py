"""The manifest of a snapshot: what it holds, where it came from, and the hash that names it."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from ml_platform.training_set.profile import Profile

SCHEMA_VERSION: Final = 1


class ColumnSchema(BaseModel):
    """A column by name and Arrow type."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: str


class DataFile(BaseModel):
    """One Parquet file; `path` is relative to the snapshot's partition folder."""

    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int
    row_groups: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows in all row groups."""
        return sum(self.row_groups)


class Source(BaseModel):
    """The state of the feature table that was read."""

    model_config = ConfigDict(frozen=True)

    table: str
    snapshot: str
    taken_at: datetime
    dbt_manifest: str = ""


class SnapshotManifest(BaseModel):
    """A complete, immutable snapshot of one partition.

    Attributes:
        version: Hash of the rows' content and the schema; equal rows have equal versions.
        rows: Rows with a label, which are the rows in the files.
        rows_without_label: Rows of the partition that were left out for want of a label.
        positives: Rows whose label is 1.
        late_knowledge_rows: Rows with a feature that was known only after the event, or nobody
            knows when.
        foretells: How well each number alone ranks the label in a sample of the rows, as the ROC
            AUC of its better direction: 0.5 … 1.
        ranked_rows: By how many rows of label 1 and of label 0 that was; snapshots of version 0.1
            do not say it.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    partition: str
    version: str
    rows: int
    rows_without_label: int
    positives: int
    late_knowledge_rows: int
    foretells: dict[str, float]
    ranked_rows: dict[str, tuple[int, int]] = {}
    columns: tuple[ColumnSchema, ...]
    schema_hash: str
    files: tuple[DataFile, ...]
    source: Source
    profile: Profile
    created_at: datetime

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def ranked(self, number: str) -> tuple[float, int, int]:
        """How well a number ranks the label, by how many rows of label 1 and of label 0."""
        ones, zeros = self.ranked_rows.get(number, (self.positives, self.rows - self.positives))
        return self.foretells.get(number, 0.5), ones, zeros


def schema_hash(columns: Sequence[ColumnSchema]) -> str:
    """Twelve hex digits over names and types, in order."""
    text = json.dumps([[column.name, column.type] for column in columns])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
