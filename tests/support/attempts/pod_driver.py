"""A driver of a training in a pod, without Ray: it does to the record what the real driver does.

    python -m tests.support.attempts.pod_driver -m ml_platform.training.entrypoint <folder> <number>

Pods of the stand-in for Ray find it as their `python`. An epoch takes `EPOCH_S` seconds; an object
`hold` beside the record keeps it from ending, one `die` kills it in the middle.
"""

import os
import signal
import sys
import time
import uuid

from ml_platform.storage import Folder
from ml_platform.training.checkpoints import newest_checkpoint
from ml_platform.training.record import Started, TrainingRecord
from tests.support.attempts.head import EPOCHS, Driver, Fate

EPOCH_S = float(os.environ.get("EPOCH_S", "0.5"))


def main(uri: str, number: int) -> int:
    """Train the epochs that are missing; exit code 0 with a result."""
    record = TrainingRecord(uri)
    attempt = record.attempt(number)
    if record.result() is not None:
        return 0
    if attempt.has_ended():
        return 1
    attempt.note_started(Started(at_s=time.time()))
    print(f"attempt {number} begins", flush=True)  # noqa: T201
    driver = Driver(uri=uri, number=number, fate=Fate())
    driver_id = uuid.uuid4().hex[:8]
    newest = newest_checkpoint(record.folder)
    for epoch in range(0 if newest is None else newest.epoch + 1, EPOCHS):
        if epoch == EPOCHS - 1:
            wait_while_held(Folder(uri))
        if attempt.has_ended():
            return 1
        driver.train(record, epoch)
        # Each driver's own: two of one attempt would otherwise leave one mark.
        Folder(uri).create(f"trained/{number}-{driver_id}-{epoch}", b"")
        print(f"epoch {epoch}", flush=True)  # noqa: T201
        time.sleep(EPOCH_S)
    return 0 if driver.finishes() else 1


def wait_while_held(folder: Folder) -> None:
    """Wait for as long as there is an object `hold`; one `die` kills this process."""
    while folder.exists("hold"):
        if folder.exists("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[-2], int(sys.argv[-1])))
