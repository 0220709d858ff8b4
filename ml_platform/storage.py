"""A folder in object storage or on disk, where a file is complete or absent, never half there."""

import contextlib
import errno
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar, cast

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from ml_platform.errors import StorageError
from ml_platform.storage_retry import StorageRetry
from ml_platform.storage_stream import AskedStream
from ml_platform.uris import file_uri, local_path

Answer = TypeVar("Answer")

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# A request without an answer is given up and made again; the largest carries 50 MB.
REQUEST_TIMEOUT_S: Final = 60
OPTIONS: Final[dict[str, dict[str, Any]]] = {"gs": {"requests_timeout": REQUEST_TIMEOUT_S}}


def locate(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that a URI names, with our time-outs, and the path on it."""
    path = local_path(uri)
    if path is not None:
        return LocalFileSystem(), str(path)
    filesystem, root = url_to_fs(uri, **OPTIONS.get(uri.partition("://")[0], {}))
    return filesystem, str(root)


class StorageAccess(Protocol):
    """Object storage as an asset is given it: the resource `storage`."""

    @property
    def root(self) -> str:
        """URI of this namespace's folder, without a slash at the end."""


class Folder:
    """A folder by URI (`file://…`, `gs://…`); relative paths inside it use slashes.

    Args:
        uri: The folder; it need not exist yet.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        filesystem, root = locate(self.uri)
        self.filesystem: fsspec.AbstractFileSystem = filesystem
        self.root: str = root.rstrip("/")

    def __truediv__(self, name: str) -> "Folder":
        here = local_path(self.uri)
        return Folder(f"{self.uri}/{name}" if here is None else file_uri(here / name))

    def path(self, name: str) -> str:
        """Path of a file inside, as the file system wants it."""
        return f"{self.root}/{name}" if name else self.root

    def exists(self, name: str = "") -> bool:
        """Whether the file or folder is there."""
        self._look_again(name)
        try:
            # Not fsspec's `exists`, for which a store that does not answer has no such file.
            self.ask("look for", name, lambda: self.filesystem.info(self.path(name)))
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The file's content.

        Raises:
            FileNotFoundError: it is not there.
        """
        content: bytes = self.ask("read", name, lambda: self.filesystem.cat_file(self.path(name)))
        return content

    def open(self, name: str) -> IO[bytes]:
        """The file as a stream, each read of which is waited for as `ask` does.

        Raises:
            FileNotFoundError: it is not there.
        """
        path = self.path(name)
        stream: IO[bytes] = self.ask("open", name, lambda: self.filesystem.open(path, "rb"))
        if isinstance(self.filesystem, LocalFileSystem):
            return stream
        return cast("IO[bytes]", AskedStream(stream, partial(self.ask, "read", name)))

    def size(self, name: str) -> int:
        """The file's length in bytes.

        Raises:
            FileNotFoundError: it is not there.
        """
        self._look_again(name)
        return int(self.ask("look at", name, lambda: self.filesystem.size(self.path(name))))

    def read_json(self, name: str) -> Any:
        """The file's content, parsed."""
        return json.loads(self.read(name))

    def write(self, name: str, content: bytes) -> None:
        """Replace the file in one step: readers see the old content or the new, nothing between."""
        with self.open_atomically(name) as stream:
            stream.write(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write the file unless it is there; of many who try at once, one is told yes.

        On a file system by a link, in object storage on the condition that there is no generation
        of it. A file with this very content counts as ours: the answer to the first try may have
        been lost. So who has to be the only one puts something of their own into the content. A
        file that somebody has removed since we were told of it was not ours.
        """
        if isinstance(self.filesystem, LocalFileSystem):
            created = _link_new(Path(self.path(name)), content)
        else:
            path = self.path(name)
            try:
                self.ask(
                    "create",
                    name,
                    lambda: self.filesystem.pipe_file(path, content, mode="create"),
                )
                created = True
            except FileExistsError:
                created = False
        if created:
            return True
        try:
            return self.read(name) == content
        except FileNotFoundError:
            return False

    def write_json(self, name: str, content: Any) -> None:
        """Replace the file by `content` as JSON, in one step."""
        self.write(name, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

    @contextlib.contextmanager
    def open_atomically(self, name: str) -> Iterator[IO[bytes]]:
        """A stream that becomes the file when the block ends well, and nothing when it does not."""
        target = self.path(name)
        local = isinstance(self.filesystem, LocalFileSystem)
        # An object in a bucket appears when its upload has ended; a local file when it is renamed.
        folder = Path(target).parent if local else Path(tempfile.gettempdir())
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{Path(target).name}.{uuid.uuid4().hex}.partial"
        try:
            with _full_is_named(temporary):
                with temporary.open("wb") as stream:
                    yield stream
                if local:
                    temporary.replace(target)
            if not local:
                self.ask("write", name, lambda: self.filesystem.put_file(str(temporary), target))
        finally:
            temporary.unlink(missing_ok=True)

    def names(self, name: str = "") -> list[str]:
        """Names of what is directly inside, sorted; empty when there is no such folder."""
        self._look_again(name)
        try:
            path = self.path(name)
            found = self.ask("list", name, lambda: self.filesystem.ls(path, detail=False))
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)

    def remove(self, name: str = "") -> None:
        """Remove a file or a folder with all inside; nothing happens when it is absent."""
        with contextlib.suppress(FileNotFoundError):
            path = self.path(name)
            self.ask("remove", name, lambda: self.filesystem.rm(path, recursive=True))

    def download(self, target: Path) -> Path:
        """Copy all files below this folder to the local folder `target`.

        Raises:
            FileNotFoundError: there is none.
        """
        self._look_again("")
        found = self.ask("list", "", lambda: self.filesystem.find(self.root))
        if not found:
            raise FileNotFoundError(f"there is nothing in {self.uri}")
        target.mkdir(parents=True, exist_ok=True)
        for path in found:
            name = str(path)[len(self.root) :].lstrip("/")
            local = target / name
            local.parent.mkdir(parents=True, exist_ok=True)
            self.ask("read", name, partial(self.filesystem.get_file, path, str(local)))
        return target

    def ask(self, verb: str, name: str, question: Callable[[], Answer]) -> Answer:
        """The storage's answer, waited for where it is a store that may be away.

        Raises:
            StorageError: it stayed away; names the file.
        """
        if isinstance(self.filesystem, LocalFileSystem):
            return question()
        return StorageRetry().ask(f"{verb} {self.uri}/{name}", question)

    def _look_again(self, name: str) -> None:
        # Others write here too; what was listed before is not what is there.
        self.filesystem.invalidate_cache(self.path(name))


@contextlib.contextmanager
def _full_is_named(path: Path) -> Iterator[None]:
    """Say which disk is full, and what to do: the system's own error names neither."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise StorageError(
            f"could not write {path.name} into {path.parent}: {error.strerror}",
            hint=f"make room on the disk of {path.parent} (`df -h {path.parent}`), or set MLP_HOME "
            "or MLP_STORAGE_URI to another; then run it again: what is there is kept.",
        ) from error


def _link_new(target: Path, content: bytes) -> bool:
    """Make the file whole, then give it its name unless that is taken."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}.partial"
    try:
        with _full_is_named(temporary):
            temporary.write_bytes(content)
        os.link(temporary, target)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
