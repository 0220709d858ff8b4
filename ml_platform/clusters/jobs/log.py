"""A Ray job's log as whole lines, each delivered once, however often the stream breaks.

Ray gives the log in chunks that may end within a line, and a new stream begins at the log's start
again. `LogLines` remembers how many characters it has seen and skips them.
"""

import re
from typing import Final

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ORIGIN: Final = re.compile(r"^\(.+? pid=\d+(?:, ip=[^)]*)?\) ?")


def plain_line(line: str) -> str:
    """`line` without Ray's colours and without its `(RayTrainWorker pid=…)` prefix."""
    return _ORIGIN.sub("", _COLOUR.sub("", line), count=1)


class LogLines:
    """Turns chunks of a log into lines; survives being given the log from the start again."""

    def __init__(self) -> None:
        self._seen = 0
        self._skip = 0
        self._partial = ""

    @property
    def position(self) -> int:
        """How many characters of the log have been taken in."""
        return self._seen

    def restart(self) -> None:
        """The next chunk is the log's beginning again."""
        self._skip = self._seen

    def feed(self, chunk: str) -> list[str]:
        """The lines that `chunk` completes, without their line ends."""
        new = chunk[self._skip :]
        self._skip -= len(chunk) - len(new)
        self._seen += len(new)
        *lines, self._partial = (self._partial + new).split("\n")
        return lines

    def finish(self) -> list[str]:
        """The last line if the log did not end in a line end."""
        rest, self._partial = self._partial, ""
        return [rest] if rest else []
