"""Google Cloud Storage's JSON API, as far as gcsfs uses it, in a thread of this process.

Objects are whole and seen at once, and a create on the condition that there is none (generation 0)
is refused when there is one: what the platform builds upon.
"""

import asyncio
import base64
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import fsspec
from aiohttp import web

BUCKET: Final = "bucket"
ANONYMOUS: Final = {"FSSPEC_GS_TOKEN": "anon"}


@contextmanager
def in_this_process(environment: Mapping[str, str]) -> Iterator[None]:
    """Let gcsfs here speak to the double: fsspec has read its environment at import."""
    before = dict(os.environ)
    os.environ.update(environment)
    settings = fsspec.config.conf.pop("gs", None)
    fsspec.config.set_conf_env(fsspec.config.conf)
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    try:
        yield
    finally:
        for name in environment:
            os.environ.pop(name)
        os.environ.update(before)
        fsspec.config.conf.pop("gs", None)
        if settings is not None:
            fsspec.config.conf["gs"] = settings
        fsspec.get_filesystem_class("gs").clear_instance_cache()


class GcsDouble:
    """A bucket; a context manager.

    Attributes:
        objects: Contents by name.
        url: Address, for `STORAGE_EMULATOR_HOST`.
        requests: What was asked, as `METHOD path`.
        before: Called before a request is carried out, with method and object's name.
        after: Called when it has been carried out and was not answered yet; both may block, and
            close the connection by raising `ConnectionError`.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.url = ""
        self.requests: list[str] = []
        self.before: Callable[[str, str], None] = lambda method, name: None
        self.after: Callable[[str, str], None] = lambda method, name: None
        self._generations: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gcs")
        self._runner: web.AppRunner | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What gcsfs, here or in a child, has to have in its environment."""
        return {"STORAGE_EMULATOR_HOST": self.url, **ANONYMOUS}

    def names(self) -> list[str]:
        """All objects."""
        return list(self.objects)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application(middlewares=[self._door], client_max_size=2**26)
        app.router.add_post(f"/upload/storage/v1/b/{BUCKET}/o", self._insert)
        app.router.add_get(f"/storage/v1/b/{BUCKET}/o", self._list)
        app.router.add_get(f"/storage/v1/b/{BUCKET}", self._bucket)
        for base in ("/storage/v1", "/download/storage/v1"):
            app.router.add_get(f"{base}/b/{BUCKET}/o/{{name:.+}}", self._get)
        app.router.add_delete(f"/storage/v1/b/{BUCKET}/o/{{name:.+}}", self._delete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @web.middleware
    async def _door(self, request: web.Request, handler: Any) -> web.StreamResponse:
        name = request.match_info.get("name", "")
        if request.method == "POST":
            name = str(json.loads((await _parts(request))[0])["name"])
        self.requests.append(f"{request.method} {name}")
        try:
            await asyncio.to_thread(self.before, request.method, name)
            answer: web.StreamResponse = await handler(request)
            await asyncio.to_thread(self.after, request.method, name)
        except ConnectionError:
            assert request.transport is not None
            request.transport.close()
            raise
        return answer

    async def _insert(self, request: web.Request) -> web.Response:
        meta, content = await _parts(request)
        name = str(json.loads(meta)["name"])
        if request.query.get("ifGenerationMatch") == "0" and name in self.objects:
            return _error(412, "conditionNotMet: at least one of the pre-conditions did not hold")
        self.objects[name] = content
        self._generations[name] = next(self._numbers)
        return web.json_response(self._show(name))

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.objects:
            return _error(404, f"No such object: {BUCKET}/{name}")
        if request.query.get("alt") != "media":
            return web.json_response(self._show(name))
        content = self.objects[name]
        wanted = request.http_range
        if wanted.start is not None or wanted.stop is not None:
            return web.Response(status=206, body=content[wanted])
        return web.Response(body=content)

    async def _delete(self, request: web.Request) -> web.Response:
        if self.objects.pop(request.match_info["name"], None) is None:
            return _error(404, "No such object")
        return web.Response(status=204)

    async def _list(self, request: web.Request) -> web.Response:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        items, prefixes = [], set()
        for name in sorted(self.objects):
            rest = name.removeprefix(prefix)
            if not name.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                prefixes.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                items.append(self._show(name))
        return web.json_response({"items": items, "prefixes": sorted(prefixes)})

    async def _bucket(self, request: web.Request) -> web.Response:
        return web.json_response({"kind": "storage#bucket", "name": BUCKET})

    def _show(self, name: str) -> dict[str, str]:
        content = self.objects[name]
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": BUCKET,
            "size": str(len(content)),
            "generation": str(self._generations[name]),
            "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
            "updated": "2026-01-01T00:00:00Z",
            "timeCreated": "2026-01-01T00:00:00Z",
        }


async def _parts(request: web.Request) -> tuple[bytes, bytes]:
    """Metadata and content of a multipart upload."""
    body = await request.read()
    boundary = request.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
    meta, content = body.split(b"--" + boundary)[1:3]
    return meta.split(b"\n\n", 1)[1].strip(), content.split(b"\n\n", 1)[1].removesuffix(b"\n")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)
