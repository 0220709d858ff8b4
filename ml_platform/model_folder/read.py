"""A model's folder as a value: `defs.yaml` read by the component's own parser.

Every mistake is found at once and carries its line, where `mlp model check` shows them together.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import yaml
from pydantic import BaseModel, ValidationError

from ml_platform.clusters.presets import ClusterSection
from ml_platform.component import MODEL_FILES, MODEL_NAME, TrainedModel, in_words
from ml_platform.errors import ModelSpecError
from ml_platform.evaluation.spec import EvaluationSpec
from ml_platform.model_folder.lines import line_at
from ml_platform.model_folder.mistake import Mistake
from ml_platform.model_folder.names import NO_NAMES, name_mistake
from ml_platform.training.plan import ModelPlan
from ml_platform.training.request import python_names
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.wrong_values import shown_name, unknown_key, yaml_problem

MODELS_FOLDER: Final = Path(__file__).resolve().parent.parent / "defs" / "models"
SPEC_FILE: Final = "defs.yaml"
TOP_KEYS: Final = ("type", "attributes")
COMPONENT: Final = f"{TrainedModel.__module__}.{TrainedModel.__qualname__}"
SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "features": FeaturesSpec,
    "training": TrainingSpec,
    "cluster": ClusterSection,
    "evaluation": EvaluationSpec,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFolder:
    """What a model's folder says."""

    component: TrainedModel
    plan: ModelPlan
    evaluation: EvaluationSpec
    description: str
    owners: tuple[str, ...]


def model_names(models: Path = MODELS_FOLDER) -> list[str]:
    """Names of the models of this code location, sorted."""
    return sorted(path.parent.name for path in models.glob(f"*/{SPEC_FILE}"))


def model_path(name: str, models: Path = MODELS_FOLDER) -> Path:
    """The folder of a model.

    Raises:
        ModelSpecError: there is no such model; names those that there are.
    """
    folder = models / name
    if Path(name).name != name or not folder.is_dir():
        known = ", ".join(model_names(models)) or "none"
        raise ModelSpecError(
            f"there is no model {name!r}; there is {known}",
            hint=f"take one of these, or `mlp model new {name}` to begin it."
            if MODEL_NAME.match(name)
            else "take one of these; a model's name is a lower-case letter, then up to 39 of "
            "a-z 0-9 _.",
        )
    return folder


def read_model(name: str, models: Path = MODELS_FOLDER) -> ModelFolder:
    """The model of that name.

    Raises:
        ModelSpecError: there is no such model, or its `defs.yaml` is not usable.
    """
    folder = model_path(name, models)
    found = read_folder(folder)
    if isinstance(found, ModelFolder):
        return found
    lines = "; ".join(f"{one.place}: {one.message}" for one in found)
    raise ModelSpecError(
        f"the model {name} is not usable: {lines}",
        hint=f"mend {folder / SPEC_FILE}; `mlp model check {name}` looks again.",
    )


def read_folder(folder: Path, taken: Mapping[str, str] = NO_NAMES) -> ModelFolder | list[Mistake]:
    """What a model's folder says, or all that is wrong with its name, `defs.yaml` and syntax.

    Args:
        folder: The model's folder.
        taken: More names that no model may have, and what has them.
    """
    wrong_name = name_mistake(folder.name, taken)
    if wrong_name is not None:
        return [wrong_name]
    missing = [name for name in (SPEC_FILE, *MODEL_FILES) if not (folder / name).is_file()]
    if missing:
        hint = f"add it to {folder}; `mlp model new` shows what goes in."
        return [Mistake(file=name, line=None, message="is missing", hint=hint) for name in missing]
    found = _read_spec(folder)
    if wrong := [*_not_python(folder)]:
        return [*wrong, *([] if isinstance(found, ModelFolder) else found)]
    return found


def _not_python(folder: Path) -> Iterator[Mistake]:
    """Mistakes of syntax in the files of the folder; nothing is run."""
    for name in python_names(folder):
        if not (folder / name).is_file():
            continue
        content = (folder / name).read_bytes()
        try:
            compile(content, name, "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
        except SyntaxError as error:
            yield Mistake(file=name, line=error.lineno, message=f"is no Python: {error.msg}")
        except ValueError as error:  # a byte that no source has
            yield Mistake(file=name, line=None, message=f"is no Python: {error}")


def _read_spec(folder: Path) -> ModelFolder | list[Mistake]:
    try:
        text = (folder / SPEC_FILE).read_text()
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        # The latter two are PyYAML's for a date or a number that is none.
        return [_not_yaml(error)]
    if not isinstance(content, dict) or not isinstance(content.get("attributes"), dict):
        message = "wanted a `type` and `attributes`, found neither a mapping of them nor their keys"
        return [Mistake(file=SPEC_FILE, line=1, message=message)]
    if content.get("type") != COMPONENT:
        message = f"type is {shown_name(content.get('type'))}, wanted {COMPONENT}"
        return [Mistake(file=SPEC_FILE, line=line_at(root, ["type"]), message=message)]
    mistakes = [
        Mistake(
            file=SPEC_FILE,
            line=line_at(root, [key]),
            message=f"there is no key {unknown_key(key, is_near=False)}, "
            f"known are {', '.join(TOP_KEYS)}",
            hint=f"write it into {folder.parent / SPEC_FILE}, with a target of group:{folder.name}."
            if key == "post_processing"
            else "",
        )
        for key in content
        if key not in TOP_KEYS
    ]
    attributes = content["attributes"]
    mistakes += _mistakes(TrainedModel.model(), attributes, [], root)
    for name, kind in SECTIONS.items():
        if isinstance(attributes.get(name), dict):
            mistakes += _mistakes(kind, attributes[name], [name], root)
    if mistakes := mistakes or [*_wrong_owners(attributes.get("owners") or (), root)]:
        return mistakes
    try:
        component = TrainedModel.resolve_from_dict(attributes)
    except Exception as error:  # boundary: what Dagster or pydantic say is the user's mistake
        said = " ".join(str(error).split())
        return [Mistake(file=SPEC_FILE, line=None, message=said)]
    return ModelFolder(
        component=component,
        plan=component.plan(folder),
        evaluation=component.evaluation,
        description=component.description,
        owners=tuple(component.owners),
    )


def _mistakes(
    kind: type[BaseModel], content: Any, path: list[str], root: yaml.Node | None
) -> Iterator[Mistake]:
    where = ".".join(path)
    try:
        kind.model_validate(content)
    except ValidationError as error:
        for one in error.errors():
            line = line_at(root, ["attributes", *path, *one["loc"]])
            yield Mistake(file=SPEC_FILE, line=line, message=in_words(kind, one, where))


def _wrong_owners(owners: Sequence[str], root: yaml.Node | None) -> Iterator[Mistake]:
    for number, owner in enumerate(owners):
        try:
            dg.AssetSpec("owned", owners=[owner])  # Dagster's own rule, before it has an asset
        except dg.DagsterInvalidDefinitionError:
            yield Mistake(
                file=SPEC_FILE,
                line=line_at(root, ["attributes", "owners", number]),
                message=f"{owner!r} is no owner",
                hint="write an e-mail address or a team, as `team:name`.",
            )


def _not_yaml(error: Exception) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    return Mistake(
        file=SPEC_FILE,
        line=mark.line + 1 if mark else None,
        message=f"is no YAML: {yaml_problem(error)}",
        hint="look there, and at the line above, for a colon, a quote or a wrong indentation.",
    )
