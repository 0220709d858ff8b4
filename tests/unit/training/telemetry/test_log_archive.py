"""The log of a driver is in storage while it is written."""

import time
from pathlib import Path

import pytest

from ml_platform.storage import Folder
from ml_platform.training.telemetry.log_archive import (
    LOG_FOLDER,
    MOST_BYTES,
    LogArchive,
    archived,
    own_log,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder((tmp_path / "attempt").as_uri())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "driver.log"
    path.write_bytes(b"")
    return path


def add(log: Path, content: bytes) -> None:
    with log.open("ab") as file:
        file.write(content)


def wait_for(folder: Folder, content: bytes) -> None:
    deadline = time.monotonic() + 10
    while archived(folder) != content:
        assert time.monotonic() < deadline, archived(folder)
        time.sleep(0.01)


def test_lines_are_kept_while_they_are_written(folder: Folder, log: Path) -> None:
    with LogArchive(folder, log, every_s=0.01):
        add(log, b"epoch 0\n")
        wait_for(folder, b"epoch 0\n")
        add(log, b"epoch 1\nepo")
        wait_for(folder, b"epoch 0\nepoch 1\n")
        add(log, b"ch 2")
    assert archived(folder) == b"epoch 0\nepoch 1\nepoch 2"


def test_a_long_log_is_kept_whole_in_segments(folder: Folder, log: Path) -> None:
    content = b"".join(b"line %07d\n" % number for number in range(MOST_BYTES // 5))
    add(log, content)
    with LogArchive(folder, log):
        pass
    assert archived(folder) == content
    assert all(folder.size(f"{LOG_FOLDER}/{name}") <= MOST_BYTES for name in folder.names("log"))


def test_a_file_that_is_gone_fails_nothing(
    folder: Folder, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LogArchive(folder, log, every_s=0.01):
        add(log, b"epoch 0\n")
        wait_for(folder, b"epoch 0\n")
        log.unlink()
    assert archived(folder) == b"epoch 0\n"
    assert "cannot be archived" in capsys.readouterr().err


def test_where_the_output_is_no_file_nothing_is_kept(folder: Folder) -> None:
    with LogArchive(folder, None):
        pass
    assert archived(folder) == b""


def test_a_process_finds_the_file_that_it_writes_to(tmp_path: Path) -> None:
    import subprocess
    import sys

    out = tmp_path / "out.log"
    program = "from ml_platform.training.telemetry.log_archive import own_log; print(own_log())"
    with out.open("wb") as file:
        subprocess.run([sys.executable, "-c", program], stdout=file, check=True)
    assert out.read_text().strip() == str(out)
    found = own_log()
    assert found is None or found.is_file()
