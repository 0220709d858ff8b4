"""Imports a model's code and says what is wrong with it, as JSON: run in a process of its own.

    python -m ml_platform.model_folder.try_imports <folder>

The code is the user's and may do anything at import; here it can only take itself down.
"""

import inspect
import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ml_platform.errors import PlatformError
from ml_platform.model_folder.mistake import Mistake
from ml_platform.training.model_code import load_function

FUNCTIONS: Final = {"train": "train", "evaluate": "load"}
ARGUMENT: Final = {"train": "run", "evaluate": "directory"}
TIMEOUT_S: Final = 120.0


def import_mistakes(folder: Path, *, timeout_s: float = TIMEOUT_S) -> list[Mistake]:
    """What is wrong with `train.py` and `evaluate.py` of a model's folder."""
    command = [sys.executable, "-m", __name__, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"importing it and evaluate.py takes more than {timeout_s:.0f} s"
        hint = "move what it does at import into the function."
        return [Mistake(file="train.py", line=None, message=message, hint=hint)]
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        message = f"importing it ended Python with code {done.returncode}: {last}"
        return [Mistake(file="train.py", line=None, message=message)]
    return [Mistake(**one) for one in json.loads(done.stdout.splitlines()[-1])]


def _look(folder: Path) -> Iterator[dict[str, Any]]:
    for module, function in FUNCTIONS.items():
        file = f"{module}.py"
        try:
            found = load_function(folder, module, function)
            inspect.signature(found).bind(None)
        except PlatformError as error:
            yield {"file": file, "line": None, "message": error.message, "hint": error.hint}
        except TypeError as error:
            if _place(folder, error) is not None:
                yield _raised(folder, file, error)
                continue
            message = f"{function} cannot be called with one argument: {error}"
            hint = f"write `def {function}({ARGUMENT[module]})`."
            yield {"file": file, "line": None, "message": message, "hint": hint}
        except (Exception, SystemExit) as error:  # boundary: the code is the user's
            yield _raised(folder, file, error)


def _raised(folder: Path, file: str, error: BaseException) -> dict[str, Any]:
    place = _place(folder, error)
    name, line = place if place is not None else (file, None)
    return {"file": name, "line": line, "message": f"{type(error).__name__}: {error}", "hint": ""}


def _place(folder: Path, error: BaseException) -> tuple[str, int | None] | None:
    """The deepest line of the model's own code that the error went through."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).parent == folder:
        return Path(error.filename).name, error.lineno
    own = [
        (Path(frame.filename).name, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == folder
    ]
    return own[-1] if own else None


if __name__ == "__main__":
    mistakes = list(_look(Path(sys.argv[1])))
    # The last line: what the user's code prints at import comes before.
    sys.stdout.write("\n" + json.dumps(mistakes) + "\n")
