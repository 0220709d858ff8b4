"""Loads `train.py` and `evaluate.py` from a model's folder, or from a copy of it.

The code of a training travels with its request, so that driver and workers run what was hashed,
whatever their image holds; a registered model keeps its own.

A folder is loaded as a package of its own, named by its content, so that `evaluate.py` can say
`from .train import build` and means the file beside it, and so that a champion of last month runs
with the code of last month in the same process as today's candidate.
"""

import importlib
import linecache
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ml_platform.errors import ModelSpecError
from ml_platform.storage import Folder
from ml_platform.training.request import (
    CODE_FOLDER,
    TrainingRequest,
    code_version,
    python_files,
)

PACKAGE: Final = "mlp_models"
EVALUATION_FILE: Final = "evaluate.py"


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


def send_code(request: TrainingRequest, source: Path) -> None:
    """Put the model's Python files beside the request, each once.

    Raises:
        ModelSpecError: they are not those that the request names.
    """
    with tempfile.TemporaryDirectory(prefix="mlp-code-") as scratch:
        copy = Path(scratch)
        for name, content in python_files(source):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(content)
        found = code_version(copy)
        if found != request.code_version:
            raise ModelSpecError(
                f"the code in {source} is {found}, the training is of {request.code_version}",
                hint="it was edited meanwhile: materialize again.",
            )
        folder = Folder(request.folder_uri)
        for name, content in python_files(copy):
            folder.create(f"{CODE_FOLDER}/{name}", content)


def renew_evaluation(request: TrainingRequest, source: Path) -> None:
    """Put `evaluate.py` beside the request as it is now: it may have been mended since.

    It decides no weights and is no part of the training's name, so nothing is trained again.
    """
    file = source / EVALUATION_FILE
    if file.is_file():
        Folder(request.folder_uri).write(f"{CODE_FOLDER}/{EVALUATION_FILE}", file.read_bytes())


def copy_of(request: TrainingRequest) -> Path:
    """Where the code of a training lies in any scratch folder: how tracebacks know it."""
    return Path(f"mlp-code-{request.inputs_hash()}", request.model)


def fetch_code(request: TrainingRequest, scratch: Path) -> Path:
    """The model's folder as it was sent with the request, in `scratch`.

    Raises:
        ModelSpecError: the files there are not those that the request names.
    """
    sent = Folder(f"{request.folder_uri}/{CODE_FOLDER}")
    target = scratch / copy_of(request)
    target.mkdir(parents=True, exist_ok=True)
    sent.download(target)
    for name, content in python_files(target):
        _remember_lines(target / name, content)
    found = code_version(target)
    if found != request.code_version:
        raise ModelSpecError(
            f"the code in {sent.uri} is {found}, the training is of {request.code_version}",
            hint="somebody has changed these files, or they were changed while the request was "
            f"made: remove {request.folder_uri} and materialize again.",
        )
    return target


def _remember_lines(path: Path, content: bytes) -> None:
    """Let tracebacks show the file's lines when the copy is gone, as attrs and IPython do."""
    lines = content.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[str(path)] = (len(content), None, lines, str(path))


def _package(folder: Path) -> str:
    """Make the folder a package, once for each content, and return its name."""
    name = f"{PACKAGE}_{folder.name}_{code_version(folder, without=())}"
    if name not in sys.modules:
        package = ModuleType(name, f"The model folder {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name
