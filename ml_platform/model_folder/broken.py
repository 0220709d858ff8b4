"""A model that cannot be loaded, as Dagster shows it: its assets are there and say what is wrong.

They keep their keys, so what was made before stays where it was. To materialize one of them raises
the mistakes; no job and no schedule makes them.
"""

import re
from collections.abc import Iterator, Sequence

import dagster as dg

from ml_platform.errors import ModelSpecError
from ml_platform.model_folder.mistake import Mistake
from ml_platform.model_folder.names import BROKEN_GROUP
from ml_platform.partitions import daily_partitions
from ml_platform.settings import Settings
from ml_platform.stages import MODEL_STAGES, asset_key


def broken_definitions(
    name: str, mistakes: Sequence[Mistake], settings: Settings
) -> dg.Definitions:
    """The four assets of a model with these mistakes."""
    error = broken_error(name, mistakes)
    keys = [asset_key(name, stage) for stage in MODEL_STAGES]
    specs = [
        dg.AssetSpec(
            key,
            deps=keys[position - 1 : position] if position else [],
            group_name=BROKEN_GROUP,
            description=description(name, mistakes),
            kinds={"broken"},
            partitions_def=daily_partitions(settings),
        )
        for position, key in enumerate(keys)
    ]

    @dg.multi_asset(
        specs=specs, name=f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}__broken", can_subset=True
    )
    def broken() -> Iterator[dg.MaterializeResult[None]]:
        raise error
        yield  # a generator is what several assets in one are made by

    return dg.Definitions(assets=[broken])


def broken_error(name: str, mistakes: Sequence[Mistake]) -> ModelSpecError:
    """The mistakes of a model as one error."""
    lines = "; ".join(f"{one.place}: {one.message}" for one in mistakes)
    hints = " ".join(dict.fromkeys(one.hint for one in mistakes if one.hint))
    again = f"`mlp model check {name}` looks again"
    return ModelSpecError(
        f"the model {name} is broken: {lines}", hint=f"{hints or 'mend it.'} {again}."
    )


def description(name: str, mistakes: Sequence[Mistake]) -> str:
    """What the Dagster UI says of a broken model."""
    lines = [f"**{name} is broken** and cannot be made until this is mended:", ""]
    for one in mistakes:
        lines.append(f"- `{name}/{one.place}`: {one.message}")
        if one.hint:
            lines.append(f"    - {one.hint}")
    lines += ["", f"`mlp model check {name}` looks again; then reload the code location."]
    return "\n".join(lines)
