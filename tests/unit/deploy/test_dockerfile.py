"""The Dockerfile says again what other files say: it must say the same."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
STANDARD_LIBRARY = "$(python -c 'import os; print(os.path.dirname(os.__file__))')"


@pytest.fixture
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def launcher() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())["run_launcher"]["config"]


def test_every_stage_has_the_python_that_the_project_requires(project: dict[str, Any]) -> None:
    minor = re.match(r">=(\d+\.\d+)", project["requires-python"])
    assert minor
    bases = re.findall(r"^FROM python:(\S+)-slim", DOCKERFILE, re.MULTILINE)
    assert bases == [minor[1], minor[1]]


def test_uv_has_the_version_of_the_makefile() -> None:
    made = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    built = re.search(r"^ARG UV_VERSION=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert made
    assert built
    assert built[1] == made[1]


def test_the_extras_that_are_installed_exist(project: dict[str, Any]) -> None:
    extras = set(re.findall(r"--extra (\S+)", DOCKERFILE))
    assert extras == {"bigquery", "production"}
    assert extras <= set(project["optional-dependencies"])


def test_everything_copied_exists_and_is_not_ignored() -> None:
    lines = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {name for line in lines for name in line.split()}
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied == {line[1:] for line in ignore if line.startswith("!")}
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_a_runs_pod_has_the_images_user(launcher: dict[str, Any]) -> None:
    user = re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    context = launcher["run_k8s_config"]["pod_spec_config"]["security_context"]
    assert int(user[1]) == context["run_as_user"]


def test_every_variable_of_the_instance_is_explained() -> None:
    named = set(re.findall(r"env: (\w+)", (ROOT / "deploy" / "dagster.yaml").read_text()))
    explained = set(re.findall(r"`(DAGSTER_\w+)`", (ROOT / "deploy" / "README.md").read_text()))
    assert named
    assert named <= explained


def test_what_is_installed_is_compiled_when_the_image_is_built() -> None:
    # Ray imports some two thousand modules on every node, which each start would compile.
    uv = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]
    assert uv["compile-bytecode"] is True
    installs = re.findall(r"uv sync [^\n]*", DOCKERFILE)
    assert len(installs) == 2
    assert not [install for install in installs if "--no-compile" in install]
    assert "UV_COMPILE_BYTECODE=0" not in DOCKERFILE


def test_no_process_of_the_image_is_kept_from_writing_bytecode() -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in DOCKERFILE


# Python's standard library comes without bytecode in its images, and the package is installed as a
# link to its folder: what uv has compiled is neither. User 1000 could write neither afterwards.
COMPILED = {"standard library": STANDARD_LIBRARY, "package": "/app/ml_platform"}


@pytest.mark.parametrize("folder", COMPILED.values(), ids=COMPILED)
def test_what_is_not_installed_by_uv_is_compiled_by_root(folder: str) -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    commands = compilations(final.partition("\nUSER ")[0])
    assert [one for one in commands if one.endswith(f" {folder}")]
    assert len(commands) == len(compilations(final))


def test_the_package_is_compiled_after_it_was_copied() -> None:
    copied, compiled = "COPY --from=build /app /app", f"compileall -q {COMPILED['package']}"
    assert copied in DOCKERFILE.partition(compiled)[0]


def test_all_of_the_package_can_be_compiled(tmp_path: Path) -> None:
    [command] = [one for one in compilations(DOCKERFILE) if COMPILED["package"] in one]
    words = command.replace("/app/", f"{ROOT}/").split()
    done = subprocess.run(
        [sys.executable, *words[1:]], env={"PYTHONPYCACHEPREFIX": str(tmp_path)}, check=False
    )
    compiled = tmp_path.joinpath(*(ROOT / "ml_platform").parts[1:]).rglob("*.pyc")
    sources = {path.stem for path in (ROOT / "ml_platform").rglob("*.py")}
    assert done.returncode == 0
    assert {path.name.partition(".")[0] for path in compiled} == sources


def test_the_standard_library_is_found_where_python_has_it() -> None:
    shell = f"PATH={Path(sys.executable).parent}:/usr/bin:/bin; echo {STANDARD_LIBRARY}"
    said = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True)
    assert Path(said.stdout.strip()) == Path(os.__file__).parent


def compilations(text: str) -> list[str]:
    """The commands that compile Python."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [one.strip() for one in re.findall(r"python -m compileall[^\n&]*", joined)]
