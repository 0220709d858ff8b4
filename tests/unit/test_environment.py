"""Who may ask the environment: what begins a process, and never what runs inside of a step."""

import ast
from pathlib import Path

import ml_platform

ROOT = Path(ml_platform.__file__).parent
# Each begins something: a code location, a command, a process of a backfill.
EDGES = {
    "settings.py",
    "definitions.py",
    "component.py",
    "defs/features.py",
    "defs/nightly.py",
    "defs/pruning.py",
    "defs/raw_data.py",
    "defs/reaper.py",
    "health/ports.py",
    "model_folder/load.py",
    "backfill/one_day.py",
}


def calls_of(path: Path, name: str) -> list[int]:
    """Lines on which the module calls `name`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_settings_are_read_where_a_process_begins_and_nowhere_else() -> None:
    inside = [
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if calls_of(path, "load_settings")
    ]

    commands = {name for name in inside if name.startswith("cli/")}
    assert set(inside) - commands <= EDGES


def test_no_variable_of_the_platform_is_read_but_by_the_settings() -> None:
    reading = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"os.environ.get", "os.getenv"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("MLP_")
    ]
    assert reading == []
