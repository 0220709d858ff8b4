"""The loop that both controllers share: take a key, do a pass, make the next appointment."""

import logging
import threading
from typing import Final, Protocol

from tests.support.kuberay.api import ApiError
from tests.support.kuberay.work_queue import Key, WorkQueue

log = logging.getLogger("kuberay.controller")


class PassFailed(Exception):
    """A pass did what it could and is to be repeated with a growing delay."""


class Controller(Protocol):
    """Looks after the objects of one kind."""

    queue: WorkQueue

    def reconcile(self, key: Key) -> float | None:
        """One pass; when to look again in seconds, None for not before something changes.

        Raises:
            PassFailed: look again after the back-off.
            ApiError: as well.
        """


ERRORS: Final = (PassFailed, ApiError)


def start(controller: Controller, name: str) -> None:
    """Work until the process ends, one pass at a time."""
    threading.Thread(target=_work, args=(controller, name), name=name, daemon=True).start()


def _work(controller: Controller, name: str) -> None:
    queue = controller.queue
    while True:
        key = queue.get()
        try:
            again_s = controller.reconcile(key)
        except ERRORS as error:
            log.info("%s %s/%s: %s", name, *key, error)
            queue.failed(key)
        except Exception:
            # The boundary of the worker: one broken object must not stop the others.
            log.exception("%s %s/%s", name, *key)
            queue.failed(key)
        else:
            queue.succeeded(key)
            if again_s is not None:
                queue.add(key, again_s)
