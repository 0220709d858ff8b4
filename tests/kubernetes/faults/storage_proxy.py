"""A proxy in front of the testbed's object storage: it tells of each request, and may break it.

It passes requests on as they are; the store itself decides what is created.
"""

import asyncio
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Final, Self

import aiohttp
import httpx
from aiohttp import web

from tests.support.gcs_double import ANONYMOUS

_OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "content-encoding", "content-length", "host", "transfer-encoding"}
)
_OBJECTS: Final = "/o/"


class StorageProxy:
    """A bucket in the store behind it; a context manager.

    Args:
        store: Address of the store.
        bucket: Name of the bucket, which is there.

    Attributes:
        before: Called before a request is passed on, with method and object's name.
        after: Called when it has been carried out and was not answered yet; both may block, and
            close the connection by raising `ConnectionError`.
    """

    def __init__(self, store: str, bucket: str) -> None:
        self.before: Callable[[str, str], None] = lambda method, name: None
        self.after: Callable[[str, str], None] = lambda method, name: None
        self._store = store
        self._bucket = bucket
        self._url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="storage-proxy")
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What gcsfs, here or in a child, has to have in its environment."""
        return {"STORAGE_EMULATOR_HOST": self._url, **ANONYMOUS}

    def names(self) -> list[str]:
        """All objects, as the store itself lists them."""
        found = httpx.get(f"{self._store}/storage/v1/b/{self._bucket}/o").json()
        return [one["name"] for one in found.get("items", [])]

    def __enter__(self) -> Self:
        httpx.get(f"{self._store}/storage/v1/b/{self._bucket}").raise_for_status()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._client = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        assert self._runner is not None
        assert self._client is not None
        await self._runner.cleanup()
        await self._client.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        assert self._client is not None
        body = await request.read()
        name = _object(request, body)
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.lower() not in _OF_ONE_CONNECTION
        }
        try:
            await asyncio.to_thread(self.before, request.method, name)
            async with self._client.request(
                request.method, f"{self._store}{request.raw_path}", headers=headers, data=body
            ) as answer:
                content = await answer.read()
            await asyncio.to_thread(self.after, request.method, name)
        except ConnectionError:
            assert request.transport is not None
            request.transport.close()
            raise
        kept = {
            key: value
            for key, value in answer.headers.items()
            if key.lower() not in _OF_ONE_CONNECTION
        }
        return web.Response(status=answer.status, headers=kept, body=content)


def _object(request: web.Request, body: bytes) -> str:
    """The name of the object that a request is about; empty for a list or a bucket."""
    if request.method == "POST":
        start, end = body.find(b"{"), body.find(b"}")
        return str(json.loads(body[start : end + 1])["name"]) if start >= 0 else ""
    _, _, name = request.rel_url.raw_path.partition(_OBJECTS)
    return urllib.parse.unquote(name)
