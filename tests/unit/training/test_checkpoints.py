"""A checkpoint is complete or absent, and the newest of all attempts is the one to go on from."""

from pathlib import Path

import pytest

from ml_platform.storage import Folder
from ml_platform.training.checkpoints import (
    KEPT,
    MANIFEST_FILE,
    CheckpointManifest,
    CheckpointRef,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)


@pytest.fixture
def training(tmp_path: Path) -> Folder:
    return Folder((tmp_path / "training").as_uri())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "tensors").write_bytes(b"weights")
    (source / "progress").write_bytes(b"{}")
    return source


def write(
    training: Folder, source: Path, epoch: int, *, attempt: int = 1, finished: bool = False
) -> CheckpointRef:
    (source / "tensors").write_bytes(f"weights of {attempt} in {epoch}".encode())
    return write_checkpoint(
        training, attempt=attempt, epoch=epoch, finished=finished, source=source
    )


def content(training: Folder, ref: CheckpointRef, scratch: Path) -> dict[str, bytes]:
    with read_checkpoint(training, ref, scratch) as directory:
        return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_checkpoint_is_read_back_as_it_was_written(
    training: Folder, source: Path, tmp_path: Path
) -> None:
    ref = write(training, source, 3)
    assert (ref.attempt, ref.epoch, ref.finished) == (1, 3, False)
    assert newest_checkpoint(training) == ref
    assert content(training, ref, tmp_path) == {"tensors": b"weights of 1 in 3", "progress": b"{}"}


def test_a_manifest_names_size_and_hash_of_each_file(training: Folder, source: Path) -> None:
    ref = write(training, source, 3)
    text = (training / ref.path).read(MANIFEST_FILE)
    manifest = CheckpointManifest.model_validate_json(text)
    assert [(one.name, one.size_bytes) for one in manifest.files] == [
        ("progress", 2),
        ("tensors", 17),
    ]
    assert all(len(one.sha256) == 64 for one in manifest.files)


def test_what_was_read_leaves_nothing_behind(
    training: Folder, source: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    content(training, write(training, source, 3), scratch)
    assert list(scratch.iterdir()) == []


def test_a_training_without_checkpoints_has_none(training: Folder) -> None:
    assert newest_checkpoint(training) is None


def test_what_was_half_written_is_not_there(training: Folder, source: Path) -> None:
    whole = write(training, source, 3)
    half = write(training, source, 4)
    (training / half.path).remove(MANIFEST_FILE)
    assert newest_checkpoint(training) == whole


def test_the_manifest_comes_last(training: Folder, source: Path) -> None:
    """A source that breaks off leaves files and no manifest."""
    (source / "zz").symlink_to(source / "nowhere")
    with pytest.raises(FileNotFoundError):
        write(training, source, 3)
    (left,) = (training / "attempts/0001/checkpoints").names()
    assert (training / f"attempts/0001/checkpoints/{left}").names() == ["progress", "tensors"]
    assert newest_checkpoint(training) is None


@pytest.mark.parametrize("manifest", [b"", b"{", b'{"epoch": 1}'])
def test_a_manifest_that_cannot_be_read_makes_no_checkpoint(
    training: Folder, source: Path, manifest: bytes
) -> None:
    whole = write(training, source, 3)
    torn = write(training, source, 4)
    (training / torn.path).write(MANIFEST_FILE, manifest)
    assert newest_checkpoint(training) == whole


def test_a_file_that_is_shorter_or_gone_makes_no_checkpoint(training: Folder, source: Path) -> None:
    whole = write(training, source, 3)
    torn = training / write(training, source, 4).path
    torn.write("tensors", b"weig")
    assert newest_checkpoint(training) == whole
    torn.remove("tensors")
    assert newest_checkpoint(training) == whole


def test_a_file_of_another_content_is_not_handed_over(
    training: Folder, source: Path, tmp_path: Path
) -> None:
    ref = write(training, source, 3)
    (training / ref.path).write("tensors", b"weights of 9 in 9")  # of the same size
    with pytest.raises(ValueError, match="tensors is not the file that its manifest names"):
        content(training, ref, tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_who_goes_on_from_a_checkpoint_passes_over_one_of_another_content(
    training: Folder, source: Path
) -> None:
    whole = write(training, source, 3)
    torn = write(training, source, 4)
    assert newest_checkpoint(training, by_hash=True) == torn
    (training / torn.path).write("tensors", bytes(17))  # as a disk may that lost its power
    assert newest_checkpoint(training, by_hash=True) == whole


def test_the_newest_of_all_attempts_is_the_furthest_along(training: Folder, source: Path) -> None:
    furthest = write(training, source, 9, attempt=1)
    write(training, source, 4, attempt=2)
    assert (furthest.attempt, furthest.name, furthest.epoch) == (1, "000009", 9)
    assert newest_checkpoint(training) == furthest
    later = write(training, source, 9, attempt=3)
    assert newest_checkpoint(training) == later


def test_a_finished_one_is_further_along_than_any_other(training: Folder, source: Path) -> None:
    finished = write(training, source, 9, attempt=1, finished=True)
    write(training, source, 12, attempt=2)
    assert newest_checkpoint(training) == finished


def test_a_finished_one_may_be_of_the_same_epoch_as_the_last(
    training: Folder, source: Path
) -> None:
    last = write(training, source, 9)
    finished = write(training, source, 9, finished=True)
    assert last.path != finished.path
    assert newest_checkpoint(training) == finished


def test_only_the_newest_of_an_attempt_are_kept(training: Folder, source: Path) -> None:
    for epoch in range(5):
        write(training, source, epoch)
    names = (training / "attempts/0001/checkpoints").names()
    assert names == ["000003", "000004"]
    assert len(names) == KEPT


def test_an_attempt_never_prunes_what_another_has_left(training: Folder, source: Path) -> None:
    first = write(training, source, 1, attempt=1)
    for epoch in range(2, 7):
        write(training, source, epoch, attempt=2)
    assert (training / first.path).exists(MANIFEST_FILE)


def test_an_attempt_that_goes_on_from_an_earlier_epoch_keeps_what_it_writes(
    training: Folder, source: Path
) -> None:
    """What it wrote last may be less far along than what it wrote before it was cut back."""
    write(training, source, 8)
    write(training, source, 9)
    again = write(training, source, 5)
    assert (training / again.path).exists(MANIFEST_FILE)


def test_files_that_are_no_checkpoint_are_passed_over(training: Folder, source: Path) -> None:
    ref = write(training, source, 1)
    training.write("attempts/0001/checkpoints/notes.txt", b"x")
    training.write("attempts/notes/checkpoints/000009/manifest.json", b"{}")
    assert newest_checkpoint(training) == ref
