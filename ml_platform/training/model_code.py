"""Loads `train.py` and `evaluate.py` from a model's folder, or from the registry's copy of it.

A folder is loaded as a package of its own, named by its content, so that `evaluate.py` can say
`from .train import build` and means the file beside it, and so that a champion of last month runs
with the code of last month in the same process as today's candidate.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ml_platform.errors import ModelSpecError
from ml_platform.training.request import code_version

PACKAGE: Final = "mlp_models"
CODE_FOLDER: Final = "code"
"""Where a trained model keeps the code that made it, beside its weights."""


def load_function(folder: Path, module: str, name: str) -> Callable[..., Any]:
    """The function `name` of `<module>.py` in a model's folder.

    Raises:
        ModelSpecError: there is no such file, or it has no such function.
        Exception: whatever the file itself raises when imported.
    """
    function = getattr(load_module(folder, module), name, None)
    if not callable(function):
        raise ModelSpecError(
            f"{folder / module}.py defines no function {name}",
            hint=f"define `{name}`; ml_platform.training.api says what it is given.",
        )
    found: Callable[..., Any] = function
    return found


def load_module(folder: Path, module: str) -> ModuleType:
    """Import `<module>.py` from a model's folder.

    Raises:
        ModelSpecError: there is no such file.
    """
    if not (folder / f"{module}.py").is_file():
        raise ModelSpecError(
            f"the model folder {folder} has no {module}.py",
            hint=f"write {module}.py; `mlp model new` makes one to begin from.",
        )
    return importlib.import_module(f"{_package(folder)}.{module}")


def _package(folder: Path) -> str:
    """Make the folder a package, once for each content, and return its name."""
    name = f"{PACKAGE}_{folder.name}_{code_version(folder, without=())}"
    if name not in sys.modules:
        package = ModuleType(name, f"The model folder {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name
