"""Looks at what people write: the dbt project and the models."""

from collections.abc import Iterator
from pathlib import Path

from ml_platform.errors import DbtProjectError, FeatureBuildError
from ml_platform.features.project import load_project
from ml_platform.health.look import Look
from ml_platform.model_folder.load import built, model_folders
from ml_platform.model_folder.mistake import Mistake
from ml_platform.model_folder.names import names_taken_by_dbt
from ml_platform.model_folder.read import MODELS_FOLDER, ModelFolder, read_folder
from ml_platform.partitions import days_of
from ml_platform.settings import Settings

GROUP = "code"


def code(settings: Settings, models: Path = MODELS_FOLDER) -> Iterator[Look]:
    """The dbt project, which must be parsed, and each model; a broken one stops no other."""
    yield _dbt_project(settings)
    taken = names_taken_by_dbt(settings)
    for folder in model_folders(models):
        name = f"model {folder.name}"
        read = read_folder(folder, taken)
        mistakes = _refused(read) if isinstance(read, ModelFolder) else read
        if isinstance(read, ModelFolder) and not mistakes:
            plan = read.plan
            value = f"{days_of(plan.training.window_days)} of {plan.features.table}"
            yield Look(group=GROUP, name=name, state="ok", value=value)
            continue
        hints = " ".join(dict.fromkeys(one.hint for one in mistakes if one.hint))
        yield Look(
            group=GROUP,
            name=name,
            state="note",
            value="broken: " + "; ".join(f"{one.place}: {one.message}" for one in mistakes),
            fix=f"{hints or f'mend {folder}.'} `mlp model check {folder.name}` looks again.",
        )


def _refused(model: ModelFolder) -> list[Mistake]:
    """What Dagster has against a model that can be read; only making its assets tells."""
    made = built(model)
    return made if isinstance(made, list) else []


def _dbt_project(settings: Settings) -> Look:
    name = "dbt project"
    try:
        load_project(settings)
    except (DbtProjectError, FeatureBuildError) as error:
        return Look(group=GROUP, name=name, state="no", value=error.message, fix=error.hint)
    return Look(group=GROUP, name=name, state="ok", value=str(settings.project_dir))
