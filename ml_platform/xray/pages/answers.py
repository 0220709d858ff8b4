"""An answer in the form that its address asks for: a page, the same facts as JSON, or a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ml_platform.errors import InputError, PlatformError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.pages.access import Who
from ml_platform.xray.pages.attempts_table import COLUMNS
from ml_platform.xray.pages.rendering import html_of, json_of
from ml_platform.xray.pages.site import Site
from ml_platform.xray.pages.table import STATUSES, Column, to_csv

ZONE_COOKIE: Final = "mlp_xray_zone"
LONGEST_FORM: Final = 4096
SUFFIXES: Final = (".json", ".csv")


@dataclass(frozen=True, slots=True)
class Rows:
    """A page's table, for CSV."""

    rows: Sequence[Any]
    columns: Sequence[Column[Any]]


class Answers:
    """Answers of one site.

    Args:
        site: What all pages show of it.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def page(
        self, request: Request, template: str, page: Any, table: Rows | None = None, **more: Any
    ) -> Response:
        """The page, in the form that its address asks for."""
        path = request.url.path
        if path.endswith(".json"):
            return json(page)
        if path.endswith(".csv"):
            if table is None:
                error = InputError(f"{path} is no table", hint="it is there as .json.")
                return self.error(request, error, 404)
            return Response(to_csv(table.rows, table.columns), media_type="text/csv")
        shown = table.columns if table else ()
        return self.html(request, template, **{"page": page, "columns": shown} | more)

    def html(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        """A page for people, whatever its address ends in."""
        path = request.url.path
        here = quote("/attempts" if path == "/" else path)
        query = f"?{request.url.query}" if request.url.query else ""
        zone, who = zone_of(request), who_asks(request)
        access = self._site.access
        site = {
            "others": self._site.others,
            "trouble": self._site.trouble(),
            "who": who,
            "can_log_out": bool(access.token or (access.operator_token and who.may_act)),
            "path": path,
            "here": here,
            "twin": lambda suffix: f"{here}{suffix}{query}",
            "zone": str(zone),
        }
        usual = {"goes_on": False, "columns_of_attempts": COLUMNS, "states": STATUSES}
        values = usual | values
        return HTMLResponse(html_of(template, {"site": site, **values}, zone=zone), status)

    def error(
        self,
        request: Request,
        error: PlatformError,
        status: int,
        meant: Sequence[AttemptRecord] = (),
    ) -> Response:
        """What went wrong, and what to do."""
        if request.url.path.endswith(SUFFIXES):
            return json(_Told(error=error.message, hint=error.hint), status)
        return self.html(request, "error.html", status=status, error=error, meant=meant)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    error: str
    hint: str


def json(value: Any, status: int = 200) -> Response:
    """A value for a program."""
    return Response(json_of(value), status, media_type="application/json")


def who_asks(request: Request) -> Who:
    """Whom the guard has let in."""
    who: Who = request.state.who
    return who


def named(request: Request) -> str:
    """What the address names, without its ending."""
    what: str = request.path_params["what"]
    for suffix in SUFFIXES:
        what = what.removesuffix(suffix)
    return what


def zone_of(request: Request) -> tzinfo:
    """The reader's zone, as their browser has told it; UTC before it has."""
    name = request.cookies.get(ZONE_COOKIE, "")
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, KeyError, OSError):  # it is none, or this machine does not know it
        return UTC


async def form_of(request: Request) -> dict[str, str]:
    """What a form has sent.

    Raises:
        HTTPException: it is longer than any of ours.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            raise HTTPException(status_code=413)
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
