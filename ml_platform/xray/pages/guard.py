"""Stands before all pages: lets in who may read, and gives each answer its guarding headers."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_platform.xray.pages.access import HEADERS, Access, Who, is_open
from ml_platform.xray.pages.addresses import part


class Guard:
    """The pages, guarded.

    Args:
        app: The pages.
        access: Who may read them.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # What is known of trainings stays in no cache; our own files are asked for anew.
                kept = "no-cache" if path.startswith("/static/") else "no-store"
                headers["cache-control"] = kept
            await send(message)

        refusal = self._refusal(Request(scope), path)
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, request: Request, path: str) -> Response | None:
        host = request.headers.get("host", "")
        if not self._access.knows_host(host):
            known = ", ".join(sorted(self._access.hosts))
            return PlainTextResponse(
                f"These pages are asked for as {known}, not as {host!r}. "
                "MLP_XRAY_URL names another.\n",
                status_code=400,
            )
        if request.method == "POST" and _is_of_others(request):
            return PlainTextResponse(
                "This is sent by a page of somebody else's. Log in, and act, on one of ours.\n",
                status_code=403,
            )
        who = self._access.who(request.headers, request.cookies)
        if is_open(path) or who is not None:
            request.state.who = who or Who()
            return None
        hint = "send `Authorization: Bearer TOKEN`" if self._access.token else "ask the proxy"
        if path.endswith((".json", ".csv", "/metrics")):
            return JSONResponse({"error": "log in first", "hint": hint}, status_code=401)
        if not self._access.token:
            return PlainTextResponse(
                "Log in first: these pages are read through a proxy that says who you are in "
                f"{self._access.user_header}.\n",
                status_code=401,
            )
        query = f"?{request.url.query}" if request.url.query else ""
        # What was sent is not sent again after a login.
        wanted = part(path + query if request.method in ("GET", "HEAD") else "/")
        return RedirectResponse(f"/login?next={wanted}", status_code=303)


def _is_of_others(request: Request) -> bool:
    """Whether a page of somebody else's sends this, as every browser of today says."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
