"""A file in object storage as a stream, each of whose reads is asked again if nobody answers."""

import io
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Ask = Callable[[Callable[[], bytes]], bytes]
"""The answer to a question, which is waited for."""


class AskedStream(io.RawIOBase):
    """Reads `stream`, which need not be where it was after a read that failed.

    Args:
        stream: A seekable stream; it is closed with this one.
        ask: Asks for bytes until they are there.
    """

    def __init__(self, stream: IO[bytes], ask: Ask) -> None:
        self._stream = stream
        self._ask = ask
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position in bytes from the beginning."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position; see `io.IOBase.seek`."""
        # fsspec's file goes its own way after a read that failed.
        self._stream.seek(self._position)
        self._position = self._stream.seek(offset, whence)
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """How many bytes were read; none at the end."""
        view = memoryview(buffer).cast("B")
        content = self._next(len(view))
        view[: len(content)] = content
        return len(content)

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, or all that are left: in one piece, as whoever asks expects."""
        return self._next(-1 if size is None else size)

    def readall(self) -> bytes:
        """All that are left."""
        return self._next(-1)

    def close(self) -> None:
        """Close the stream too."""
        if not self.closed:
            self._stream.close()
        super().close()

    def _next(self, size: int) -> bytes:
        def question() -> bytes:
            self._stream.seek(self._position)
            return self._stream.read(size)

        content = self._ask(question)
        self._position += len(content)
        return content
