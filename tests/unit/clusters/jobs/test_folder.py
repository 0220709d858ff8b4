"""Which files travel to a cluster, and what is said of a folder that is too big."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from ml_platform.clusters.jobs.folder import biggest_folders, folder_of, travelling
from ml_platform.clusters.jobs.package import pack
from ml_platform.errors import InputError


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def names(root: Path) -> list[str]:
    return [path.as_posix() for path in travelling(root)]


def test_all_of_a_folder_travels_but_git_and_compiled_python(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": "", "lib/a.py": "", ".git/HEAD": "", "lib/__pycache__/a.pyc": ""})
    assert names(tmp_path) == ["lib/a.py", "train.py"]


def test_what_the_ignore_files_name_stays(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "*.csv\n/data/\n",
            ".rayignore": "notes.md\n",
            "data/a.py": "",
            "lib/data/b.py": "",
            "lib/c.csv": "",
            "notes.md": "",
        },
    )
    assert names(tmp_path) == [".gitignore", ".rayignore", "lib/data/b.py"]


def test_a_deeper_ignore_file_has_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.csv\n", "small/.gitignore": "!a.csv\n", "small/a.csv": ""})
    assert "small/a.csv" in names(tmp_path)


def test_the_rules_of_the_repository_hold_in_a_folder_of_it(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", ".gitignore": "*.csv\n", "mine/a.csv": "", "mine/b.py": ""})
    assert names(tmp_path / "mine") == ["b.py"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ""})
    (tmp_path / "again").symlink_to(tmp_path)
    assert names(tmp_path) == ["a.py"]


def test_a_folder_that_is_too_big_is_refused_with_the_three_biggest_in_it(
    tmp_path: Path,
) -> None:
    sizes = {"data/raw/a": 900, "models/b": 500, "src/c": 100, "docs/d": 20}
    write(tmp_path, {name: "x" * size for name, size in sizes.items()})

    with pytest.raises(InputError, match=r"biggest in it: data/raw .*, models .*, src ") as no:
        pack(tmp_path, limit_bytes=1000)

    assert "docs" not in no.value.message
    assert ".rayignore" in no.value.hint


def test_the_biggest_folders_lie_beside_each_other() -> None:
    files = {"a/x/1": 60, "a/y/1": 40, "b/z/w/1": 50, "2": 10}
    found = biggest_folders({Path(name): size for name, size in files.items()})
    assert found == [("a", 100), ("b/z/w", 50), (".", 10)]


def test_equal_folders_make_equal_packages(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a.py": "1", "b/c.py": "2"})
    other = write(tmp_path / "other", {"b/c.py": "2", "a.py": "1"})
    os.utime(other / "a.py", (0, 0))
    assert pack(one).name == pack(other).name
    (other / "a.py").write_text("3")
    assert pack(one).name != pack(other).name


def test_what_can_be_executed_can_be_there_too(tmp_path: Path) -> None:
    write(tmp_path, {"go.sh": "#!/bin/sh\n"})
    (tmp_path / "go.sh").chmod(0o755)
    with zipfile.ZipFile(BytesIO(pack(tmp_path).content)) as archive:
        (entry,) = archive.infolist()
    assert (entry.external_attr >> 16) & 0o777 == 0o755


def test_the_current_folder_travels_if_the_script_is_in_it_else_the_scripts_own(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"here/jobs/train.py": "", "there/train.py": ""})
    here = tmp_path / "here"
    assert folder_of(here / "jobs/train.py", here) == here
    assert folder_of(tmp_path / "there/train.py", here) == tmp_path / "there"


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no script"):
        folder_of(tmp_path / "trian.py", tmp_path)
