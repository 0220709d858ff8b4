"""From a path to its URI and back: the one place that knows how odd characters are written.

A URI of a local file is percent-encoded, as its standard (RFC 8089) and MLflow have it, though
fsspec would take `ho%20me` for a folder of that name. What has another scheme (`gs://`) is left to
its library.
"""

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

_FILE: Final = "file:"
_LOCALHOST: Final = "localhost"
_SQLITE: Final = "sqlite:///"


def file_uri(path: Path) -> str:
    """The URI of an absolute path, without a slash at the end."""
    return path.as_uri()


def local_path(uri: str) -> Path | None:
    """The path that a `file:` URI names; None for any other URI.

    One that a person typed may be only half encoded: `#` and `?` are part of its path, and so is a
    percent sign that begins no code.
    """
    if not uri.startswith(_FILE):
        return None
    rest = uri.removeprefix(_FILE)
    if rest.startswith("//"):
        rest = rest[2:].removeprefix(_LOCALHOST)
    return Path(os.fsdecode(unquote_to_bytes(rest)))


def sqlite_uri(file: Path) -> str:
    """The address of an sqlite file, as SQLAlchemy reads it; an absolute path.

    Encoded as little as it may be: MLflow makes the folder of that name, as it stands.
    """
    return _SQLITE + str(file).replace("%", "%25").replace("?", "%3F")


def sqlite_file(uri: str) -> Path | None:
    """The file that such an address names; None for any other database or a server."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix(_SQLITE).partition("?")[0])))
