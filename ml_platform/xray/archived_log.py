"""The archived log of an attempt: its end, what has come since, and what is looked for in it.

It lies in segments that are named by their first byte, so a part of it is read without the rest,
and a place in it is a number that stays.
"""

import json
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD

from ml_platform.errors import StorageError
from ml_platform.storage import Folder
from ml_platform.training.telemetry.log_archive import LOG_FOLDER
from ml_platform.xray.parallel import THREADS, Deadline, ask_all

LOOKED_BACK: Final = 200
"""Segments that are read for the end of a log; one may be a single line."""
READ_AT_ONCE: Final = 16 << 20
"""Bytes, so that memory stays flat whatever is searched."""
_COLOURS: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_WORDS: Final = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """A line of a log.

    Attributes:
        byte: Where it begins in the log.
        text: The line, without what colours a terminal; of a message to Dagster what it says.
    """

    byte: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPart:
    """Some lines of a log.

    Attributes:
        lines: Oldest first.
        next_byte: Where the log goes on that was not looked at; None where nothing is left of it.
        end_byte: The end of what was archived when this was read; what comes later begins there.
    """

    lines: tuple[LogLine, ...]
    next_byte: int | None
    end_byte: int


class ArchivedLog:
    """The log in an attempt's folder, as it is when this is made.

    Everything that reads raises `StorageError` when the storage does not answer.

    Args:
        attempt: The attempt's folder.
        deadline: Until when it is read; what is not by then is left over.
    """

    def __init__(self, attempt: Folder, deadline: Deadline) -> None:
        self._folder = attempt / LOG_FOLDER
        self._deadline = deadline
        names = [one.removesuffix(".log") for one in attempt.names(LOG_FOLDER)]
        self._begins = sorted(int(one) for one in names if one.isdigit())

    def __bool__(self) -> bool:
        return bool(self._begins)

    def last(self, most: int) -> LogPart:
        """Its last lines."""
        lines: list[LogLine] = []
        pieces: list[tuple[int, bytes]] = []
        left = self._begins[max(0, len(self._begins) - LOOKED_BACK) :]
        # Most of the time the end is in a few segments, and a few are quick.
        while left and len(lines) <= most:
            batch, left = left[-THREADS:], left[:-THREADS]
            earlier = list(self._read(batch))
            if len(earlier) < len(batch):
                break
            pieces = [*earlier, *pieces]
            lines = list(_lines(pieces[0][0], b"".join(content for _, content in pieces)))
        end = pieces[-1][0] + len(pieces[-1][1]) if pieces else 0
        return LogPart(lines=tuple(lines[-most:]), next_byte=None, end_byte=end)

    def since(self, byte: int, most: int) -> LogPart:
        """Its lines from a place on."""
        return self._part(byte, most, wanted="")

    def search(
        self, wanted: str, most: int, *, since: int = 0, enough_after: Deadline | None = None
    ) -> LogPart:
        """Its lines that have a text, whatever the case of its letters, from a place on.

        Args:
            wanted: The text.
            most: So many lines at most.
            since: From where.
            enough_after: When it is over, what was found is enough; the first is looked for until
                the log's own deadline.
        """
        return self._part(since, most, wanted=wanted.lower(), enough_after=enough_after)

    def _part(
        self, since: int, most: int, *, wanted: str, enough_after: Deadline | None = None
    ) -> LogPart:
        begins = self._begins[max(0, bisect_right(self._begins, since) - 1) :]
        found: list[LogLine] = []
        at, is_end = since, not begins
        for byte, block, is_end in self._blocks(begins):  # noqa: B007
            at = byte + len(block)
            for line in _having(wanted, byte, block):
                if line.byte < since:
                    continue
                if len(found) == most:
                    return LogPart(lines=tuple(found), next_byte=line.byte, end_byte=at)
                found.append(line)
            if found and enough_after is not None and not enough_after.left_s():
                break
        left = None if is_end else at
        return LogPart(lines=tuple(found), next_byte=left, end_byte=max(at, since))

    def _blocks(self, begins: Sequence[int]) -> Iterator[tuple[int, bytes, bool]]:
        """Whole lines, about a segment at once: where they begin, and whether these are the last.

        A line may go on in the next segment; without one it ends here.
        """
        rest_at, rest = 0, b""
        for number, (begin, content) in enumerate(self._read_on(begins), 1):
            is_end = number == len(begins)
            cut = len(content) if is_end else content.rfind(b"\n") + 1
            if rest and not cut and not is_end:
                rest += content
                continue
            first = (content.find(b"\n", 0, cut) + 1 or cut) if rest else 0
            if rest:
                yield rest_at, rest + content[:first], is_end and first == cut
            if first < cut or not content:
                yield begin + first, content[first:cut], is_end
            rest_at, rest = begin + cut, content[cut:]

    def _read_on(self, begins: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Segments in their order for as long as there is time, some read beside each other."""
        sizes = [after - before for before, after in pairwise(begins)] + [0]
        batch: list[int] = []
        bytes_in_it = 0
        for begin, size in zip(begins, sizes, strict=True):
            batch.append(begin)
            bytes_in_it += size
            if len(batch) == THREADS or bytes_in_it >= READ_AT_ONCE or begin == begins[-1]:
                read = list(self._read(batch))
                yield from read
                if len(read) < len(batch):
                    return
                batch, bytes_in_it = [], 0

    def _read(self, begins: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The segments in their order, up to the first for which there was no time."""
        read: dict[int, bytes] = {}
        for begin, content in ask_all(self._segment, begins, self._deadline):
            if isinstance(content, StorageError):
                raise content
            if isinstance(content, bytes):
                read[begin] = content
        for begin in begins:
            if begin not in read:
                return
            yield begin, read[begin]

    def _segment(self, begin: int) -> bytes:
        return self._folder.read(f"{begin:015d}.log")


def _having(wanted: str, byte: int, block: bytes) -> Iterator[LogLine]:
    """The lines of a block that have a text, in small letters; all, if it is empty."""
    for begin, end in _worth_reading(wanted, block):
        for line in _lines(byte + begin, block[begin:end]):
            if wanted in line.text.lower():
                yield line


def _worth_reading(wanted: str, block: bytes) -> Iterator[tuple[int, int]]:
    """Where lines are that may have a text: to read each line takes thirty times as long.

    They have its words. A colour may begin or end between two words, and in no word; nor does the
    JSON of a message change one.
    """
    words = [one.encode() for one in _WORDS.findall(wanted)] if wanted.isascii() else []
    if not words:
        yield 0, len(block)
        return
    words.sort(key=len, reverse=True)
    if any(_first(word, block) < 0 for word in words):
        return
    small = block.lower()
    rarest = min(words, key=small.count) if len(words) > 1 else words[0]
    at = small.find(rarest)
    while at >= 0:
        begin = small.rfind(b"\n", 0, at) + 1
        end = small.find(b"\n", at) + 1 or len(small)
        if all(small.find(word, begin, end) >= 0 for word in words):
            yield begin, end
        at = small.find(rarest, end)


def _first(word: bytes, block: bytes) -> int:
    """Where an ASCII word is in a block, whatever the case of its letters; -1 if it is not there.

    Arrow's search takes half of the CPU of small letters and `find`, and other threads run beside.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    offsets = pa.py_buffer(struct.pack("qq", 0, len(block)))
    one = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(block)])
    found: int = pc.find_substring(one, pattern=word, ignore_case=True)[0].as_py()
    return found


def _lines(byte: int, content: bytes) -> Iterator[LogLine]:
    """The lines of what begins at a byte of the log."""
    for line in content.splitlines(keepends=True):
        text = _COLOURS.sub(b"", line).decode(errors="replace").rstrip("\r\n")
        told = _told(text) if PIPES_PROTOCOL_VERSION_FIELD in text else text
        if told is not None:
            yield LogLine(byte=byte, text=told)
        byte += len(line)


def _told(text: str) -> str | None:
    """What a message of Dagster Pipes says to a person; None if it is for Dagster alone."""
    before, brace, rest = text.partition("{")
    try:
        message = json.loads(brace + rest)
        if message["method"] != "log":
            return None
        return before + str(message["params"]["message"])
    except (ValueError, KeyError, TypeError):
        return text
