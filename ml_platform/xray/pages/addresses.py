"""Addresses of pages: our own, and those of Dagster and MLflow that ours lead to."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where else an attempt can be looked at."""

    dagster_run: str
    dagster_asset: str
    mlflow_model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Others:
    """Pages of others.

    Attributes:
        dagster: Where Dagster's are, without a slash at the end.
        mlflow: Where MLflow's are, without one.
        prefix: Of the names under which MLflow keeps models.
    """

    dagster: str
    mlflow: str
    prefix: str

    @classmethod
    def of(cls, settings: Settings) -> "Others":
        """Those that the settings name."""
        return cls(
            dagster=settings.dagster_url.rstrip("/"),
            mlflow=settings.mlflow_pages,
            prefix=settings.registered_name(""),
        )

    def run(self, run: str) -> str:
        """A run in Dagster."""
        return f"{self.dagster}/runs/{part(run)}"

    def asset(self, model: str, partition: str = "") -> str:
        """The asset that a training made, or was to make."""
        chosen = f"?partition={part(partition)}" if partition else ""
        return f"{self.dagster}/assets/{part(model)}/model{chosen}"

    def versions(self, model: str) -> str:
        """The model's versions in MLflow."""
        return f"{self.mlflow}/#/models/{part(self.prefix + model)}"

    def of_attempt(self, attempt: AttemptRecord) -> Links:
        """All that there is for an attempt."""
        return Links(
            dagster_run=self.run(attempt.run),
            dagster_asset=self.asset(attempt.model, attempt.partition),
            mlflow_model=self.versions(attempt.model),
        )


def part(text: str) -> str:
    """A text as one part of a path or a query."""
    # Of most there is nothing to quote, and a table has 5,000.
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def attempt_page(attempt_id: str) -> str:
    """An attempt's page."""
    return f"/attempts/{part(attempt_id)}"


def training_page(training: str) -> str:
    """A training's page."""
    return f"/trainings/{part(training)}"


def model_page(model: str) -> str:
    """A model's page."""
    return f"/models/{part(model)}"


def backfill_page(backfill: str) -> str:
    """A backfill's page."""
    return f"/backfills/{part(backfill)}"


def run_page(run: str) -> str:
    """A run's page."""
    return f"/runs/{part(run)}"
