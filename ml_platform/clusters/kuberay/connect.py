"""A local address for a head that is far away: what comes in gets the head's own credentials.

A browser, `ray job submit` and Ray's Python client speak to `http://127.0.0.1:PORT` as to a Ray on
this machine, log streams over WebSocket included; Ray's token and the API server's credentials are
added on the way and never leave this process.

Whoever reaches the port may run code on the cluster. It listens on this machine only, and refuses
what a web page of somebody else's could send: requests under another host's name (DNS rebinding)
and those of another origin.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ml_platform.clusters.interface import HeadAddress
from ml_platform.errors import ClusterError

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse, web
    from multidict import CIMultiDictProxy

LOCALHOST: Final = "127.0.0.1"
LARGEST_BYTES: Final = 100 * 2**20
"""Ray's dashboard takes no larger request."""
OPENED_WITHIN_S: Final = 20.0
# Of one connection only (RFC 9110, 7.6.1); credentials are the head's, and the host is its own.
NOT_PASSED_ON: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "host", "origin", "referer"),
        *("authorization", "x-ray-authorization"),
    }
)
WEBSOCKET: Final = "sec-websocket-"


@contextmanager
def local_address(head: HeadAddress, *, port: int = 0) -> Iterator[str]:
    """An address on this machine that leads to a head while the block runs.

    Args:
        head: Where it leads.
        port: Which port; 0 for any that is free.

    Raises:
        ClusterError: the port is taken.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="connect", daemon=True)
    thread.start()
    proxy = _Proxy(head)
    try:
        yield asyncio.run_coroutine_threadsafe(proxy.open(port), loop).result()
    except OSError as error:
        if proxy.is_open:
            raise
        raise ClusterError(
            f"nothing can listen on port {port} of this machine: {error.strerror}",
            hint="name another by --port, or none for any that is free.",
        ) from error
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Proxy:
    def __init__(self, head: HeadAddress) -> None:
        self._head = head
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None
        self._own_hosts: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return bool(self._own_hosts)

    async def open(self, port: int) -> str:
        import aiohttp
        from aiohttp import web

        # Bodies pass as they are; a proxy from the environment is for the internet.
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=OPENED_WITHIN_S),
        )
        app = web.Application(client_max_size=LARGEST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A stream that is open is not waited for when the person has had enough.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOCALHOST, port).start()
        port = int(self._runner.addresses[0][1])
        self._own_hosts = frozenset({f"{LOCALHOST}:{port}", f"localhost:{port}"})
        return f"http://{LOCALHOST}:{port}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        import aiohttp
        from aiohttp import web

        if not self._is_ours(request.headers):
            return web.Response(status=403, text="this address is for this machine's own programs")
        # A kubeconfig may ask a program for a token.
        headers = await asyncio.to_thread(lambda: self._head.headers)
        headers = {**passed_on(request.headers), **headers}
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request, headers)
            return await self._http(request, headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"the Ray head does not answer: {error}")

    def _is_ours(self, headers: "CIMultiDictProxy[str]") -> bool:
        origin = headers.get("Origin")
        return headers.get("Host", "") in self._own_hosts and (
            origin is None or urlsplit(origin).netloc in self._own_hosts
        )

    async def _http(self, request: "web.Request", headers: dict[str, str]) -> "web.StreamResponse":
        from aiohttp import web

        assert self._session is not None
        async with self._session.request(
            request.method,
            self._url(request),
            headers=headers,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
            ssl=self._head.tls or True,
        ) as answer:
            back = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in NOT_PASSED_ON:
                    back.headers.add(name, value)
            if "Location" in answer.headers:
                back.headers["Location"] = self._local(answer.headers["Location"])
            await back.prepare(request)
            async for chunk in answer.content.iter_any():
                await back.write(chunk)
            await back.write_eof()
            return back

    async def _websocket(
        self, request: "web.Request", headers: dict[str, str]
    ) -> "web.StreamResponse":
        from aiohttp import web

        assert self._session is not None
        async with self._session.ws_connect(
            self._url(request),
            headers=headers,
            # Ray 2.60 answers an offer of compression with one of another connection's.
            compress=0,
            max_msg_size=0,
            ssl=self._head.tls or True,
        ) as there:
            here = web.WebSocketResponse(compress=False, max_msg_size=0)
            await here.prepare(request)
            ways = [
                asyncio.create_task(_pump(there, here)),
                asyncio.create_task(_pump(here, there)),
            ]
            # Whoever ends it first ends it for both.
            _, open_ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in open_ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await here.close()
            return here

    def _url(self, request: "web.Request") -> str:
        return self._head.url + request.raw_path

    def _local(self, location: str) -> str:
        """Where a redirection leads from here: the API server names its own paths."""
        base = urlsplit(self._head.url)
        found = urlsplit(location)
        if found.netloc in ("", base.netloc) and found.path.startswith(base.path):
            path = found.path.removeprefix(base.path) or "/"
            return f"{path}?{found.query}" if found.query else path
        return location


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """What of a request's headers goes on to the head."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in NOT_PASSED_ON and not name.lower().startswith(WEBSOCKET)
    }


async def _pump(
    source: "ClientWebSocketResponse | web.WebSocketResponse",
    sink: "ClientWebSocketResponse | web.WebSocketResponse",
) -> None:
    from aiohttp import WSMsgType

    async for message in source:
        if message.type == WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await sink.send_bytes(message.data)
