"""The models of the code location: each folder by itself, so that a broken one stops no other."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from ml_platform.errors import ModelSpecError, SettingsError
from ml_platform.features.project import load_project
from ml_platform.model_folder.broken import broken_definitions
from ml_platform.model_folder.mistake import Mistake
from ml_platform.model_folder.names import NO_NAMES, names_taken_by_dbt
from ml_platform.model_folder.read import SPEC_FILE, ModelFolder, read_folder
from ml_platform.settings import load_settings


class ModelFolders(dg.Component, dg.Model, dg.Resolvable):
    """Every folder beside this `defs.yaml` is a model, of the type `TrainedModel`.

    Dagster's own loading ends at the first mistake, with nothing loaded at all.
    """

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets, jobs and schedules of all models; a broken one has assets that say why."""
        settings = load_settings()
        taken = names_taken_by_dbt(settings)
        found: list[dg.Definitions] = []
        for folder in model_folders(context.path):
            loaded = load_model(folder, taken)
            if not isinstance(loaded, dg.Definitions):
                loaded = broken_definitions(folder.name, loaded, settings)
            found.append(loaded)
        return dg.Definitions.merge(*found)


def model_folders(models: Path) -> list[Path]:
    """The folders of all models, also of broken ones, sorted."""
    return [
        path
        for path in sorted(models.iterdir())
        if path.is_dir() and not path.name.startswith((".", "__")) and _has_files(path)
    ]


def load_model(folder: Path, taken: Mapping[str, str] = NO_NAMES) -> dg.Definitions | list[Mistake]:
    """The definitions of one model, or everything that is wrong with it.

    Args:
        folder: The model's folder.
        taken: More names that no model may have, and what has them.
    """
    read = read_folder(folder, taken)
    if not isinstance(read, ModelFolder):
        return read
    return built(read)


def built(model: ModelFolder) -> dg.Definitions | list[Mistake]:
    """The definitions of a model whose `defs.yaml` can be read, or what Dagster has against it.

    Raises:
        SettingsError: the file of clusters is not usable.
    """
    try:
        if model.component.example and not _has_table(model):
            return dg.Definitions()
        with warnings.catch_warnings():
            # Dagster's own loading is silent on what it calls beta, too.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return model.component.definitions_in(model.plan.folder)
    except ModelSpecError as error:
        return [Mistake(file=SPEC_FILE, line=None, message=error.message, hint=error.hint)]
    except SettingsError:  # whoever runs the platform mends that, in another file
        raise
    except OSError as error:  # a link that leads nowhere, a folder with the name of a file
        name = Path(str(error.filename)).name if error.filename else SPEC_FILE
        hint = f"mend or remove it in {model.plan.folder}."
        return [Mistake(file=name, line=None, message=str(error.strerror or error), hint=hint)]
    except Exception as error:  # boundary: what Dagster refuses is the user's word
        said = " ".join(str(error).split())
        hint = f"mend {model.plan.folder / SPEC_FILE}; Dagster says what it refuses."
        return [Mistake(file=SPEC_FILE, line=None, message=said, hint=hint)]


def _has_table(model: ModelFolder) -> bool:
    return load_project(load_settings()).named(model.plan.features.table) is not None


def _has_files(folder: Path) -> bool:
    """Whether there is more than what Python left of a model that went with its branch."""
    return any(path.name != "__pycache__" for path in folder.iterdir())
