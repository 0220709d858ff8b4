"""A model's folder sees the small public training API, and nothing else of the platform.

The import contracts do not see these folders: they are no packages.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_platform.settings import PROJECT_ROOT

_PUBLIC = "ml_platform.training.api"
# The models, the templates of `mlp model new` and the tests' own: wherever a `train.py` is.
_FOLDERS = sorted(
    file.parent
    for place in ("ml_platform", "tests")
    for file in (PROJECT_ROOT / place).rglob("train.py")
)
_FILES = sorted(file for folder in _FOLDERS for file in folder.rglob("*.py"))


@pytest.mark.parametrize("file", _FILES, ids=lambda file: str(file.relative_to(PROJECT_ROOT)))
def test_a_file_of_a_model_imports_nothing_of_the_platform_but_the_training_api(file: Path) -> None:
    imported = {
        name for name in _imports(file) if name.partition(".")[0] in ("ml_platform", "tests")
    }
    assert imported <= {_PUBLIC}


def test_models_templates_and_the_models_of_tests_are_looked_at() -> None:
    parents = {folder.parent.relative_to(PROJECT_ROOT).parts[0] for folder in _FOLDERS}
    assert parents == {"ml_platform", "tests"}
    assert len(_FOLDERS) >= 3


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # `from ml_platform.training import api` means the module.
            whole = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from whole if node.module != _PUBLIC else (_PUBLIC,)
