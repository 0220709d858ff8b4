"""What the README says can be typed: commands, options, make targets, the example of defs.yaml."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
import yaml

from ml_platform.cli.main import app
from ml_platform.clusters.kuberay.checks.valid import mistakes
from ml_platform.clusters.kuberay.config import config_from
from ml_platform.clusters.presets import Presets
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.component import parse_spec
from ml_platform.model_folder.read import SECTIONS
from ml_platform.settings import PROJECT_ROOT
from ml_platform.training.api import TrainingRun
from ml_platform.xray.budgets import Budgets

README = (PROJECT_ROOT / "README.md").read_text()
CODE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def blocks(language: str) -> list[str]:
    return [text for kind, text in CODE.findall(README) if kind == language]


def typed() -> Iterator[str]:
    """Every command of the README's shell blocks and running text."""
    for block in blocks("sh"):
        yield from (line.partition("#")[0].strip() for line in block.splitlines())
    yield from INLINE.findall(CODE.sub("", README))


def commands(program: str) -> list[str]:
    found = {one for one in typed() if one.split()[:1] == [program] and len(one.split()) > 1}
    # `model new|check` and `cluster ls, stop` are ways of listing several.
    return sorted(one for one in found if "|" not in one)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, and what is left of them."""
    found: Any = typer.main.get_command(app)
    while words and words[0] in getattr(found, "commands", {}):
        found, words = found.commands[words[0]], words[1:]
    return found, words


@pytest.mark.parametrize("line", commands("mlp"))
def test_every_mlp_command_of_the_readme_exists(line: str) -> None:
    command, left = command_of(shlex.split(line)[1:])
    parameters = command.params
    options = {name for one in parameters for name in (*one.opts, *one.secondary_opts)}

    assert not hasattr(command, "commands") or left == []
    assert {word for word in left if word.startswith("--")} <= options | {"--help"}


@pytest.mark.parametrize("line", commands("make"))
def test_every_make_target_of_the_readme_exists(line: str) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    target = line.split()[1]
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def test_the_defs_yaml_of_the_readme_is_valid() -> None:
    text, _ = blocks("yaml")
    attributes = yaml.safe_load(text)["attributes"]
    for name, kind in SECTIONS.items():
        parse_spec(kind, attributes.get(name), where=name)


def test_no_placeholder_is_left_in_the_readme() -> None:
    assert re.findall(r"<!--.*?-->", README) == []


def test_every_picture_and_path_of_the_readme_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [one for one in linked if "://" not in one and not (PROJECT_ROOT / one).exists()]
    assert missing == []


def test_the_readme_calls_what_a_training_run_has() -> None:
    said = {name for block in blocks("python") for name in re.findall(r"\brun\.(\w+)", block)}

    assert said
    assert said <= {*dir(TrainingRun), *TrainingRun.__annotations__}


def test_the_clusters_file_of_the_readme_is_valid() -> None:
    _, text = blocks("yaml")
    values = yaml.safe_load(text)
    presets = Presets(environment="prod", where="README", values=values.pop("presets"))
    budgets = Budgets.model_validate(values.pop("budgets"))
    assert budgets.of(team="growth", model="flight_delay") != ()
    config = config_from(values, environment="prod", image="ml:1", where="README")
    gpus = WorkerGroup(gpus=8, gpu="a100", cpus=8, memory="64Gi")
    assert mistakes("one", ClusterSpec(workers=gpus), config) == []
    for name in presets.values:
        assert mistakes("one", presets.with_fields(name, {}), config) == []
