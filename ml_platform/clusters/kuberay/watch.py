"""Objects of Kubernetes kept up to date by watches: waiting asks nothing while nothing changes.

A thread with an event loop holds one connection for each kind of object. A connection that breaks,
is cut or refused is made again from where it was; where the server has forgotten that (410 Gone),
or what came was not its own word, it is listed anew. Nothing of it fails its user: what is kept is
then only older. Only a right that is missing is told, once that is sure (see `refusals`).
"""

import asyncio
import contextlib
import json
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ml_platform.clusters.kuberay.access import ApiAccess
from ml_platform.clusters.kuberay.answers import error_of, object_of
from ml_platform.clusters.kuberay.api import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    KubernetesApi,
    group_path,
    served_path,
)
from ml_platform.clusters.refusals import ASK_EVERY_S, Refusals
from ml_platform.errors import ApiAwayError, ApiForbiddenError, ClusterError, WatchExpiredError

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S: Final = 10.0
# The server ends a watch by itself after so long; a connection that died unnoticed is found then.
WATCH_S: Final = 240
SILENT_S: Final = WATCH_S + 30.0
HEARD_WITHIN_S: Final = 75.0
"""Where nothing changes, the server says so about once a minute, by a bookmark."""
# What is not installed, or not allowed, may come to be so; it is asked for again.
REFUSED_PAUSE_S: Final = 60.0
MOST_GONE: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is watched.

    Attributes:
        name: How the user of the watch calls these objects.
        path: Their path, a list; with `group`, what follows the version.
        labels: A label selector.
        fields: A field selector.
        group: An API group that need not be installed, and whose version is to be asked for; empty
            where `path` is whole.
        versions: Those of the group that are known here, the preferred first.
    """

    name: str
    path: str
    labels: str = ""
    fields: str = ""
    group: str = ""
    versions: tuple[str, ...] = ()


@dataclass(slots=True)
class _Kept:
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_GONE))
    version: str = ""
    path: str = ""

    def replace_all(self, listed: dict[str, dict[str, Any]]) -> None:
        """Take a list for all there is: what it lacks has vanished while nobody looked."""
        self.gone.extend(one for uid, one in self.objects.items() if uid not in listed)
        self.objects = listed

    def remove(self, last: dict[str, Any]) -> None:
        """Take one away; its last state is the one that it had when it was deleted."""
        self.objects.pop(last["metadata"]["uid"], None)
        self.gone.append(last)


class Watch:
    """The objects of some subjects as they are now; a context manager.

    Args:
        access: How the API server is reached.
        subjects: What is watched.
        still_grants: Whether the server grants what it granted before, see `refusals`.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        access: ApiAccess,
        subjects: Sequence[Subject],
        *,
        still_grants: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._kept = {one.name: _Kept() for one in subjects}
        self._subjects = tuple(subjects)
        self._changed = threading.Condition()
        self._changes = 0
        self._listed: set[str] = set()
        self._refused: dict[str, ClusterError] = {}
        self._heard_s: dict[str, float] = {}
        self._clock = clock
        self._refusals = {one.name: Refusals(still_grants, clock) for one in subjects}
        self._running = threading.Event()
        self._is_over = False
        self._end: Callable[[], object] = lambda: None
        self._begin_anew: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="kubernetes-watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        self._running.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()
        self._thread.join()

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        """The objects of a subject; none before its first list, and none of what is not watched.

        Raises:
            ClusterError: the account may not read them, or there is no such kind of objects.
        """
        with self._changed:
            if name in self._refused:
                raise self._refused[name]
            return tuple(self._kept[name].objects.values()) if name in self._kept else ()

    def gone(self, name: str) -> tuple[dict[str, Any], ...]:
        """Objects of a subject that have vanished, as they were last, the latest last.

        How a pod has ended is often said only in its last moment. The oldest are forgotten.
        """
        with self._changed:
            return tuple(self._kept[name].gone)

    @property
    def changes(self) -> int:
        """Grows with each change, and when a connection ends."""
        with self._changed:
            return self._changes

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until something has changed since `changes` was `seen`; returns what it is now."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._changes > seen or self._is_over, timeout=max(0.0, timeout_s)
            )
            return self._changes

    def wait_for_lists(self, timeout_s: float) -> bool:
        """Wait until each subject was listed once, or refused; whether that is so."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._all_listed(), timeout=timeout_s)
            return self._all_listed()

    def _all_listed(self) -> bool:
        return len(self._listed | self._refused.keys()) == len(self._kept)

    def is_current(self, *names: str) -> bool:
        """Whether all changes of these subjects come in: no connection has broken or fallen silent.

        One that has died unnoticed is found out after `HEARD_WITHIN_S`.
        """
        since_s = self._clock() - HEARD_WITHIN_S
        with self._changed:
            return all(self._heard_s.get(name, -math.inf) > since_s for name in names)

    def list_anew(self, timeout_s: float) -> bool:
        """Give up all connections, one of which may have died unnoticed, and list all once more.

        Whether that was done in time.
        """
        with self._changed:
            self._listed.clear()
        self._begin_anew()
        return self.wait_for_lists(timeout_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._watch_all())
        finally:
            self._running.set()
            with self._changed:  # who still waits, in another thread, does so in vain
                self._is_over = True
                self._changed.notify_all()

    async def _watch_all(self) -> None:
        import httpx

        ended, anew = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            ended.set()
            anew.set()

        def tell(what: Callable[[], object]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(what)

        self._end = lambda: tell(end)
        self._begin_anew = lambda: tell(anew.set)
        self._running.set()
        timeout = httpx.Timeout(CONNECT_TIMEOUT_S, read=SILENT_S)
        async with httpx.AsyncClient(timeout=timeout, **self._access.connection) as http:
            while not ended.is_set():
                anew.clear()
                tasks = [asyncio.create_task(self._keep(http, one)) for one in self._subjects]
                await anew.wait()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for kept in self._kept.values():
                    kept.version = ""

    async def _keep(self, http: "httpx.AsyncClient", subject: Subject) -> None:
        """List, watch from there, and begin again where that breaks, until cancelled."""
        import httpx

        pause = FIRST_PAUSE_S
        refusals = self._refusals[subject.name]
        while True:
            kept = self._kept[subject.name]
            asked_to_wait_s = 0.0
            try:
                if not kept.version:
                    await self._list(http, subject)
                async for line in self._lines(http, subject, kept):
                    self._take(subject, line)
                    pause = FIRST_PAUSE_S
            except WatchExpiredError:
                kept.version = ""
            except ApiAwayError as error:
                refusals.forget()
                asked_to_wait_s = error.retry_after_s
            except ClusterError as error:
                if not await self._is_meant(subject, error):
                    pause = min(pause, ASK_EVERY_S)
                else:
                    self._note(subject, refused=error)
                    if subject.group:
                        kept.version, asked_to_wait_s = "", REFUSED_PAUSE_S
            except httpx.TransportError:
                refusals.forget()
            except Exception:  # boundary: one that died here would show the past for ever
                kept.version = ""
            else:
                pause = FIRST_PAUSE_S  # the server has ended it, as it was asked to
            finally:
                self._note_closed(subject)
            await asyncio.sleep(max(pause, asked_to_wait_s))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _is_meant(self, subject: Subject, refusal: ClusterError) -> bool:
        is_first = subject.name not in self._listed
        # Nobody waits for what need not be there.
        if not isinstance(refusal, ApiForbiddenError) or (subject.group and is_first):
            return True
        # It may ask the server, and the others go on meanwhile.
        return await asyncio.to_thread(self._refusals[subject.name].is_meant)

    async def _list(self, http: "httpx.AsyncClient", subject: Subject) -> None:
        kept = self._kept[subject.name]
        kept.path = await self._path(http, subject)
        found = await self._get(http, kept.path, _selectors(subject))
        listed = {one["metadata"]["uid"]: one for one in found["items"] or []}
        version = str(found["metadata"]["resourceVersion"])
        with self._changed:
            kept.replace_all(listed)
            kept.version = version
            self._heard_s[subject.name] = self._clock()  # what changes from now on comes in
        self._note(subject)

    async def _path(self, http: "httpx.AsyncClient", subject: Subject) -> str:
        if not subject.group:
            return subject.path
        group = await self._get(http, group_path(subject.group))
        return served_path(group, subject.versions, subject.path)

    async def _get(
        self,
        http: "httpx.AsyncClient",
        path: str,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        answer = await http.get(
            path,
            params=query,
            headers=dict(self._access.headers()),
            timeout=CONNECT_TIMEOUT_S,
        )
        if answer.status_code != 200:
            raise error_of(
                self._access.server, answer.status_code, answer.text, dict(answer.headers)
            )
        return object_of(self._access.server, answer.text)

    async def _lines(
        self, http: "httpx.AsyncClient", subject: Subject, kept: _Kept
    ) -> AsyncIterator[str]:
        query = _selectors(subject) | {
            "watch": "true",
            "resourceVersion": kept.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        headers = dict(self._access.headers())
        async with http.stream("GET", kept.path, params=query, headers=headers) as answer:
            if answer.status_code != 200:
                text = (await answer.aread()).decode("utf-8", "replace")
                raise error_of(self._access.server, answer.status_code, text, dict(answer.headers))
            self._note_granted(subject)
            async for line in answer.aiter_lines():
                if line:
                    yield line

    def _take(self, subject: Subject, line: str) -> None:
        try:
            change = json.loads(line)
            kind, one = str(change["type"]), change["object"]
        except (ValueError, KeyError, TypeError) as error:
            # Cut in the middle of a line: that change comes again.
            raise ApiAwayError(f"a watch of {subject.path} broke off") from error
        if kind == "ERROR":
            if one.get("code") == 410:
                raise WatchExpiredError(f"the watch of {subject.path} has expired")
            raise error_of(self._access.server, int(one.get("code", 500)), json.dumps(one))
        kept = self._kept[subject.name]
        with self._changed:
            kept.version = str(one["metadata"]["resourceVersion"])
            self._heard_s[subject.name] = self._clock()
            if kind == "DELETED":
                kept.remove(one)
            elif kind != "BOOKMARK":
                kept.objects[one["metadata"]["uid"]] = one
        if kind != "BOOKMARK":
            self._note(subject)

    def _note_granted(self, subject: Subject) -> None:
        """A connection was granted: what was refused before is known again, changed or not."""
        self._refusals[subject.name].forget()
        with self._changed:
            self._heard_s[subject.name] = self._clock()
        if subject.name in self._refused:
            self._note(subject)

    def _note_closed(self, subject: Subject) -> None:
        """Who waits looks again: what is kept may be old from now on."""
        with self._changed:
            if self._heard_s.pop(subject.name, None) is not None:
                self._changes += 1
                self._changed.notify_all()

    def _note(self, subject: Subject, *, refused: ClusterError | None = None) -> None:
        with self._changed:
            if refused is None:
                self._refused.pop(subject.name, None)
                self._listed.add(subject.name)
            else:
                self._refused[subject.name] = refused
            self._changes += 1
            self._changed.notify_all()


def watch_of(
    api: KubernetesApi, subjects: Sequence[Subject], *, clock: Callable[[], float]
) -> Watch:
    """A watch of the server that is asked by `api`."""
    return Watch(api.access, subjects, still_grants=api.still_grants, clock=clock)


def _selectors(subject: Subject) -> dict[str, str]:
    selectors = {"labelSelector": subject.labels, "fieldSelector": subject.fields}
    return {name: value for name, value in selectors.items() if value}
