"""A server that speaks Google Cloud Storage's JSON API, as far as the real `gcsfs` asks for it.

Small objects in one upload, conditional create, reading, listing and deleting.
"""

import asyncio
import base64
import hashlib
import json
import threading
from typing import Any, Self

from aiohttp import web


class GcsServer:
    """Runs in a thread; a context manager.

    Attributes:
        objects: Content by `bucket/name`.
        requests: What was asked, as `METHOD path`.
        loses_answers: How many of the next uploads are kept, but answered with HTTP 503.
        url: Its address.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.loses_answers = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None

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
        app = web.Application(middlewares=[self._note])
        app.router.add_post("/upload/storage/v1/b/{bucket}/o", self._upload)
        app.router.add_get("/download/storage/v1/b/{bucket}/o/{name:.+}", self._download)
        app.router.add_get("/storage/v1/b/{bucket}/o", self._list)
        app.router.add_get("/storage/v1/b/{bucket}/o/{name:.+}", self._show_one)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        assert request.query["uploadType"] == "multipart", "objects of a test are small"
        _, about, content, _ = (await request.read()).split(b"--==0==")
        name = json.loads(about.split(b"\n\n", 1)[1])["name"]
        path = f"{request.match_info['bucket']}/{name}"
        if request.query.get("ifGenerationMatch") == "0" and path in self.objects:
            # As Google answers: https://cloud.google.com/storage/docs/request-preconditions
            error = {"code": 412, "message": "At least one of the pre-conditions did not hold."}
            return web.json_response({"error": error}, status=412)
        self.objects[path] = content.split(b"\n\n", 1)[1].removesuffix(b"\n")
        if self.loses_answers > 0:
            self.loses_answers -= 1
            return web.json_response({"error": {"code": 503, "message": "away"}}, status=503)
        return web.json_response(self._show(path))

    async def _download(self, request: web.Request) -> web.Response:
        path = _path(request)
        if path not in self.objects:
            return _absent()
        return web.Response(body=self.objects[path], content_type="application/octet-stream")

    async def _show_one(self, request: web.Request) -> web.Response:
        path = _path(request)
        return web.json_response(self._show(path)) if path in self.objects else _absent()

    async def _list(self, request: web.Request) -> web.Response:
        bucket = request.match_info["bucket"]
        start = f"{bucket}/{request.query.get('prefix', '')}"
        items, prefixes = [], set()
        for path in sorted(one for one in self.objects if one.startswith(start)):
            inside = path[len(start) :]
            if request.query.get("delimiter") == "/" and "/" in inside:
                folder = start + inside.split("/")[0]
                prefixes.add(f"{folder.removeprefix(f'{bucket}/')}/")
            else:
                items.append(self._show(path))
        return web.json_response({"items": items, "prefixes": sorted(prefixes)})

    def _show(self, path: str) -> dict[str, Any]:
        bucket, _, name = path.partition("/")
        content = self.objects[path]
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "size": str(len(content)),
            "generation": "1",
            "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
        }


def _path(request: web.Request) -> str:
    return f"{request.match_info['bucket']}/{request.match_info['name']}"


def _absent() -> web.Response:
    return web.json_response({"error": {"code": 404, "message": "no such object"}}, status=404)
