"""The API server in plain dicts, over the transport of the `kubernetes` client.

The client brings what is tedious (KUBECONFIG, service accounts, certificates, token renewal); its
typed models would only be taken apart again here.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

Object = dict[str, Any]

REQUEST_TIMEOUT_S: Final = 20.0
WATCH_S: Final = 600
MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind, and where the API server keeps its objects."""

    kind: str
    api_version: str
    plural: str

    @property
    def root(self) -> str:
        """The path of the group and version."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"

    def path(self, namespace: str | None, name: str | None = None, part: str | None = None) -> str:
        """The path of all objects, of one, or of a part of one such as its status."""
        folder = f"{self.root}/namespaces/{namespace}" if namespace else self.root
        return "/".join(piece for piece in (folder, self.plural, name, part) if piece)


RAY_CLUSTER: Final = Resource("RayCluster", "ray.io/v1", "rayclusters")
RAY_JOB: Final = Resource("RayJob", "ray.io/v1", "rayjobs")
POD: Final = Resource("Pod", "v1", "pods")
SERVICE: Final = Resource("Service", "v1", "services")
SECRET: Final = Resource("Secret", "v1", "secrets")
EVENT: Final = Resource("Event", "events.k8s.io/v1", "events")


class ApiError(Exception):
    """The API server said no; `message` is its own text, as the operator quotes it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def __reduce__(self) -> tuple[type[Self], tuple[int, str]]:
        return type(self), (self.status, self.message)


class Gone(Exception):
    """A watch cannot go on from where it was: list again."""


class Api:
    """Requests to one API server; usable from many threads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._auth = threading.Lock()

    @classmethod
    def connect(cls, kubeconfig: Path | None = None) -> Self:
        """With a file, or else in a pod its service account, elsewhere the KUBECONFIG."""
        from kubernetes import client, config

        configuration = client.Configuration()
        if kubeconfig:
            config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        else:
            config.load_config(client_configuration=configuration)
        # A thread per watch and the workers, each with a connection of its own.
        configuration.connection_pool_maxsize = 32
        return cls(client.ApiClient(configuration))

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object, or None if there is none."""
        try:
            return self._json("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, resource: Resource, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[Object], str]:
        """All objects, and the version to watch from."""
        answer = self._json("GET", resource.path(namespace), query={"labelSelector": selector})
        items = [
            {"apiVersion": resource.api_version, "kind": resource.kind, **item}
            for item in answer["items"]
        ]
        return items, answer["metadata"]["resourceVersion"]

    def create(self, resource: Resource, body: Object, *, strict: bool = False) -> Object:
        """Create in the namespace that the body names; `strict` refuses unknown fields."""
        query = {"fieldValidation": "Strict"} if strict else {}
        namespace = body["metadata"].get("namespace")
        return self._json("POST", resource.path(namespace), query=query, body=body)

    def replace(self, resource: Resource, body: Object, part: str | None = None) -> Object:
        """Write all of it, or its `status`; 409 if it has changed since `body` was read."""
        meta = body["metadata"]
        return self._json("PUT", resource.path(meta["namespace"], meta["name"], part), body=body)

    def patch(self, resource: Resource, namespace: str, name: str, body: Object) -> Object:
        """A merge patch: null deletes a key, a `metadata.resourceVersion` compares first."""
        path = resource.path(namespace, name)
        return self._json("PATCH", path, body=body, content_type=MERGE_PATCH)

    def delete(
        self, resource: Resource, namespace: str | None, name: str, options: Object | None = None
    ) -> None:
        """Ask for the deletion; the object may linger for its grace period or finalizers."""
        self._json("DELETE", resource.path(namespace, name), body=options)

    def watch(
        self, resource: Resource, version: str, namespace: str | None = None, selector: str = ""
    ) -> Iterator[tuple[str, Object]]:
        """Changes since `version`, until the server ends the watch.

        Raises:
            Gone: `version` is too old.
        """
        query = {
            "watch": "1",
            "resourceVersion": version,
            "labelSelector": selector,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        response = self._send("GET", resource.path(namespace), query=query, stream=True)
        buffer = b""
        try:
            for chunk in response.stream(None):
                buffer += chunk
                while b"\n" in buffer:
                    line, buffer = buffer.split(b"\n", 1)
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Gone(event["object"].get("message", ""))
                    yield event["type"], event["object"]
        finally:
            response.close()

    def text(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Any path, such as a service's proxy: HTTP code and text, no error raised for a code."""
        try:
            response = self._send(method, path, body=body, headers=headers)
        except ApiError as error:
            return error.status, error.message
        return response.status, _text(response.data)

    def _json(self, method: str, path: str, **how: Any) -> Object:
        answer: Object = json.loads(_text(self._send(method, path, **how).data))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        stream: bool = False,
    ) -> Any:
        from kubernetes.client import ApiException

        sent = {"Accept": "application/json", "Content-Type": content_type, **(headers or {})}
        with self._auth:
            self._client.update_params_for_auth(sent, [], ["BearerToken"])
        asked = {name: value for name, value in (query or {}).items() if value}
        url = self._client.configuration.host + path + (f"?{urlencode(asked)}" if asked else "")
        timeout = (REQUEST_TIMEOUT_S, WATCH_S + 60.0) if stream else REQUEST_TIMEOUT_S
        try:
            return self._client.rest_client.request(
                method,
                url,
                headers=sent,
                body=body,
                _preload_content=not stream,
                _request_timeout=timeout,
            )
        except ApiException as error:
            raise ApiError(error.status or 0, _message(error.body or error.reason)) from error


def _text(data: str | bytes) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data


def _message(body: str | bytes) -> str:
    """The message in a Status object, else the text as it is."""
    text = _text(body)
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text
