"""Errors carry the next thing to do, and survive the way between processes."""

import ast
import builtins
import pickle
import re
from collections.abc import Iterator
from typing import Final

import pytest

from ml_platform import errors
from ml_platform.errors import PlatformError, TrainingError, UserCodeError
from ml_platform.settings import PROJECT_ROOT

_SOURCE = PROJECT_ROOT / "ml_platform"
_BUILTIN = {name for name in dir(builtins) if name.endswith(("Error", "Exception", "Exit"))}


def subclasses(kind: type[PlatformError]) -> list[type[PlatformError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(PlatformError))
def test_every_error_crosses_a_process_boundary_with_its_hint(kind: type[PlatformError]) -> None:
    sent = kind("it broke", hint="mend it")
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is kind
    assert (received.message, received.hint) == ("it broke", "mend it")


def test_a_user_error_brings_its_traceback_along() -> None:
    sent = UserCodeError("train.py raised", traceback="line 3")
    received: TrainingError = pickle.loads(pickle.dumps(sent))
    assert received.traceback == "line 3"


def test_the_hint_is_said_after_the_message() -> None:
    assert str(PlatformError("it broke", hint="mend it")) == "it broke\n  → mend it"


def test_the_module_draws_the_tree_that_the_classes_make() -> None:
    made = {kind.__name__: kind.__base__.__name__ for kind in _kinds() if kind.__base__}
    assert dict(_drawn()) | {"PlatformError": "Exception"} == made


def test_every_error_of_the_platform_is_in_the_tree() -> None:
    assert _exceptions_elsewhere() == []


def _kinds() -> list[type[PlatformError]]:
    return [kind for kind in subclasses(PlatformError) if kind.__module__ == errors.__name__]


def _drawn() -> Iterator[tuple[str, str]]:
    """Name and parent of each error in the docstring's tree but the root."""
    path = ["PlatformError"]
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"((?:│   |    )*)[├└]── (\w+)", line):
            depth = len(branch[1]) // 4 + 1
            path[depth:] = [branch[2]]
            yield branch[2], path[depth - 1]


def _exceptions_elsewhere() -> list[str]:
    """Exception classes in any other module, read from the sources: nothing must be loaded.

    A signal inside one module, private and caught there, is no error.
    """
    exceptions = _BUILTIN | {kind.__name__ for kind in _kinds()}
    found = []
    for file in sorted(_SOURCE.rglob("*.py")):
        text = file.read_text()
        for node in ast.walk(ast.parse(text, str(file))):
            if not isinstance(node, ast.ClassDef) or file == _SOURCE / "errors.py":
                continue
            bases = {_last(base) for base in node.bases}
            is_signal = node.name.startswith("_") and f"except {node.name}" in text
            if not is_signal and any(b in exceptions or b.endswith(_NAMES) for b in bases):
                found.append(f"{file.relative_to(PROJECT_ROOT)}: {node.name}")
    return found


# As libraries call theirs: `dg.Failure`, `typer.Exit`, `kubernetes.client.ApiException`.
_NAMES: Final = ("Error", "Exception", "Failure", "Exit", "Abort", "Warning")


def _last(base: ast.expr) -> str:
    """The last word of a base class, such as `DagsterError` of `dg.DagsterError`."""
    return ast.unparse(base).partition("[")[0].rpartition(".")[2]
