"""What a model may be called: its name is a group, a part of asset keys and of a job's name."""

import keyword
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ml_platform.component import MODEL_NAME
from ml_platform.features.nodes import Project
from ml_platform.features.project import parsed_project
from ml_platform.model_folder.mistake import Mistake
from ml_platform.settings import Settings
from ml_platform.stages import FEATURES, RAW, STAGING

NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
BROKEN_GROUP: Final = "broken_models"
RESERVED: Final = MappingProxyType(
    {
        "data": "the nightly job of all features, data_nightly",
        RAW: "the group of the raw tables",
        STAGING: "the group of dbt's staging views",
        FEATURES: "the group of the feature tables",
        BROKEN_GROUP: "the group of models that cannot be loaded",
    }
)


def name_mistake(name: str, taken: Mapping[str, str]) -> Mistake | None:
    """Why no model may be called so; None if one may.

    Args:
        name: The name of its folder.
        taken: More names that no model may have, and what has them.
    """
    if not MODEL_NAME.match(name):
        return Mistake(
            file=name,
            line=None,
            message=f"{name!r} is no model name: a lower-case letter, then up to 39 of a-z 0-9 _",
            hint=f"rename the folder, to {nearest_name(name)} for example.",
        )
    owner = RESERVED.get(name) or taken.get(name)
    if keyword.iskeyword(name):
        owner = "a word of Python"
    if owner is None:
        return None
    return Mistake(
        file=name,
        line=None,
        message=f"no model may be called {name!r}: that is {owner}",
        hint=f"rename the folder, to {name}_model for example.",
    )


def names_taken_by_dbt(settings: Settings) -> dict[str, str]:
    """Groups and sources of the dbt project, as it was parsed last, and what each of them is."""
    try:
        project = parsed_project(settings)
    except (OSError, ValueError, KeyError, TypeError):  # it was never parsed: nothing is loaded
        return {}
    return dbt_names(project)


def dbt_names(project: Project) -> dict[str, str]:
    """Groups and sources of a dbt project, and what each of them is."""
    found = {node.group: f"the group of dbt models {node.group}" for node in project.built}
    found |= {
        node.key[0]: f"the dbt source {node.key[0]}"
        for node in project.sources
        if len(node.key) > 1
    }
    return found


def nearest_name(name: str) -> str:
    """A model name that looks like `name`."""
    letters = "".join(one if one.isascii() and one.isalnum() else "_" for one in name.lower())
    return letters.strip("_").lstrip("0123456789_")[:40] or "my_model"
