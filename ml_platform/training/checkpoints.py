"""Checkpoints of a training: a folder each, complete by a manifest that is written last.

    attempts/<attempt>/checkpoints/<epoch>/<file>…, manifest.json

An attempt writes into its own folder alone and goes on from the newest complete checkpoint of all,
so that nothing of two attempts mixes, and what was half written when its writer died is never read.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from ml_platform.storage import Folder

ATTEMPTS_FOLDER: Final = "attempts"
CHECKPOINTS_FOLDER: Final = "checkpoints"
MANIFEST_FILE: Final = "manifest.json"
KEPT: Final = 2
CHUNK_BYTES: Final = 2**20


class FileEntry(BaseModel):
    """A file of a checkpoint."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int
    sha256: str


class CheckpointManifest(BaseModel):
    """What a complete checkpoint consists of; `finished` says that nothing is left to train."""

    model_config = ConfigDict(frozen=True)

    epoch: int
    finished: bool
    files: tuple[FileEntry, ...]
    written_at_s: float = 0.0


class CheckpointRef(BaseModel):
    """A complete checkpoint of a training, by attempt and name; written so long after 1970."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    name: str
    epoch: int
    finished: bool
    written_at_s: float = 0.0

    @property
    def path(self) -> str:
        """Its folder inside the training's."""
        return f"{attempt_path(self.attempt)}/{CHECKPOINTS_FOLDER}/{self.name}"


def attempt_path(number: int) -> str:
    """An attempt's folder inside the training's."""
    return f"{ATTEMPTS_FOLDER}/{number:04d}"


def write_checkpoint(
    training: Folder,
    *,
    attempt: int,
    epoch: int,
    finished: bool,
    source: Path,
    now: Callable[[], float] = time.time,
) -> CheckpointRef:
    """Make the files of `source` a checkpoint; only the newest two of the attempt are kept."""
    # A finished one may be of the same epoch as the last that was not.
    name = f"{epoch:06d}-finished" if finished else f"{epoch:06d}"
    written_at_s = now()
    ref = CheckpointRef(
        attempt=attempt, name=name, epoch=epoch, finished=finished, written_at_s=written_at_s
    )
    folder = training / ref.path
    entries = [_copy_in(path, folder) for path in sorted(source.iterdir())]
    manifest = CheckpointManifest(
        epoch=epoch, finished=finished, files=tuple(entries), written_at_s=written_at_s
    )
    folder.write(MANIFEST_FILE, manifest.model_dump_json(indent=1).encode())
    # What was just written stays, also behind others that cannot be read any more.
    others = [one for one in _of_attempt(training, attempt) if one.name != name]
    for old in others[KEPT - 1 :]:
        # Without its manifest it is none any more, whatever is left of it.
        (training / old.path).remove(MANIFEST_FILE)
        training.remove(old.path)
    return ref


def newest_checkpoint(training: Folder, *, by_hash: bool = False) -> CheckpointRef | None:
    """The complete checkpoint of all attempts that is furthest along.

    Args:
        training: The training's folder.
        by_hash: Whether to read its files and compare their hashes, not only to look at their
            sizes: for who goes on from it. A disk that lost its power may keep a file's length
            alone.
    """
    found = [
        ref
        for name in training.names(ATTEMPTS_FOLDER)
        if name.isdigit()
        for ref in _of_attempt(training, int(name))
    ]
    fits = _hashes_fit if by_hash else _sizes_fit
    newest_first = sorted(found, key=_progress, reverse=True)
    return next((ref for ref in newest_first if fits(training, ref)), None)


@contextmanager
def read_checkpoint(training: Folder, ref: CheckpointRef, scratch: Path) -> Iterator[Path]:
    """The files of a checkpoint in a local folder, each compared with its hash.

    Raises:
        ValueError: a file is not what the manifest says.
        FileNotFoundError: a file is gone.
    """
    source = training / ref.path
    target = scratch / f"{ref.attempt:04d}-{ref.name}"
    target.mkdir(parents=True, exist_ok=True)
    try:
        for entry in _manifest(source).files:
            with source.open(entry.name) as stream, (target / entry.name).open("wb") as file:
                digest = _copy(stream, file)
            if digest != entry.sha256:
                msg = f"{source.uri}/{entry.name} is not the file that its manifest names"
                raise ValueError(msg)
        yield target
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _progress(ref: CheckpointRef) -> tuple[bool, int, int]:
    return ref.finished, ref.epoch, ref.attempt


def _of_attempt(training: Folder, attempt: int) -> list[CheckpointRef]:
    """The complete checkpoints of an attempt, newest first."""
    folder = training / f"{attempt_path(attempt)}/{CHECKPOINTS_FOLDER}"
    found = []
    for name in folder.names():
        try:
            manifest = _manifest(folder / name)
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            continue  # half written, or half removed
        found.append(
            CheckpointRef(
                attempt=attempt,
                name=name,
                epoch=manifest.epoch,
                finished=manifest.finished,
                written_at_s=manifest.written_at_s,
            )
        )
    return sorted(found, key=_progress, reverse=True)


def _manifest(folder: Folder) -> CheckpointManifest:
    return CheckpointManifest.model_validate_json(folder.read(MANIFEST_FILE))


def _sizes_fit(training: Folder, ref: CheckpointRef) -> bool:
    folder = training / ref.path
    try:
        return all(folder.size(entry.name) == entry.size_bytes for entry in _manifest(folder).files)
    except FileNotFoundError:
        return False


def _hashes_fit(training: Folder, ref: CheckpointRef) -> bool:
    if not _sizes_fit(training, ref):
        return False
    folder = training / ref.path
    for entry in _manifest(folder).files:
        with folder.open(entry.name) as stream, Path(os.devnull).open("wb") as nowhere:
            if _copy(stream, nowhere) != entry.sha256:
                return False
    return True


def _copy_in(path: Path, folder: Folder) -> FileEntry:
    with path.open("rb") as source, folder.open_atomically(path.name) as target:
        digest = _copy(source, target)
    return FileEntry(name=path.name, size_bytes=path.stat().st_size, sha256=digest)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()
