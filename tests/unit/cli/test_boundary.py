"""Whatever is raised ends in a short message, a next step and an exit code."""

import errno
import os

import pytest

from ml_platform.cli.boundary import FAILED, WRONG_INPUT, guarded
from ml_platform.errors import ClusterStartError, FeatureBuildError, ModelSpecError


def raising(error: Exception, cause: Exception | None = None) -> int:
    def action() -> int:
        raise error from cause

    return guarded(action)


def test_an_error_of_the_platform_that_a_library_wrapped_is_shown_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cause = FeatureBuildError("dbt cannot parse it", hint="mend the file that dbt names.")
    assert raising(RuntimeError("in the component tree"), cause) == FAILED
    said = capsys.readouterr().err
    assert "dbt cannot parse it" in said
    assert "mend the file" in said
    assert "defect" not in said


def test_the_users_words_keep_their_exit_code_when_wrapped() -> None:
    assert raising(RuntimeError("wrapped"), ModelSpecError("a typo")) == WRONG_INPUT


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_cannot_be_written_is_named_with_its_path_and_a_cure(
    capsys: pytest.CaptureFixture[str], number: int
) -> None:
    assert raising(OSError(number, os.strerror(number), "/data/home/x")) == FAILED
    said = capsys.readouterr().err
    assert f"/data/home/x: {os.strerror(number)}" in said
    assert "MLP_HOME" in said
    assert "defect" not in said


def test_a_cluster_that_does_not_start_says_its_containers_last_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = tuple(f"line {number}" for number in range(30))
    error = ClusterStartError("the cluster a: it crashes", logs={"a-head.ray-head": lines})
    assert raising(error) == FAILED
    said = capsys.readouterr().err
    assert "the last of a-head.ray-head:\nline 10\n" in said
    assert "line 9\n" not in said


def test_anything_else_is_a_defect_with_its_traceback_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert raising(KeyError("oops")) == FAILED
    assert "defect of the platform; the traceback is in" in capsys.readouterr().err.replace(
        "\n", " "
    )
