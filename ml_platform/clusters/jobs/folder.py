"""Which files of a folder travel to a cluster, and which of its folders are too big to.

What `.gitignore` and `.rayignore` leave out stays here, as Ray's own client does it; so do Git's
own files and compiled Python.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_platform.errors import InputError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

LIMIT_BYTES: Final = 100 * 2**20
"""Ray's dashboard takes no larger request (2.60)."""
NEVER: Final = frozenset({".git", "__pycache__"})
IGNORE_FILES: Final = (".gitignore", ".rayignore")
Rules = tuple[tuple[Path, "GitIgnoreSpec"], ...]


def folder_of(script: Path, here: Path) -> Path:
    """The folder that travels with a script: the current one if it is in it, else its own.

    Raises:
        InputError: there is no such script.
    """
    if not script.is_file():
        raise InputError(f"there is no script {script}", hint="name a file of Python.")
    script, here = script.resolve(), here.resolve()
    return here if here in script.parents else script.parent


def travelling(folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> dict[Path, int]:
    """The files that travel, relative to `folder`, with their sizes in bytes; sorted.

    Args:
        folder: Where.
        limit_bytes: How much may travel.

    Raises:
        InputError: they are too big together; names the three biggest folders.
    """
    files = {
        path.relative_to(folder): path.stat().st_size
        for path in _walk(folder, _rules_above(folder))
    }
    if sum(files.values()) > limit_bytes:
        raise too_big(folder, files, limit_bytes)
    return files


def too_big(folder: Path, files: dict[Path, int], limit_bytes: int) -> InputError:
    """What is said of files that cannot travel."""
    biggest = ", ".join(f"{name} ({_mib(size)})" for name, size in biggest_folders(files))
    return InputError(
        f"the folder {folder} has {_mib(sum(files.values()))} to send, the limit is "
        f"{_mib(limit_bytes)}; the biggest in it: {biggest}",
        hint="name them in .gitignore or .rayignore, or send another folder by --folder; data "
        "belongs into the storage.",
    )


def biggest_folders(files: dict[Path, int], count: int = 3) -> list[tuple[str, int]]:
    """The folders with the most bytes, the most first, none inside of another.

    Of what lies in one folder of the top, the deepest one that has all of it is named.
    """
    tops: dict[str, list[Path]] = {}
    for path in files:
        tops.setdefault(path.parts[0] if len(path.parts) > 1 else ".", []).append(path)
    found = [(_common(inside), sum(files[path] for path in inside)) for inside in tops.values()]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:count]


def _common(paths: list[Path]) -> str:
    return Path(os.path.commonpath([path.parent for path in paths])).as_posix()


def _walk(folder: Path, rules: Rules) -> Iterator[Path]:
    rules = (*rules, *_rules_in(folder))
    for path in sorted(folder.iterdir()):
        # A link to a folder may lead anywhere, also back here.
        is_folder = path.is_dir() and not path.is_symlink()
        if path.name in NEVER or _is_ignored(path, rules, is_folder=is_folder):
            continue
        if is_folder:
            yield from _walk(path, rules)
        elif path.is_file():
            yield path


def _is_ignored(path: Path, rules: Rules, *, is_folder: bool) -> bool:
    for where, spec in reversed(rules):
        text = path.relative_to(where).as_posix() + ("/" if is_folder else "")
        decided = spec.check_file(text).include
        if decided is not None:
            return decided
    return False


def _rules_above(folder: Path) -> Rules:
    """Those of the repository that the folder is a part of."""
    above = [folder, *folder.parents]
    root = next((one for one in above if (one / ".git").exists()), None)
    if root is None:
        return ()
    parents = above[1 : above.index(root) + 1]
    return tuple(rule for one in reversed(parents) for rule in _rules_in(one))


def _rules_in(folder: Path) -> Rules:
    from pathspec import GitIgnoreSpec

    files = [folder / name for name in IGNORE_FILES]
    return tuple(
        (folder, GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines()))
        for file in files
        if file.is_file()
    )


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
