"""The API server over HTTP: objects as it has them, and errors of ours.

Spoken directly, with the addresses and accounts that the `kubernetes` package reads: that client's
watches cannot be interrupted, swallow 410 Gone, and it costs a second and a half to import its
models, of which none is needed here.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ml_platform.clusters.kuberay.access import ApiAccess, find_access
from ml_platform.clusters.kuberay.answers import away, error_of, object_of
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.refusals import ASK_EVERY_S, Refusals
from ml_platform.errors import (
    ApiAwayError,
    ApiForbiddenError,
    ClusterError,
    ObjectConflictError,
    ObjectMissingError,
)

if TYPE_CHECKING:
    import httpx

Answer = TypeVar("Answer")

REQUEST_TIMEOUT_S: Final = 20.0
# A control plane that is upgraded is away for minutes.
AWAY_S: Final = 300.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
# For what is asked only to know whether the server is ready.
WITNESS_S: Final = 5.0
# The server cuts at the end, where the last lines are. A line of a container runtime's file has at
# most 16 KiB, so that 200 of them fit.
LOG_BYTES: Final = 4 << 20
MERGE_PATCH: Final = "application/merge-patch+json"


def jobs_path(namespace: str, name: str = "") -> str:
    """Path of the RayJobs of a namespace, or of one."""
    return _path("/apis/ray.io/v1", namespace, "rayjobs", name)


def clusters_path(namespace: str, name: str = "") -> str:
    """Path of the RayClusters of a namespace, or of one."""
    return _path("/apis/ray.io/v1", namespace, "rayclusters", name)


def core_path(namespace: str, kind: str, name: str = "") -> str:
    """Path of objects of the core API: `pods`, `secrets`, `events`."""
    return _path("/api/v1", namespace, kind, name)


def group_path(group: str) -> str:
    """Path of what the server says of an API group; nothing is there if it is not installed."""
    return f"/apis/{group}"


def served_path(group: Mapping[str, Any], versions: Sequence[str], rest: str) -> str:
    """Path of objects of an API group, in the first of these versions that the server has.

    Args:
        group: What the server says of the group.
        versions: Those that are known here; with none of them, the server's own choice is taken.
        rest: What follows the version.
    """
    served = [one["version"] for one in group["versions"]]
    known = [one for one in versions if one in served]
    version = known[0] if known else group["preferredVersion"]["version"]
    return f"{group_path(group['name'])}/{version}/{rest}"


def _path(api: str, namespace: str, kind: str, name: str) -> str:
    path = f"{api}/namespaces/{namespace}/{kind}"
    return f"{path}/{name}" if name else path


def api_of(
    config: KubeRayConfig,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> "KubernetesApi":
    """The API server that a configuration names. Raises as `find_access`."""
    access = find_access(kubeconfig=config.kubeconfig, context=config.context)
    return KubernetesApi(access, clock=clock, sleep=sleep)


class KubernetesApi:
    """Requests to one API server; safe for several threads.

    Each is made again while the server is away or too busy, for at most `away_s`, and while a
    refusal may pass by itself (see `refusals`).

    Args:
        access: How it is reached.
        away_s: For how long it may be away.
        clock: Seconds that only grow.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        access: ApiAccess,
        *,
        away_s: float = AWAY_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.access = access
        self._away_s = away_s
        self._clock = clock
        self._sleep = sleep
        self._granted = ""
        self._on_away: Callable[[ApiAwayError], None] = lambda error: None

    @contextmanager
    def telling(self, on_away: Callable[[ApiAwayError], None]) -> Iterator[None]:
        """Within the block `on_away` is told why a request is made again."""
        before, self._on_away = self._on_away, on_away
        try:
            yield
        finally:
            self._on_away = before

    def for_at_most(self, away_s: float) -> "KubernetesApi":
        """The same server, which may be away for no longer than that: who asks comes again."""
        return KubernetesApi(
            self.access,
            away_s=min(away_s, self._away_s),
            clock=self._clock,
            sleep=self._sleep,
        )

    def still_grants(self) -> bool:
        """Whether the server grants what it granted before; True if it has granted nothing yet."""
        if not self._granted:
            return True
        try:
            self._once("GET", self._granted, query={"limit": "1"}, timeout_s=WITNESS_S)
        except (ApiAwayError, ApiForbiddenError):
            return False
        except ClusterError:
            return True  # it is gone, and was looked for
        return True

    def get(self, path: str) -> dict[str, Any] | None:
        """The object, or None if there is none.

        Raises:
            ApiForbiddenError: the account may not read it.
            ApiAwayError: the server stayed away.
        """
        try:
            return self._ask("GET", path)
        except ObjectMissingError:
            self._granted = path
            return None

    def list(self, path: str, *, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        """The objects, fewer by a label selector or a field selector. Raises as `get`."""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        return list(self._ask("GET", path, query=selectors).get("items") or [])

    def get_once(self, path: str, *, within_s: float) -> dict[str, Any]:
        """The object, asked for once: it is read only to be shown.

        Raises:
            ClusterError: it cannot be had.
        """
        return object_of(self.access.server, self._once("GET", path, timeout_s=within_s).text)

    def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool,
        lines: int,
        within_s: float,
    ) -> str:
        """The last lines of a container's log. Asked once: it is read only to be shown.

        Raises:
            ClusterError: it cannot be had.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_BYTES)}
        query |= {"previous": "true"} if previous else {}
        path = f"{core_path(namespace, 'pods', pod)}/log"
        answer = self._once("GET", path, query=query, timeout_s=within_s)
        return answer.content.decode("utf-8", "replace")

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object, with strict validation; returns it.

        Args:
            path: Objects of its kind.
            body: It.

        Raises:
            ObjectConflictError: there is one of this name, which may be ours: the answer to an
                earlier try may have been lost.
            ApiRefusedError: the server refuses it, in its own words.
            ApiAwayError: the server stayed away.
        """
        query = {"fieldValidation": "Strict"}
        return self._ask("POST", path, body=body, query=query)

    def patch_once(self, path: str, body: Mapping[str, Any], *, within_s: float) -> None:
        """Change fields as `patch` does, asked for once: nothing depends on it.

        Raises:
            ClusterError: it cannot be done.
        """
        self._once("PATCH", path, body=body, timeout_s=within_s)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change fields by a merge patch: null removes one; returns the object.

        A `resourceVersion` in its metadata makes it conditional.

        Raises:
            ObjectMissingError: there is none.
            ObjectConflictError: it has changed meanwhile.
            ApiRefusedError: the server refuses it.
            ApiAwayError: the server stayed away.
        """
        return self._ask("PATCH", path, body=body)

    def delete(self, path: str, *, uid: str, version: str = "") -> bool:
        """Delete an object, in the background; False if that one is gone already.

        Args:
            path: The object.
            uid: Which one of this name.
            version: Its `resourceVersion`, if it must not have changed.

        Raises:
            ObjectConflictError: it has changed since `version`.
            ApiRefusedError: the account may not.
            ApiAwayError: the server stayed away.
        """
        conditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        body = {"propagationPolicy": "Background", "preconditions": conditions}
        try:
            self._ask("DELETE", path, body=body)
        except ObjectMissingError:
            return False
        except ObjectConflictError:
            there = self.get(path)
            if there is None or there["metadata"]["uid"] != uid:
                return False
            raise
        return True

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        found = self._patiently(
            lambda: object_of(
                self.access.server, self._once(method, path, body=body, query=query).text
            )
        )
        if method == "GET":
            self._granted = path
        return found

    def _patiently(self, question: Callable[[], Answer]) -> Answer:
        since = self._clock()
        pause = FIRST_PAUSE_S
        refusals = Refusals(self.still_grants, self._clock)
        while True:
            try:
                return question()
            except ApiForbiddenError:
                if refusals.is_meant():
                    raise
                self._sleep(min(pause, ASK_EVERY_S))
            except ApiAwayError as error:
                refusals.forget()
                if self._clock() - since >= self._away_s:
                    raise
                self._on_away(error)
                self._sleep(max(pause, error.retry_after_s))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _once(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> "httpx.Response":
        import httpx

        headers = dict(self.access.headers())
        if method == "PATCH":
            headers["Content-Type"] = MERGE_PATCH
        asked = {name: value for name, value in (query or {}).items() if value}
        try:
            # A connection each: requests are few, and nobody has to close one that is kept.
            with httpx.Client(timeout=timeout_s, **self.access.connection) as http:
                answer = http.request(method, path, json=body, params=asked, headers=headers)
        except httpx.TransportError as error:
            raise away(self.access.server, repr(error)) from error
        if answer.status_code < 300:
            return answer
        raise error_of(self.access.server, answer.status_code, answer.text, answer.headers)
