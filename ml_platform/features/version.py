"""Names what a dbt project builds, by the content of its files."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

# What dbt itself writes into a project's folder. Packages count: they are built too.
_NOT_SOURCE: Final = {"target", "logs", ".user.yml", "__pycache__", ".git"}
_State = tuple[tuple[str, int, int], ...]

_known: dict[Path, tuple[_State, str]] = {}
"""By project: sizes and times of its files, and the hash of their content, read once."""


def project_version(project_dir: Path) -> str:
    """The hash of all files of a project and of dbt's version; content is read when it has changed.

    What has changed is told by size and time of each file, so a call costs a look at the folder.
    """
    files = sorted(_files(str(project_dir), "", [os.path.realpath(project_dir)]))
    state = tuple((name, size, changed) for name, _, size, changed in files)
    known = _known.get(project_dir)
    if known is not None and known[0] == state:
        return known[1]
    digest = hashlib.sha256(metadata.version("dbt-core").encode())
    for name, path, _, _ in files:
        digest.update(f"\0{name}\0".encode())
        digest.update(Path(path).read_bytes())
    version = digest.hexdigest()[:16]
    _known[project_dir] = (state, version)
    return version


def _files(folder: str, below: str, within: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
    """Each file with its path, its size and the time of its last change.

    `within` are the real paths of the folders that were entered by a link, and the project's: a
    local package is a link, and one to a folder that we are in leads round in a circle.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in _NOT_SOURCE:
                continue
            name = f"{below}{entry.name}"
            if entry.is_dir():
                if not entry.is_symlink():
                    yield from _files(entry.path, f"{name}/", within)
                    continue
                real = os.path.realpath(entry.path)
                if not any(f"{one}/".startswith(f"{real}/") for one in within):
                    yield from _files(entry.path, f"{name}/", [*within, real])
            elif entry.is_file():
                found = entry.stat()
                yield name, entry.path, found.st_size, found.st_mtime_ns
