"""A version names the commit that it was trained from, and says when that is not all."""

import subprocess
from pathlib import Path

import pytest

from ml_platform.registry.git import commit_of


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout of one commit."""
    model = tmp_path / "ml_platform" / "defs" / "models" / "ltv"
    model.mkdir(parents=True)
    (model / "train.py").write_text("as committed")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    me = ("-c", "user.name=me", "-c", "user.email=me@here")
    subprocess.run(["git", *me, *arguments], cwd=folder, check=True)


def test_a_clean_checkout_is_named_by_its_commit(checkout: Path) -> None:
    assert len(commit_of(checkout)) == 40


def test_a_changed_file_is_said_beside_the_commit(checkout: Path) -> None:
    (checkout / "ml_platform/defs/models/ltv/train.py").write_text("changed")
    assert commit_of(checkout).endswith(" with uncommitted changes")


def test_a_new_model_that_git_does_not_know_is_said_beside_the_commit(checkout: Path) -> None:
    (checkout / "ml_platform/defs/models/churn").mkdir()
    (checkout / "ml_platform/defs/models/churn/train.py").touch()
    assert commit_of(checkout).endswith(" with uncommitted changes")


def test_what_trains_nothing_is_not_said(checkout: Path) -> None:
    (checkout / "notes.txt").touch()
    assert len(commit_of(checkout)) == 40


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
