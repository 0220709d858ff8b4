"""What is asked for when a version is trained again."""

import importlib.metadata
from pathlib import Path

from ml_platform.registry.reproduce import asked_again
from ml_platform.settings import Settings
from ml_platform.training.entrypoint import require_same_platform
from ml_platform.training.request import code_version
from tests.support.lineages import lineage
from tests.support.trainings import TROUBLED


def test_it_is_the_same_recipe_and_another_training(tmp_path: Path) -> None:
    original = lineage().request.model_copy(update={"code_version": code_version(TROUBLED)})

    again = asked_again(original, TROUBLED, Settings(home=tmp_path))

    assert again.recipe_hash() == original.recipe_hash()
    assert again.inputs_hash() != original.inputs_hash()


def test_a_version_of_an_older_platform_is_asked_for_by_this_one(tmp_path: Path) -> None:
    original = lineage().request.model_copy(update={"platform_version": "0.0.1"})

    again = asked_again(original, TROUBLED, Settings(home=tmp_path))

    require_same_platform(again.platform_version, importlib.metadata.version("ml_platform"))


def test_it_is_kept_where_the_storage_is_now(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    again = asked_again(lineage().request, TROUBLED, settings)

    assert again.folder_uri.startswith(f"{settings.storage_root}/")
