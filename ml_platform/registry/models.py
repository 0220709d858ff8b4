"""What the registry keeps of a model: its version, and the lineage it can be made again from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml_platform.errors import RegistryError
from ml_platform.training.request import TrainingRequest

CHAMPION: Final = "champion"
"""The alias of the version that serves."""


class Lineage(BaseModel):
    """Everything that a model was made from; held-out days are not among it.

    The request holds partition, snapshot version of each day, features, parameters, seed, cluster
    and code version: submitted again it is the same training.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    request: TrainingRequest
    inputs_hash: str = Field(description="Hash of what decides the outcome, as it was computed.")
    encoding_hash: str = Field(description="Hash of vocabularies and scales.")
    libraries: dict[str, str] = Field(description="Versions of what computed, by name.")
    dbt_manifest_hash: str = Field(
        default="", description="Of the project that made the features of the last day."
    )
    older_dbt_manifest_hashes: tuple[str, ...] = Field(
        default=(), description="Of those that made earlier days, where they differ; newest first."
    )
    git_commit: str = Field(default="", description="Of this code location, where it is known.")
    image: str = Field(default="", description="Container image, where there was one.")
    asset: str = Field(description="The asset that trained it, e.g. `flight_delay/model`.")
    dagster_run_id: str = Field(default="", description="The run that trained it.")

    @property
    def partition(self) -> str:
        """The day whose model it is."""
        return self.request.partition

    @property
    def snapshots(self) -> dict[str, str]:
        """Snapshot version of each day of the window, oldest first."""
        return {one.partition: one.version for one in self.request.snapshots}

    @classmethod
    def from_json(cls, text: str, *, of: str) -> "Lineage":
        """Read what `model_dump_json` wrote; `of` names the version in the error.

        Raises:
            RegistryError: not a lineage, or one of a schema that this code does not know.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the document"
            raise RegistryError(
                f"the lineage of {of} cannot be read as schema version 1: {field}: {first['msg']}",
                hint="read it with the release that registered it, or train the partition again.",
            ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelVersion:
    """A trained model in the registry.

    Attributes:
        name: The registered name: `<namespace>.<model>`.
        version: Counts up from 1 under a name.
        run_id: The MLflow run with parameters, curves and files.
        created_at: UTC.
        partition: The day whose model it is.
        aliases: Names that point to this version.
        lineage_json: What it was made from, as it was written; `lineage` reads it.
        metrics: The newest value of each metric of its run.
        model_uri: Where its files are.
        tags: What else was recorded, such as why it was promoted.
    """

    name: str
    version: int
    run_id: str
    created_at: datetime
    partition: str
    aliases: tuple[str, ...]
    lineage_json: str
    metrics: Mapping[str, float]
    model_uri: str
    tags: Mapping[str, str]

    @property
    def is_champion(self) -> bool:
        """Whether the champion alias points to this version."""
        return CHAMPION in self.aliases

    @property
    def lineage(self) -> Lineage:
        """What it was made from; read only here, so that a list can show what it cannot read.

        Raises:
            RegistryError: it was written by a release of another schema.
        """
        return Lineage.from_json(self.lineage_json, of=str(self))

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """A finished training, as the registry is given it.

    Attributes:
        lineage: What it was made from.
        history: Metrics of each epoch by name.
        model_dir: Folder with the model's files; all of them are kept.
    """

    lineage: Lineage
    history: Mapping[int, Mapping[str, float]]
    model_dir: Path
