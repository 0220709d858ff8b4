"""`TrainedModel`: one `defs.yaml` becomes training set, model, evaluation and champion."""

import difflib
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import dagster as dg
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml_platform import wrong_values
from ml_platform.clusters.presets import ClusterSection
from ml_platform.errors import ModelSpecError
from ml_platform.evaluation.asset import build_evaluation
from ml_platform.evaluation.spec import EvaluationSpec
from ml_platform.nightly import build_model_nightly
from ml_platform.place import Place, place_of
from ml_platform.registry.asset import build_champion
from ml_platform.settings import load_settings
from ml_platform.stages import STAGE_TAG
from ml_platform.training.asset import build_model
from ml_platform.training.plan import ModelPlan
from ml_platform.training.spec import TrainingSpec
from ml_platform.training_set.asset import build_training_set
from ml_platform.training_set.spec import FeaturesSpec
from ml_platform.xray.asset_check import findings_check
from ml_platform.xray.budget_allowance import budget_allowance

MODEL_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
MODEL_FILES: Final = ("train.py", "evaluate.py")
PLACE: Final = "ml_platform/place"
"""Metadata of a model's assets: where their installation keeps things."""

Spec = TypeVar("Spec", bound=BaseModel)


def parse_spec(kind: type[Spec], content: Any, *, where: str) -> Spec:
    """A section of `defs.yaml` as a value.

    Raises:
        ModelSpecError: names each wrong key with what was found and what is allowed.
    """
    try:
        return kind.model_validate(content or {})
    except ValidationError as error:
        said = "; ".join(in_words(kind, one, where) for one in error.errors())
    # Not from within: a traceback would show pydantic's own text, which has the values.
    raise ModelSpecError(
        f"{where} in defs.yaml is not usable: {said}",
        hint="mend it; `mlp model check` looks again without training.",
    )


def in_words(kind: type[BaseModel], error: ErrorDetails, where: str) -> str:
    """One entry of pydantic's error as a sentence; `where` is the key of the section."""
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        near = difflib.get_close_matches(key, kind.model_fields, n=1)
        meant = f", did you mean {near[0]}?" if near else ""
        path = wrong_values.place(error, under=where, is_near=bool(near))
        return f"there is no key {path}{meant} Known are {', '.join(kind.model_fields)}"
    return wrong_values.in_words(error, under=where)


def _section(kind: type[BaseModel], name: str, as_typed: Any = dict[str, Any]) -> dg.Resolver:
    """Reads a section in our own words: a schema check would only say that nothing fits."""
    return dg.Resolver(
        lambda _context, content: parse_spec(kind, content, where=name),
        model_field_type=as_typed,
        description=(kind.__doc__ or "").splitlines()[0],
    )


class TrainedModel(dg.Component, dg.Model, dg.Resolvable):
    """A model that is trained by day on the rows of one feature table.

    The folder's name is the model's; `train.py` and `evaluate.py` beside `defs.yaml` are its code.
    """

    description: str
    owners: Sequence[str]
    features: Annotated[Any, _section(FeaturesSpec, "features")]
    training: Annotated[Any, _section(TrainingSpec, "training")]
    cluster: Annotated[Any, _section(ClusterSection, "cluster", str | dict[str, Any])] = (
        ClusterSection()
    )
    evaluation: Annotated[Any, _section(EvaluationSpec, "evaluation")]
    schedule: str = "0 3-9 * * *"
    example: bool = False
    """Whether it comes with a dbt project: it is left out where that has no such table."""

    def plan(self, folder: Path) -> ModelPlan:
        """What the stages need to know of the model in `folder`.

        Raises:
            ModelSpecError: the folder's name is no model name, or a file is missing.
        """
        if not MODEL_NAME.match(folder.name):
            raise ModelSpecError(
                f"{folder.name!r} is no model name: a lower-case letter, then up to 39 of a-z0-9_",
                hint=f"rename the folder {folder}.",
            )
        missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
        if missing:
            raise ModelSpecError(
                f"the model {folder.name} has no {' and no '.join(missing)}",
                hint=f"add it to {folder}; `mlp model new` shows what goes in.",
            )
        return ModelPlan(
            name=folder.name,
            folder=folder,
            features=self.features,
            training=self.training,
            cluster=self.cluster,
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """See `definitions_in`."""
        return self.definitions_in(context.path)

    def definitions_in(self, folder: Path) -> dg.Definitions:
        """The four assets of the model in `folder` with their checks, its job and its schedule."""
        settings = load_settings()
        plan = self.plan(folder)
        assets = {
            "training_set": build_training_set(plan.name, plan.features, settings),
            "model": build_model(
                plan,
                settings,
                checks=[findings_check(settings)],
                allowance=budget_allowance(settings),
            ),
            "evaluation": build_evaluation(plan, self.evaluation, settings),
            "champion": build_champion(plan, settings),
        }
        nightly = build_model_nightly(
            plan.name,
            holdout_days=self.evaluation.holdout_days,
            cron=self.schedule,
            settings=settings,
        )
        tagged = [
            asset.map_asset_specs(
                partial(self._finish, model=plan.name, stage=stage, place=place_of(settings))
            )
            for stage, asset in assets.items()
        ]
        return dg.Definitions.merge(dg.Definitions(assets=tagged), nightly)

    def _finish(self, spec: dg.AssetSpec, *, model: str, stage: str, place: Place) -> dg.AssetSpec:
        """What all of a model's assets have in common."""
        return spec.replace_attributes(
            group_name=model,
            owners=list(self.owners),
            description=f"{spec.description}\n\n**{model}**: {self.description}",
        ).merge_attributes(
            tags={"model": model, STAGE_TAG: stage},
            metadata={PLACE: dg.MetadataValue.json(place.as_dict())},
        )
