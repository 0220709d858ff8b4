"""A folder as the archive in which Ray carries it to its nodes, named by its content."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ml_platform.clusters.jobs.folder import LIMIT_BYTES, too_big, travelling

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The first time that an archive can have: equal files make equal archives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A folder that can travel.

    Attributes:
        name: Of the archive; equal folders have equal names.
        content: The archive.
        files: How many files are in it.
    """

    name: str
    content: bytes = field(repr=False)
    files: int

    @property
    def uri(self) -> str:
        """How Ray calls it as a working directory."""
        return f"gcs://{self.name}"


def pack(folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> Package:
    """The files of a folder that travel, as an archive.

    Args:
        folder: Where.
        limit_bytes: How much may travel, before and after packing.

    Raises:
        InputError: they are too big; names the three biggest folders.
    """
    folder = folder.resolve()
    files = travelling(folder, limit_bytes=limit_bytes)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        for path in files:
            file = folder / path
            entry = zipfile.ZipInfo(path.as_posix(), date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (file.stat().st_mode & 0xFFFF) << 16  # may it be executed
            written.writestr(entry, file.read_bytes())
    content = archive.getvalue()
    if len(content) > limit_bytes:
        raise too_big(folder, files, limit_bytes)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Package(name=f"_ray_pkg_{digest}.zip", content=content, files=len(files))
