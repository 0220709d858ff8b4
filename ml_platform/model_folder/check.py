"""`mlp model check`: everything that can be known of a training without training or spending."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from ml_platform.clusters.open import resolved
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import InputError, PartitionError, PlatformError, SettingsError
from ml_platform.features.project import feature_table
from ml_platform.model_folder.lines import line_at, line_of
from ml_platform.model_folder.load import built
from ml_platform.model_folder.mistake import Mistake
from ml_platform.model_folder.names import names_taken_by_dbt
from ml_platform.model_folder.read import (
    MODELS_FOLDER,
    SPEC_FILE,
    ModelFolder,
    model_path,
    read_folder,
)
from ml_platform.model_folder.try_imports import import_mistakes
from ml_platform.partitions import (
    holdout_keys,
    last_complete_day,
    parse_day,
    require_days,
    window_keys,
)
from ml_platform.settings import Settings
from ml_platform.training.estimate import Estimate, estimate, history
from ml_platform.training.launch import find_result
from ml_platform.training.plan import make_request
from ml_platform.training_set.columns import column_mistakes
from ml_platform.training_set.store import SnapshotStore
from ml_platform.warehouse.open import open_warehouse
from ml_platform.xray.forecast import Forecast, Forecasted, forecast_of
from ml_platform.xray.prices import prices_of


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPlan:
    """What training a partition would mean.

    Attributes:
        rows: Rows of the training sets that are there.
        there: Days of the window whose training set is there.
        missing: Days of the window whose training set is not there.
        held_out: Days on which the model would be scored.
        job: Name of the Ray job; empty while a training set is missing.
        trained: Whether this very training has been done already.
        expected: Time and cost by the rows of the window; None without an earlier training.
        earlier: Time and cost as those before it took; None where X-Ray knows of none.
    """

    partition: str
    rows: int
    there: tuple[str, ...]
    missing: tuple[str, ...]
    held_out: tuple[str, ...]
    cluster: ClusterSpec
    job: str
    trained: bool
    expected: Estimate | None
    earlier: Forecast | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """What was found; `notes` are what could not be looked at, and are no mistakes."""

    model: str
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]
    plan: TrainingPlan | None

    @property
    def passed(self) -> bool:
        """Whether a training may be started."""
        return not self.mistakes


def check_model(
    name: str,
    settings: Settings,
    *,
    partition: str | None = None,
    models: Path = MODELS_FOLDER,
    now: datetime | None = None,
) -> CheckReport:
    """Look at a model's folder, its feature table and the training of one partition.

    Args:
        name: The model.
        settings: Where things are.
        partition: The day; by default the newest whose held-out days can be there.
        models: The folder of all models.
        now: The present, for tests.

    Raises:
        ModelSpecError: there is no such model.
    """
    folder = model_path(name, models)
    read = read_folder(folder, names_taken_by_dbt(settings))
    mistakes = import_mistakes(folder)
    if not isinstance(read, ModelFolder):
        told = {one.file for one in read}
        mistakes = [*read, *(one for one in mistakes if one.file not in told)]
        return CheckReport(model=name, mistakes=tuple(mistakes), notes=(), plan=None)
    notes: list[str] = []
    definitions = built(read)
    if isinstance(definitions, list):
        mistakes += definitions
    mistakes += _column_mistakes(read, settings, notes)
    cluster = _cluster(read, settings, mistakes)
    day = partition or _newest(read, settings, now or datetime.now(UTC))
    try:
        plan = _training_plan(read, cluster, day, settings, now, notes)
    except PartitionError as error:
        mistakes.append(
            Mistake(file=f"--partition {day}", line=None, message=error.message, hint=error.hint)
        )
        plan = None
    return CheckReport(model=name, mistakes=tuple(mistakes), notes=tuple(notes), plan=plan)


def _newest(model: ModelFolder, settings: Settings, now: datetime) -> str:
    last = last_complete_day(settings, now=now)
    return (last - timedelta(days=model.evaluation.holdout_days)).isoformat()


def _column_mistakes(model: ModelFolder, settings: Settings, notes: list[str]) -> list[Mistake]:
    features = model.plan.features
    if settings.warehouse == "duckdb" and not settings.duckdb_file.exists():
        notes.append(f"columns of {features.table}: not looked at, there is no warehouse yet")
        return []
    table = feature_table(settings, features.table)
    try:
        with open_warehouse(settings) as warehouse:
            described = warehouse.describe(table)
    except PlatformError as error:
        notes.append(f"columns of {features.table}: not looked at, {error.message}")
        return []
    root = yaml.compose((model.plan.folder / SPEC_FILE).read_text(), Loader=yaml.SafeLoader)
    return [
        Mistake(file=SPEC_FILE, line=line_of(root, one.column), message=one.message, hint=one.hint)
        for one in column_mistakes(features, described)
    ]


def _cluster(model: ModelFolder, settings: Settings, mistakes: list[Mistake]) -> ClusterSpec | None:
    """What the cluster is in this environment; None, and a mistake, if it is none there."""
    try:
        return resolved(settings, model.plan.cluster)
    except SettingsError:  # whoever runs the platform mends that, in another file
        raise
    except InputError as error:
        root = yaml.compose((model.plan.folder / SPEC_FILE).read_text(), Loader=yaml.SafeLoader)
        line = line_at(root, ["attributes", "cluster", "preset"])
        mistakes.append(Mistake(file=SPEC_FILE, line=line, message=error.message, hint=error.hint))
        return None


def _training_plan(
    model: ModelFolder,
    cluster: ClusterSpec | None,
    partition: str,
    settings: Settings,
    now: datetime | None,
    notes: list[str],
) -> TrainingPlan | None:
    plan = model.plan
    parse_day(partition)
    days = window_keys(partition, plan.training.window_days)
    held_out = holdout_keys(partition, model.evaluation.holdout_days)
    require_days(days, settings, what=f"training {plan.name} of {partition}", now=now)
    require_days(held_out, settings, what=f"evaluating {plan.name} of {partition}", now=now)
    if cluster is None:
        return None
    store = SnapshotStore(settings.storage_root, plan.name)
    found = {day: store.find(day) for day in days}
    manifests = [one for one in found.values() if one is not None]
    rows = sum(one.rows for one in manifests)
    whole = len(manifests) == len(days)
    request = make_request(
        plan,
        partition,
        manifests,
        storage_root=settings.storage_root,
        cluster=cluster,
    )
    result = find_result(request) if whole else None
    trained = history(settings, plan.name)
    # Where nothing was trained X-Ray has nothing to say, and may have no database yet.
    earlier = forecast_of(settings, plan.name, cluster) if trained else Forecasted(forecast=None)
    if earlier.trouble:
        notes.append(f"cost of earlier trainings: not looked at, {earlier.trouble}")
    return TrainingPlan(
        partition=partition,
        rows=rows,
        there=tuple(day for day, one in found.items() if one is not None),
        missing=tuple(day for day, one in found.items() if one is None),
        held_out=tuple(held_out),
        cluster=request.cluster,
        job=request.job_key().slug() if whole else "",
        trained=result is not None and result.status == "succeeded",
        expected=estimate(
            trained,
            rows=rows,
            cluster=request.cluster,
            price_per_hour=prices_of(settings).of_cluster(request.cluster),
        ),
        earlier=earlier.forecast,
    )
