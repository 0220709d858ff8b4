"""Which table and columns a model trains on, validated where a person typed it in `defs.yaml`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FeaturesSpec(BaseModel):
    """The columns that a model reads from one feature table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str = Field(description="Feature table, by the name of its dbt model.")
    label: str = Field(description="Column to predict: 0 or 1; rows without it are left out.")
    keys: tuple[str, ...] = Field(
        min_length=1, description="Columns that name a row; snapshots are sorted by them."
    )
    numbers: tuple[str, ...] = Field(default=(), description="Numeric feature columns.")
    categories: tuple[str, ...] = Field(default=(), description="Categorical feature columns.")
    event_time: str = Field(description="Column with the moment at which the prediction is made.")
    known_at: str = Field(
        description="Column with the moment at which the last of the row's features was known."
    )
    partition_column: str = Field(default="partition_date", description="The day of a row.")
    unlabelled_at_most: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of a day's rows that may lack the label; more is taken for a defect.",
    )
    empty_days: Literal["refused", "allowed"] = Field(
        default="refused",
        description="Whether a day may have no rows at all, as a shop's that is closed on Sundays; "
        "where it is refused, a day without rows is taken for a defect.",
    )
    min_category_count: int = Field(
        default=2,
        ge=1,
        le=1_000_000,
        description="A category's value seen less often in the window counts as unknown.",
    )

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> "FeaturesSpec":
        names = [*self.numbers, *self.categories, self.label]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"{', '.join(twice)}: named twice in numbers, categories and label"
            raise ValueError(msg)
        if not self.numbers and not self.categories:
            msg = "a model needs at least one column in numbers or categories"
            raise ValueError(msg)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a snapshot, in order and each once."""
        wanted = (
            *self.keys,
            self.event_time,
            self.known_at,
            *self.categories,
            *self.numbers,
            self.label,
        )
        return tuple(dict.fromkeys(wanted))

    @property
    def sort_columns(self) -> tuple[str, ...]:
        """The keys, and all other columns: rows of equal keys come in one order, too."""
        return tuple(dict.fromkeys((*self.keys, *self.columns)))
