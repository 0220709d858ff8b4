"""An API server of a few objects and logs: it has, makes, changes and removes them, and tells.

Watches stay open. What befalls a request before or after it is done is for a test to say.
"""

import json
import select
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ml_platform.clusters.kuberay.access import ApiAccess
from ml_platform.clusters.kuberay.api import KubernetesApi

HANGS: Final = "it hangs"
NAMED: Final = "metadata.name="
Change = Mapping[str, Any] | str
Reply = tuple[int, bytes]
"""Status and body of an answer."""
Befalls = Callable[[str, str], Reply | None]
"""By method and path, an answer in place of the server's own; None leaves that as it is."""


def status(code: int, message: str) -> Reply:
    """The server says no, as Kubernetes does."""
    return code, json.dumps({"kind": "Status", "code": code, "message": message}).encode()


def whole(one: Mapping[str, Any]) -> bytes:
    """An object as the server sends it."""
    return json.dumps({"kind": "Any", **one}).encode()


def forbidden(what: str = "rayjobs.ray.io") -> Reply:
    """The account lacks a right; or so says a server that has just started."""
    return status(403, f'{what} is forbidden: User "ada" cannot do that in the namespace "ns"')


class Changes:
    """What the watches of a path send: each what its list has not told, or what none has sent.

    Attributes:
        watches: How many are open.
    """

    def __init__(self) -> None:
        self.watches = 0
        self._all: list[Change] = []
        self._listed: set[int] = set()
        self._sent: set[int] = set()

    @property
    def version(self) -> str:
        """Of a list that is made now."""
        return f"list-{len(self._all)}"

    @property
    def is_all_sent(self) -> bool:
        """Whether some watch has sent each change that lists do not tell."""
        return len(self._sent) > 0 and max(self._sent) == len(self._all) - 1

    @property
    def after(self) -> str:
        """The version after the next change."""
        return f"list-{len(self._all) + 1}"

    def put(self, change: Change, *, is_listed: bool = False) -> None:
        """Send a change, text as it is; lists that are made from now on tell it too, or do not."""
        if is_listed:
            self._listed.add(len(self._all))
        self._all.append(change)

    def sent_to(self, version: str) -> Iterator[Change | None]:
        """What a watch sends that begins at a version; None while there is nothing."""
        told = {*self._sent}
        if version.startswith("list-"):
            before = {*range(int(version.removeprefix("list-")))}
            told = before & (self._listed | self._sent)
        position = 0
        while True:
            if position == len(self._all):
                yield None
                continue
            change = self._all[position]
            # What breaks one watch does not break the next.
            is_once = isinstance(change, str) or change["type"] == "ERROR"
            if position not in told and not (is_once and position in self._sent):
                self._sent.add(position)
                yield change
            position += 1


@dataclass(kw_only=True)
class KubernetesServer:
    """What it has and was asked.

    Attributes:
        url: Its address.
        objects: Those of each list, by the end of its path.
        changes: What the watches of a path send, by the end of its path.
        documents: What is answered whole, by the end of its path.
        refused: Status with which a path is refused, by its end; of a deletion with `DELETE `
            before it.
        logs: By pod, container and whether of the previous run; what is not there is refused, and
            `HANGS` is never answered.
        asked: Path and query of each request for a log.
        requests: Path of each request.
        before: Asked before a request is done, which it is not if there is an answer already.
        after: Asked when it is done: an answer may be lost.
        lingers: Whether a deleted object stays, as one does whose pods still end.
        deleted: The end of each path that was deleted.
    """

    url: str = ""
    objects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    changes: dict[str, Changes] = field(default_factory=lambda: defaultdict(Changes))
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    logs: dict[tuple[str, str, bool], str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    before: Befalls = lambda method, path: None
    after: Befalls = lambda method, path: None
    lingers: bool = False
    made: int = 0
    deleted: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def access(self) -> ApiAccess:
        """How it is reached."""
        return ApiAccess(server=self.url, inside=False, headers=dict, tls=None)

    @property
    def api(self) -> KubernetesApi:
        """Requests to it."""
        return KubernetesApi(self.access, away_s=0)

    def make(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object, whoever wants it, and tell those who watch."""
        self.made += 1
        own = {"uid": f"{kind}-{self.made}", "resourceVersion": str(self.made)}
        own["creationTimestamp"] = datetime.now(UTC).isoformat(timespec="seconds")
        one = {**body, "metadata": {**own, **body["metadata"]}}
        self.objects.setdefault(kind, []).append(one)
        self._tell(kind, "ADDED", one)
        return one

    def remove(self, kind: str, name: str) -> None:
        """Remove an object, whoever wants it, and tell those who watch."""
        one = self.found(kind, name)
        assert one is not None
        self.objects[kind].remove(one)
        self._tell(kind, "DELETED", one)

    def found(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The object of this name."""
        named = (one for one in self.objects.get(kind, ()) if one["metadata"]["name"] == name)
        return next(named, None)

    def do(self, method: str, kind: str, name: str, body: Mapping[str, Any]) -> Reply:
        """Do with one object what a request asks."""
        there = self.found(kind, name or body["metadata"]["name"])
        if method == "POST":
            if there is not None:
                return status(409, "it exists already")
            return 201, whole(self.make(kind, body))
        if there is None:
            return status(404, "there is none")
        if method == "DELETE":
            if body["preconditions"]["uid"] != there["metadata"]["uid"]:
                return status(409, "it is another one")
            if self.lingers:
                self.replace(kind, there, {"metadata": {"deletionTimestamp": "2026-01-02T12:00Z"}})
            else:
                self.remove(kind, name)
        elif method == "PATCH":
            there = self.replace(kind, there, body)
        return 200, whole(there)

    def replace(
        self, kind: str, one: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Merge changes into an object."""
        changed = _merged(one, body)
        self.objects[kind][self.objects[kind].index(one)] = changed
        self._tell(kind, "MODIFIED", changed)
        return changed

    def _tell(self, kind: str, what: str, one: Mapping[str, Any]) -> None:
        changes = self.changes[kind]
        # As it is sent, an object bears the version of its change: a watch goes on from there.
        metadata = {**one["metadata"], "resourceVersion": changes.after}
        sent = {"type": what, "object": {**one, "metadata": metadata}}
        changes.put(sent, is_listed=True)

    def log(self, path: str, query: dict[str, str]) -> Reply:
        """Answer a request for a log."""
        self.asked.append((path, query))
        which = (path.split("/")[-2], query["container"], query.get("previous") == "true")
        text = self.logs.get(which)
        if text == HANGS:
            self.ended.wait()
        if text is None:
            return status(400, "previous terminated container not found")
        lines = text.splitlines(keepends=True)[-int(query["tailLines"]) :]
        return 200, "".join(lines).encode()

    def listed(self, kind: str, query: dict[str, str]) -> bytes:
        """A list of this kind; of field selectors those of events and of a name are followed."""
        found = self.objects.get(kind, [])
        selector = query.get("fieldSelector", "")
        if selector.startswith(NAMED):
            found = [one for one in found if NAMED + one["metadata"]["name"] == selector]
        if kind == "events":
            found = [one for one in found if _is_selected(one, query.get("fieldSelector", ""))]
        version = self.changes[kind].version
        return whole({"metadata": {"resourceVersion": version}, "items": found})


@contextmanager
def kubernetes_server() -> Iterator[KubernetesServer]:
    """A server on a port of its own, until the end of the block."""
    server = KubernetesServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            server.requests.append(url.path)
            befallen = server.before(self.command, url.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if befallen is None and "watch" in query and _end(url.path) not in server.refused:
                changes = server.changes[_end(url.path)]
                changes.watches += 1
                self._watch(changes.sent_to(query["resourceVersion"]))
                changes.watches -= 1
                return
            answer = befallen or self._done(url.path, query)
            self._answer(*(server.after(self.command, url.path) or answer))

        do_POST = do_PATCH = do_DELETE = do_GET

        def _done(self, path: str, query: dict[str, str]) -> Reply:
            end = _end(path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            if end == "log":
                return server.log(path, query)
            if end in server.refused:
                return status(server.refused[end], "refused")
            if self.command == "DELETE":
                if refused := server.refused.get(f"DELETE {end}"):
                    return status(refused, "refused")
                server.deleted.append(end)
            if end in server.documents:
                return 200, whole(server.documents[end])
            kind, _, name = path.partition("/namespaces/")[2].partition("/")[2].partition("/")
            if name or self.command == "POST":
                return server.do(self.command, kind, name, body)
            return 200, server.listed(end, query)

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _watch(self, changes: Iterator[Change | None]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            # What is sent to nobody would be lost to the watch that follows.
            while not server.ended.is_set() and not self._is_left():
                change = next(changes)
                if change is None:
                    time.sleep(0.01)
                    continue
                line = change if isinstance(change, str) else json.dumps(change)
                self.wfile.write(line.encode() + b"\n")
                self.wfile.flush()

        def _is_left(self) -> bool:
            return bool(select.select([self.connection], [], [], 0)[0])

        def log_message(self, format: str, *args: object) -> None:
            """What matters is kept."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()


def _is_selected(event: Mapping[str, Any], selector: str) -> bool:
    for term in filter(None, selector.split(",")):
        field, operator, value = term.partition("!=") if "!=" in term else term.partition("=")
        if (event[field] == value) is (operator == "!="):
            return False
    return True


def _end(path: str) -> str:
    return path.rpartition("/")[2]


def _merged(one: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch, as far as it removes nothing."""
    both = {
        key: _merged(one[key], value) if isinstance(one.get(key), Mapping) else value
        for key, value in changes.items()
    }
    return {**one, **both}
