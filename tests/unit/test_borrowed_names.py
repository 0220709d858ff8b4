"""Names that we use and no library has promised: each has a row, which fails when it is gone.

A library may rename or drop them in any release, and most would then be missed in silence: an
override that nobody calls, a setting that nobody reads, an error that nobody recognises. The row
says where the library has the name and what for we need it. Nothing is imported: the library's file
is read, which is quick and covers Ray's compiled parts too.
"""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from ml_platform.settings import PROJECT_ROOT
from tests.unit.borrowed_names import ALL, Borrowed

# Documented, in spite of the underscore.
PUBLIC = frozenset({"_exit", "_replace"})
# Of CPython, and compiled in: nothing to read.
BUILT_IN = frozenset({"_run_exitfuncs"})

each = pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.name}-in-{row.home}")


@each
def test_the_library_still_has_the_name(row: Borrowed) -> None:
    file = _file(row.home)
    there = file.exists() and row.text.encode() in file.read_bytes()
    assert there, f"{file} has no {row.text!r} any more; we need it for this: {row.why}"


@each
def test_the_name_is_still_used(row: Borrowed) -> None:
    file = PROJECT_ROOT / row.user
    used = file.exists() and row.name in file.read_text()
    assert used, f"{row.user} has no {row.name!r}: correct the row, or drop it if the use is gone"


def test_every_private_name_of_a_library_has_a_row() -> None:
    rows = [row.name for row in ALL]
    assert {
        f"{file.relative_to(PROJECT_ROOT)}: {name}"
        for file, tree in _sources().items()
        for name in _private_names(tree)
        if not any(name in row for row in rows)
    } == set()


def test_every_setting_of_ray_and_mlflow_has_a_row() -> None:
    rows = {row.name for row in ALL}
    assert {
        f"{file.relative_to(PROJECT_ROOT)}: {text}"
        for file, tree in _sources().items()
        # Variables of KubeRay's are called so too; no package here has them.
        if "kuberay" not in file.relative_to(PROJECT_ROOT).parts
        for text in _strings(tree)
        if re.fullmatch(r"(RAY|MLFLOW)_\w+", text) and text not in rows
    } == set()


def test_what_is_compiled_into_python_is_there() -> None:
    import atexit

    assert all(hasattr(atexit, name) for name in BUILT_IN)


def _file(home: str) -> Path:
    """A file of an installed package, or of the standard library."""
    top = home.partition("/")[0]
    spec = find_spec(top.removesuffix(".py"))
    assert spec is not None, f"{top} is not installed"
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    found = [Path(place).parent / home for place in places]
    return next((path for path in found if path.exists()), found[0])


def _sources() -> dict[Path, ast.Module]:
    files = sorted((PROJECT_ROOT / "ml_platform").rglob("*.py"))
    return {file: ast.parse(file.read_text(), str(file)) for file in files}


def _private_names(tree: ast.Module) -> Iterator[str]:
    """Names that begin with an underscore and are not defined in this module."""
    own = {name for node in ast.walk(tree) for name in _defined(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("ml_platform"):
            yield from (alias.name for alias in node.names if _is_private(alias.name))
            if re.search(r"\._[a-z]", node.module or ""):
                yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if re.search(r"\._[a-z]", one.name))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            yield node.attr
    yield from (
        text for text in _strings(tree) if re.fullmatch(r"[a-z_]+(\.\w+)*\._[a-z][\w.]*", text)
    )


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC | BUILT_IN


def _strings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
