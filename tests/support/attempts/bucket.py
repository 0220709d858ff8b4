"""Kills who writes into a bucket, and says what should not have been written."""

import os
import signal
from collections.abc import Callable, Collection
from typing import Protocol

from tests.support.attempts.audit import broken_by_claim
from tests.support.attempts.head import TrainingHead
from tests.support.attempts.world import JOIN_S, World


class Store(Protocol):
    """Object storage that tells of each request.

    Attributes:
        before: Called before a request is carried out, with method and object's name; may close the
            connection by raising `ConnectionError`.
        after: Called when it has been carried out and was not answered yet; as `before`.
    """

    before: Callable[[str, str], None]
    after: Callable[[str, str], None]

    def names(self) -> Collection[str]:
        """Its objects."""


def lose_first_answer_to_a_claim(store: Store) -> list[str]:
    """The first claim is written, and its writer not told so; returns which, once it is."""
    lost: list[str] = []

    def lose(method: str, name: str) -> None:
        if name.endswith("/claim.json") and method == "POST" and not lost:
            lost.append(name)
            raise ConnectionError

    store.after = lose
    return lost


class BucketWatch:
    """Kills a process before the object of a chosen number is written or removed.

    Args:
        store: Where it writes.
        head: Whose drivers write there too; while one does, nobody is killed.

    Attributes:
        victim: The process.
        broken: Claims that should not have been written.
    """

    def __init__(self, store: Store, head: TrainingHead) -> None:
        self.victim = self._kills_at = self._changes = 0
        self.broken: list[str] = []
        self._store = store
        self._head = head
        store.before = self._look

    def before_object(self, world: World, act: int) -> int:
        """Send the first comer, killed before the object of this number; returns its exit code."""
        gate = world.home / "gate"
        process = world.send(starts_when=gate)
        assert process.pid is not None
        self._changes, self._kills_at, self.victim = 0, act, process.pid
        gate.touch()
        process.join(JOIN_S)
        self.victim = 0
        assert process.exitcode is not None
        return process.exitcode

    def _look(self, method: str, name: str) -> None:
        names = self._store.names()
        if name.endswith("/claim.json") and method == "POST" and name not in names:
            training = name.split("/attempts/")[0]
            beside = [one.removeprefix(f"{training}/") for one in names]
            self.broken += broken_by_claim(beside, name)
        # Events decide nothing.
        if method == "GET" or not self.victim or self._head.driving or "/events/" in name:
            return
        self._changes += 1
        if self._changes == self._kills_at:
            os.kill(self.victim, signal.SIGKILL)
            raise ConnectionError
