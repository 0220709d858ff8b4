"""The code location as `mlp` runs it: its definitions, and the chain of assets of each model."""

import dagster as dg

from ml_platform.backfill.plan import Chain
from ml_platform.errors import ModelSpecError, cause_of
from ml_platform.model_folder.read import ModelFolder
from ml_platform.stages import FEATURES, STAGE_TAG


def load_definitions() -> dg.Definitions:
    """All that `ml_platform.definitions` defines.

    Raises:
        PlatformError: a model's folder or the dbt project is not usable.
        ModelSpecError: Dagster cannot load it for another reason.
    """
    from ml_platform.definitions import defs

    try:
        return defs()
    except Exception as error:  # boundary: Dagster wraps whatever a part of the location raises
        own = cause_of(error)
        if own is not None:
            raise own from None
        raise ModelSpecError(
            f"the code location cannot be loaded: {innermost(error)}",
            hint="`dg check defs` shows the whole error with its place.",
        ) from error


def find_chain(definitions: dg.Definitions, model: ModelFolder) -> Chain:
    """The assets that lead to a model's champion.

    Raises:
        ModelSpecError: its feature table is no asset of this code location.
    """
    specs = {spec.key: spec for spec in _made_here(definitions)}
    name = model.plan.name
    table = dg.AssetKey.from_user_string(model.plan.features.table)
    if table not in specs:
        daily = (spec.key for spec in specs.values() if spec.tags.get(STAGE_TAG) == FEATURES)
        known = ", ".join(sorted(key.to_user_string() for key in daily))
        raise ModelSpecError(
            f"the model {name} reads {table.to_user_string()}, which nothing here builds",
            hint=f"name a feature table of the dbt project in features.table: {known}.",
        )
    upstream = _upstream_first(specs, table)
    return Chain(
        model=name,
        window_days=model.plan.training.window_days,
        holdout_days=model.evaluation.holdout_days,
        sources=tuple(key.to_user_string() for key in upstream if not specs[key].partitions_def),
        features=tuple(key.to_user_string() for key in upstream if specs[key].partitions_def),
    )


def _made_here(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    """Specs of what this code location makes, and not only knows of."""
    made = [one for one in definitions.assets or () if isinstance(one, dg.AssetsDefinition)]
    return [spec for one in made if one.is_executable for spec in one.specs]


def _upstream_first(specs: dict[dg.AssetKey, dg.AssetSpec], last: dg.AssetKey) -> list[dg.AssetKey]:
    ordered: dict[dg.AssetKey, None] = {}

    def visit(key: dg.AssetKey) -> None:
        if key in specs and key not in ordered:
            for dependency in specs[key].deps:
                visit(dependency.asset_key)
            ordered[key] = None

    visit(last)
    return list(ordered)


def innermost(error: BaseException) -> str:
    """What was raised first, which others have wrapped."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"
