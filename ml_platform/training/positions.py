"""Where each rank is, so that ranks which wait for each other are told of within a minute.

Ranks of a training meet in collectives; one that has left its loop, or is an epoch ahead, leaves
the others waiting in torch until its time-out, half an hour later, without a line. So each rank
writes where it is into a store of the training's own, and rank 0 looks: when nobody has moved for a
while and they are not in the same place, it says so. It ends nothing: one rank may have work that
the others rightly wait for.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

Item = TypeVar("Item")
STUCK_AFTER_S: Final = 40.0
EVERY_S: Final = 2.0
WAIT_S: Final = 0.05
CONNECT_TIMEOUT_S: Final = 60.0
HAS_ENDED: Final = "has ended"
HINT: Final = (
    "every rank has to do the same steps: decide when to stop on `run.mean_over_workers`, and call "
    "collectives on all ranks or on none."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a rank is.

    Attributes:
        epoch: The epoch that it has asked batches of last; -1 before the first.
        batches: How many it was given, over all epochs and splits.
        reading: Whether it waits for one.
        ended: Whether `train` has returned.
    """

    epoch: int = -1
    batches: int = 0
    reading: bool = False
    ended: bool = False

    def __str__(self) -> str:
        if self.ended:
            return f"{HAS_ENDED}, after {self.batches} batches"
        if self.reading:
            return f"waits for data of epoch {self.epoch}, after {self.batches} batches"
        where = f"epoch {self.epoch}" if self.epoch >= 0 else "the beginning"
        return f"is in {where}, after {self.batches} batches"


def apart(positions: Sequence[Position]) -> str:
    """What is to be said of ranks that do not move; empty if they are in the same place.

    Nor is anything wrong while one waits for data: the others rightly wait for it.
    """
    if len(set(positions)) < 2 or any(one.reading for one in positions):
        return ""
    told = "; ".join(f"rank {rank} {position}" for rank, position in enumerate(positions))
    return f"the workers wait for each other: {told}"


def waiting_for_data(positions: Sequence[Position]) -> str:
    """What is to be said of ranks that do not move since some wait for data; empty if none do."""
    return "; ".join(f"rank {rank} {one}" for rank, one in enumerate(positions) if one.reading)


class Positions:
    """This rank's place, published; on rank 0, all of them watched.

    Args:
        store: Shared by all ranks of the training.
        rank: This worker.
        world_size: All workers.
        on_stuck: Called from a thread of rank 0, once for each time that all stand still, and with
            nothing when they move again.
        on_waiting: Called likewise where that is because ranks wait for data.
        stuck_after_s: How long nobody may have moved.
        every_s: How often to publish and to look.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        store: "TCPStore",
        *,
        rank: int,
        world_size: int,
        on_stuck: Callable[[str], None],
        on_waiting: Callable[[str], None] = lambda told: None,
        stuck_after_s: float = STUCK_AFTER_S,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._rank = rank
        self._world_size = world_size
        self._on_stuck = on_stuck
        self._on_waiting = on_waiting
        self._stuck_after_s = stuck_after_s
        self._every_s = every_s
        self._clock = clock
        self._mine = Position()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="positions", daemon=True)

    def start(self) -> None:
        """Begin to publish and to look."""
        self._thread.start()

    def reading(self, epoch: int) -> None:
        """This rank asks for a batch of `epoch`."""
        self._mine = replace(self._mine, epoch=epoch, reading=True)

    def read(self, count: int = 1) -> None:
        """This rank was given the batch, or there was none left."""
        self._mine = replace(self._mine, batches=self._mine.batches + count, reading=False)

    def along(self, batches: Iterator[Item], epoch: int) -> Iterator[Item]:
        """The same batches of `epoch`, each noted as it is asked for and given."""
        while True:
            self.reading(epoch)
            try:
                batch = next(batches)
            except StopIteration:
                self.read(0)
                return
            self.read()
            yield batch

    def end(self) -> None:
        """This rank's `train` has returned."""
        self._mine = replace(self._mine, reading=False, ended=True)
        with contextlib.suppress(Exception):  # boundary: as in `_run`
            self._publish()

    def wait_for_all(self) -> None:
        """Return when `train` has returned in every rank."""
        with contextlib.suppress(Exception):  # boundary: as in `_run`
            while not all(one.ended for one in self._all()):
                time.sleep(WAIT_S)

    def stop(self) -> None:
        """Publish and look no longer."""
        self._done.set()
        self._thread.join()

    def _publish(self) -> None:
        self._store.set(f"position/{self._rank}", json.dumps(asdict(self._mine)))

    def _run(self) -> None:
        last: list[Position] = []
        since = self._clock()
        told = False
        while True:
            try:
                self._publish()
                now = self._all() if self._rank == 0 else []
            except Exception:  # boundary: watching fails no training; a dead rank is Ray's to see
                return
            if now != last:
                if told:
                    self._on_stuck("")
                last, since, told = now, self._clock(), False
            elif not told and self._clock() - since >= self._stuck_after_s:
                wrong = apart(now)
                waiting = waiting_for_data(now)
                told = bool(wrong or waiting)
                if wrong:
                    self._on_stuck(wrong)
                elif waiting:
                    self._on_waiting(waiting)
            if self._done.wait(self._every_s):
                return

    def _all(self) -> list[Position]:
        keys = [f"position/{rank}" for rank in range(self._world_size)]
        return [
            Position(**json.loads(self._store.get(key))) if self._store.check([key]) else Position()
            for key in keys
        ]


def open_store(rank: int, broadcast: Callable[[list[Any]], None]) -> "TCPStore":
    """A store that rank 0 serves.

    Args:
        rank: This worker.
        broadcast: Gives every rank the list of rank 0, in place.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    timeout = timedelta(seconds=CONNECT_TIMEOUT_S)
    address: list[Any] = [None]
    served = None
    if rank == 0:
        # Where Ray Train has torch's own store listen, so the others reach it.
        host = os.environ.get("MASTER_ADDR") or socket.gethostname()
        served = TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=timeout)
        address = [(host, served.port)]
    broadcast(address)
    if served is not None:
        return served
    host, port = address[0]
    return TCPStore(host, port, is_master=False, wait_for_workers=False, timeout=timeout)
