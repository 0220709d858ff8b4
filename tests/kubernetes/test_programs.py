"""Programs are built once, and are in the cache complete or not at all."""

import subprocess
from pathlib import Path

import pytest

from tests.kubernetes.testbed import kuberay as operator
from tests.kubernetes.testbed.programs import ProgramsError, built, cache

pytestmark = pytest.mark.kubernetes


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if operator.chosen() == operator.CLUSTER:
        pytest.skip(f"{operator.VARIABLE}={operator.CLUSTER}: no program is built")
    # Go's own cache stays, or it would compile its library again.
    gos = subprocess.run(["go", "env", "GOCACHE"], check=True, capture_output=True, text=True)
    monkeypatch.setenv("GOCACHE", gos.stdout.strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    """A Go module with one program, `greeter`."""
    module = tmp_path / "modules" / "greeter"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module greeter\n\ngo 1.24\n")
    (module / "greeter.go").write_text("package main\n\nfunc main() { println(`hello`) }\n")
    return module


def test_a_program_is_built_once(greeter: Path) -> None:
    said: list[str] = []
    first = built(said.append, modules=greeter.parent).path("greeter")
    assert built(said.append, modules=greeter.parent).path("greeter") == first
    assert len(said) == 1


def test_a_change_of_the_module_is_another_program(greeter: Path) -> None:
    before = built(modules=greeter.parent).path("greeter")
    (greeter / "go.mod").write_text("module greeter\n\ngo 1.25\n")
    assert built(modules=greeter.parent).path("greeter") != before
    assert before.exists()


def test_a_build_that_fails_says_why_and_leaves_nothing_in_the_cache(greeter: Path) -> None:
    (greeter / "greeter.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(ProgramsError, match="undefined: nonsense"):
        built(modules=greeter.parent)
    assert not [path for path in cache().iterdir() if path.is_dir()]
