"""The result of evaluating one candidate, as it is kept beside the model and read back."""

from typing import Final, Literal, Protocol, get_args

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.metrics import Difference, Metric, Scores

RivalName = Literal["base_rate", "logistic_regression", "gradient_boosted_trees", "champion"]

BASELINES: Final[tuple[RivalName, ...]] = (
    "base_rate",
    "logistic_regression",
    "gradient_boosted_trees",
)
RIVAL_TITLES: Final[dict[RivalName, str]] = {
    "base_rate": "the base rate",
    "logistic_regression": "the logistic regression",
    "gradient_boosted_trees": "the gradient-boosted trees",
    "champion": "the champion",
}
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)


@pydantic_dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """What one gate says.

    Attributes:
        gate: The gate's name, an identifier: usable as the name of an asset check.
        passed: Whether the candidate passed.
        sentence: The result with its numbers, for a person.
    """

    gate: str
    passed: bool
    sentence: str


class Rival(BaseModel):
    """A model that the candidate was compared with, on the same rows.

    `differences` are candidate minus rival; None where the metric is undefined on these rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RivalName
    scores: Scores
    differences: dict[Metric, Difference | None]


class Versioned(Protocol):
    """A model in the registry, whatever else is known of it."""

    @property
    def version(self) -> int:
        """Its number."""
        ...

    @property
    def partition(self) -> str:
        """The day whose model it is."""
        ...


class Incumbent(BaseModel):
    """The champion at the time of the evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    partition: str = Field(description="The day whose model it is; its window ends there.")

    @classmethod
    def of(cls, champion: "Versioned | None") -> "Incumbent | None":
        """The champion as a report keeps it."""
        if champion is None:
            return None
        return cls(version=champion.version, partition=champion.partition)

    def __str__(self) -> str:
        return f"version {self.version} of {self.partition}"


class BaselineRows(BaseModel):
    """The rows of the window that the baselines were fitted on: all, or a sample by chance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    of: int = Field(description="Rows of the window.")
    seed: int

    def __str__(self) -> str:
        if self.rows == self.of:
            return f"all {self.of:,} rows of the window"
        return f"{self.rows:,} of the window's {self.of:,} rows, drawn with seed {self.seed}"


class EvaluationReport(BaseModel):
    """Scores of a candidate and its rivals on the held-out days, and what the gates say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    version: int | None = Field(description="The candidate's version in the registry, if known.")
    partition: str
    holdout: tuple[str, ...] = Field(description="Held-out partitions, oldest first.")
    candidate: Scores
    by_partition: dict[str, Scores] = Field(description="The candidate's scores of each day.")
    rivals: tuple[Rival, ...]
    incumbent: Incumbent | None = None
    baseline_rows: BaselineRows | None = None
    gate_results: tuple[GateResult, ...] = Field(
        default=(),
        # Reports of version 0.1 call them verdicts.
        validation_alias=AliasChoices("gate_results", "verdicts"),
    )

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(result.passed for result in self.gate_results)

    def rival(self, name: RivalName) -> Rival | None:
        """The rival of that name, if the candidate was compared with it."""
        return next((rival for rival in self.rivals if rival.name == name), None)

    def to_json(self) -> str:
        """Indented JSON, for a file that people open."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "EvaluationReport":
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: not a report, or one of a schema that this code does not know.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the document"
            raise EvaluationError(
                f"this is no evaluation report of schema version 1: {field}: {first['msg']}",
                hint="materialize the model's evaluation again to write a new report.",
            ) from error
