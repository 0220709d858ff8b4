"""The command line as a person meets it: help, exit codes, errors in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MLP = Path(sys.executable).parent / "mlp"


def mlp(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MLP_HOME": str(home), "COLUMNS": "120", **variables}
    environment.pop("DAGSTER_HOME", None)
    return subprocess.run(
        [MLP, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_that_nothing_was_there_to_be_stopped_is_told_as_json_too(tmp_path: Path) -> None:
    done = mlp(tmp_path, "cluster", "stop", "--all", "--json")
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("model", "check"),
        ("backfill",),
        ("demo",),
        ("features", "refresh"),
        ("pool", "init"),
        ("cluster", "up"),
        ("cluster", "run"),
        ("cluster", "connect"),
        ("xray", "ls"),
        ("xray", "why"),
    ],
)
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = mlp(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert "mlp" in done.stdout


def test_help_is_quick_as_it_imports_no_dagster(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from ml_platform.cli.main import main\n"
        "sys.argv = ['mlp', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'dagster', 'ray', 'torch', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_wrong_input_ends_with_two_and_the_next_step(tmp_path: Path) -> None:
    done = mlp(tmp_path, "model", "check", "flight_dely")
    assert done.returncode == 2
    assert "there is no model 'flight_dely'; there is flight_delay" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    done = mlp(tmp_path, "model", "list", MLP_PARTITIONS_START="yesterday")
    assert done.returncode == 2
    assert "MLP_PARTITIONS_START='yesterday' is not usable" in done.stderr


def test_a_fresh_machine_is_told_what_there_is(tmp_path: Path) -> None:
    done = mlp(tmp_path, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_the_list_of_models_can_be_read_by_a_program(tmp_path: Path) -> None:
    done = mlp(tmp_path, "model", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert [one["model"] for one in json.loads(done.stdout)] == ["flight_delay"]
