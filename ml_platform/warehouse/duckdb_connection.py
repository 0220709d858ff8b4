"""Connections to a DuckDB file that other processes use too.

DuckDB lets one process write or many read. So a file is opened for reading until something has to
be written, and whoever finds it taken waits, with growing pauses, up to a limit.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_platform.errors import WarehouseError

if TYPE_CHECKING:
    import duckdb

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
# Two ways in which DuckDB says "taken": by another process, or by this one in the other mode.
_TAKEN: Final = re.compile(r"Could not set lock|different configuration")
_HOLDER: Final = re.compile(r"held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")


class DuckDBConnections:
    """The connection to one file, made when it is first needed.

    Args:
        path: The file; it is made, with its folder, when something is first written.
        timeout_s: How long to wait for a file that another process holds.
        sleep: Waits.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout_s: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._clock = clock
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._writable = False

    @property
    def writable(self) -> bool:
        """Whether the file is open for writing, so that nobody else has it open at all."""
        return self._writable

    def for_reading(self) -> "duckdb.DuckDBPyConnection":
        """A connection that can at least read.

        Raises:
            WarehouseError: there is no such file, or another process keeps holding it.
        """
        if self._connection is None:
            if not self._path.exists():
                raise WarehouseError(
                    f"there is no warehouse at {self._path} yet",
                    hint="materialize the raw tables first: they make it.",
                )
            self._connection = self._connect(read_only=True)
            self._writable = False
        return self._connection

    def for_writing(self) -> "duckdb.DuckDBPyConnection":
        """A connection that can write; snapshots that were pinned on another one are gone.

        Raises:
            WarehouseError: another process keeps holding the file.
        """
        if self._connection is not None and not self._writable:
            self.close()
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect(read_only=False)
            self._writable = True
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, *, read_only: bool) -> "duckdb.DuckDBPyConnection":
        import duckdb

        give_up_at = self._clock() + self._timeout_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                connection = duckdb.connect(str(self._path), read_only=read_only)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not _TAKEN.search(str(error)):
                    raise _unusable(self._path, error) from error
                if self._clock() >= give_up_at:
                    raise _taken(self._path, self._timeout_s, str(error)) from error
            else:
                connection.execute("SET TimeZone = 'UTC'")
                return connection
            # A random part keeps processes that wait for each other from meeting again.
            self._sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """Turn DuckDB's errors into the platform's; its own message is kept.

    Args:
        what: What was to be done, as the end of "could not …".
    """
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError) as error:  # what a stream meets comes through Arrow as OSError
        raise WarehouseError(f"could not {what}: {error}", hint=_hint(error)) from error


@contextmanager
def transaction(connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
    """All that happens inside, or nothing."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _hint(error: Exception) -> str:
    import duckdb

    if isinstance(error, duckdb.CatalogException):
        return "materialize the table first, or correct its name."
    if isinstance(error, duckdb.BinderException | duckdb.ParserException):
        return "correct the statement."
    return "DuckDB's own message above says what is wrong."


def _unusable(path: Path, error: Exception) -> WarehouseError:
    return WarehouseError(
        f"could not open {path}: {error}",
        hint="look at the file; if it is no DuckDB file, set MLP_DUCKDB_PATH to another.",
    )


def _taken(path: Path, waited_s: float, message: str) -> WarehouseError:
    found = _HOLDER.search(message)
    if found is None:
        holder, step = "this process holds it in another mode", "close the other warehouse first."
    else:
        pid = int(found["pid"])
        holder = f"process {pid} holds it ({_command(pid) or found['program']})"
        step = f"wait for process {pid} or stop it; run fewer steps at once (pool `warehouse`)."
    return WarehouseError(f"could not open {path} within {waited_s:g} s: {holder}", hint=step)


def _command(pid: int) -> str:
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())[:200]
    except psutil.Error:
        return ""
