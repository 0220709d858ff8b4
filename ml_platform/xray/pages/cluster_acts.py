"""Does to clusters what a person asks for from a page: noted with who before, and with the end."""

import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from ml_platform.clusters.interface import ClusterView, Reaped
from ml_platform.errors import ClusterError, InputError, PlatformError, StorageError
from ml_platform.wrong_values import shown_name
from ml_platform.xray.acts import Act, ActLog, Outcome, Verb
from ml_platform.xray.pages.inventory import Inventory
from ml_platform.xray.words import span

Extend = Callable[[str, str, float], object]
"""Lets a cluster live on: its name, its owner, and for how many seconds from now on."""
EXPIRES: Final = "expires"
OWNER: Final = "owner"
"""What a view's details call them, see `ClusterView`."""


class ClusterActs:
    """Each act goes on in a thread: to stop a cluster takes until its last pod is gone.

    Args:
        inventory: Which clusters there are.
        log: Where it is noted.
        extend: Lets an interactive cluster live on; None where there are none.
        reap: Removes what nobody needs.
        now: Seconds since 1970.
        new_id: Names an act: no two are alike.
    """

    def __init__(
        self,
        inventory: Inventory,
        log: ActLog,
        *,
        extend: Extend | None,
        reap: Callable[[], Iterable[Reaped]],
        now: Callable[[], float],
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:8],
    ) -> None:
        self._inventory = inventory
        self._log = log
        self._extend = extend
        self._reap = reap
        self._now = now
        self._new_id = new_id

    def newest(self) -> tuple[Act, ...]:
        """What was done, the newest first."""
        return self._log.newest()

    def stop(self, who: str, name: str) -> Act:
        """Stop a cluster, whoever uses it.

        Raises:
            InputError: there is none of this name.
            StorageError: it cannot be noted, and is not done.
        """
        view = self._find(name)

        def do() -> str:
            self._inventory.provisioner_of(view).stop(view.name)
            return "it is gone"

        return self._begin(who, "stop", do, target=view.name)

    def extend(self, who: str, name: str, seconds: float) -> Act:
        """Let an interactive cluster live so long from now on, whoever's it is.

        Raises:
            InputError: there is none of this name, or it is none that expires.
            StorageError: it cannot be noted, and is not done.
        """
        view, extend = self._find(name), self._extend
        if extend is None or EXPIRES not in view.details:
            raise InputError(
                f"{name} does not expire",
                hint="a training's cluster ends with its training, whose `max_runtime_s` is in "
                "`defs.yaml`; one that `mlp cluster up` has made can be extended.",
            )

        def do() -> str:
            extend(view.name, view.details[OWNER], seconds)
            return f"it lives for {span(seconds)} from then on"

        return self._begin(who, "extend", do, target=view.name, how=f"by {span(seconds)}")

    def reap(self, who: str) -> Act:
        """Remove the clusters that nobody needs.

        Raises:
            StorageError: it cannot be noted, and is not done.
        """
        return self._begin(who, "reap", lambda: _told(self._reap()))

    def _find(self, name: str) -> ClusterView:
        seen = self._inventory.seen(fresh_s=0.0)
        for view in seen.views:
            if view.name == name:
                return view
        raise InputError(
            seen.trouble or f"there is no cluster {shown_name(name)} any more",
            hint="`/clusters` has those that there are.",
        )

    def _begin(
        self, who: str, verb: Verb, do: Callable[[], str], *, target: str = "", how: str = ""
    ) -> Act:
        now_s = self._now()
        act = Act(
            id=f"{now_s * 1000:.0f}-{self._new_id()}",
            who=who,
            verb=verb,
            target=target,
            how=how,
            begun_at_s=now_s,
        )
        self._log.begin(act)
        # No daemon: who ends the server meanwhile finds it done, and noted.
        threading.Thread(target=self._carry_out, args=(act, do), name=f"act {act.id}").start()
        return act

    def _carry_out(self, act: Act, do: Callable[[], str]) -> None:
        outcome: Outcome = "failed"
        try:
            message, outcome = do(), "done"
        except PlatformError as error:
            message = f"{error.message}; {error.hint}" if error.hint else error.message
        except Exception as error:  # boundary: who asked for it reads why
            message = repr(error)
        self._inventory.forget()
        # That it was begun, and by whom, is in the storage; its end is known to these pages.
        with suppress(StorageError):
            self._log.end(act, outcome, message, at_s=self._now())


def _told(reaped: Iterable[Reaped]) -> str:
    """`removed a and b; c stays: somebody else may use it until …`.

    Raises:
        ClusterError: not all could be looked at or removed; says too what was removed before.
    """
    removed: list[str] = []
    kept: list[str] = []

    def told() -> list[str]:
        return [*([f"removed {' and '.join(removed)}"] if removed else []), *kept]

    try:
        for one in reaped:
            if one.removed:
                removed.append(one.name)
            elif one.kept:
                kept.append(f"{one.name} stays: {one.kept}")
    except ClusterError as error:
        raise ClusterError("; ".join([*told(), error.message]), hint=error.hint) from error
    return "; ".join(told()) or "every cluster is needed"
