"""The pages' addresses. The same address with `.json` gives the same facts to a program.

    /  /attempts                what is wrong, what goes on, the newest attempts   also .csv
    /attempts/ID                an attempt                                          /log: its log
    /trainings/ID               a training over its attempts                        also .csv
    /models/NAME                a model over its partitions                         also .csv
    /runs/ID                    the story of a run                                  also .csv
    /backfills/ID               a backfill over its partitions                      also .csv
    /costs                      what was spent on what, and what of it was wasted   also .csv
    /costs/budgets.csv          what is spent of each budget
    /compare?a=ID&b=ID          what differs between two attempts
    /find?q=…                   goes to whichever of these is meant
    /metrics                    for Prometheus

Nothing here waits for storage, but for the log of an attempt.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ml_platform.errors import InputError, PlatformError, XrayError
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.budgets import Limit
from ml_platform.xray.compare import compared
from ml_platform.xray.find import find_attempt
from ml_platform.xray.listing import details_to_compare
from ml_platform.xray.metrics import CONTENT_TYPE
from ml_platform.xray.pages import (
    addresses,
    attempts_table,
    backfill_page,
    budgets_table,
    costs_page,
    model_page,
    stories,
)
from ml_platform.xray.pages.access import COOKIE, Access, after_login, is_secure
from ml_platform.xray.pages.attempts_table import chosen_by
from ml_platform.xray.pages.guard import Guard
from ml_platform.xray.pages.log_page import log_page, wanted_by
from ml_platform.xray.pages.looking import page_of
from ml_platform.xray.pages.overview import overview
from ml_platform.xray.pages.picture import side_by_side
from ml_platform.xray.pages.rendering import html_of, json_of
from ml_platform.xray.pages.table import Column, to_csv
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store

STATIC: Final = Path(__file__).parent / "static"
ZONE_COOKIE: Final = "mlp_xray_zone"
LONGEST_FORM: Final = 4096
SUFFIXES: Final = (".json", ".csv")
BUDGETS: Final = "/costs/budgets"
STAYS_LOGGED_IN_S: Final = 30 * 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the pages are made of.

    Attributes:
        store: What has been gathered.
        others: Pages of others that ours lead to.
        access: Who may read.
        now: Seconds since 1970.
        trouble: Why not all is gathered, in words; empty if nothing is missing.
        metrics: What Prometheus reads.
        prices: Of an hour.
        limits: Budgets.
        loud: Findings that a person has turned on.
    """

    store: Store
    others: addresses.Others
    access: Access
    now: Callable[[], float]
    trouble: Callable[[], str]
    metrics: Callable[[], bytes]
    prices: Prices = field(default_factory=Prices)
    limits: Sequence[Limit] = ()
    loud: Collection[str] = ()


def make_app(site: Site) -> ASGIApp:
    """The pages, guarded."""
    pages = _Pages(site)
    routes: list[BaseRoute] = [
        *(Route(f"/{name}", pages.overview) for name in ("", "attempts")),
        *(Route(f"/attempts{suffix}", pages.overview) for suffix in SUFFIXES),
        *(Route(f"/attempts/{{what}}/log{suffix}", pages.log) for suffix in ("", ".json")),
        Route("/attempts/{what}", pages.attempt),
        Route("/trainings/{what}", pages.training),
        Route("/models/{what}", pages.model),
        Route("/runs/{what}", pages.run),
        Route("/backfills/{what}", pages.backfill),
        *(Route(f"/costs{suffix}", pages.costs) for suffix in ("", *SUFFIXES)),
        Route(f"{BUDGETS}.csv", pages.costs),
        *(Route(f"/compare{suffix}", pages.compare) for suffix in ("", ".json")),
        Route("/find", pages.find),
        Route("/login", pages.login),
        Route("/login", pages.log_in, methods=["POST"]),
        Route("/logout", pages.log_out, methods=["POST"]),
        Route("/metrics", lambda _: Response(site.metrics(), media_type=CONTENT_TYPE)),
        Route("/health", lambda _: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: Mapping[Any, Any] = {
        InputError: pages.unknown,
        XrayError: pages.away,
        HTTPException: pages.refused,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), site.access)


class _Pages:
    """Each answers a request; they run in threads, beside each other."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    def overview(self, request: Request) -> Response:
        try:
            chosen = chosen_by(request.query_params)
            prices = self._site.prices
            page = overview(self._store, chosen, prices=prices, now_s=self._site.now())
        except InputError as error:
            return self._error(request, error, 400)
        table = _Table(page.attempts, attempts_table.COLUMNS)
        choices = {"spans": tuple(attempts_table.SPANS_S), "statuses": attempts_table.STATUSES}
        choices["causes"] = attempts_table.CAUSES
        return self._answer(
            request, "overview.html", page, table, goes_on=page.goes_on, choices=choices
        )

    def attempt(self, request: Request) -> Response:
        page = stories.attempt_page(
            self._store,
            _what(request),
            others=self._site.others,
            now_s=self._site.now(),
            prices=self._site.prices,
            loud=self._site.loud,
            zone=_zone(request),
        )
        return self._answer(request, "attempt.html", page, goes_on=page.details.attempt.is_open)

    def log(self, request: Request) -> Response:
        query = request.query_params
        wanted = [query.get(name, "") for name in ("source", "q", "since")]
        found = find_attempt(self._store, request.path_params["what"])
        page = log_page(found, wanted_by(*wanted))
        return self._answer(request, "log.html", page, attempt=found)

    def training(self, request: Request) -> Response:
        page = stories.training_page(
            self._store,
            _what(request),
            now_s=self._site.now(),
            prices=self._site.prices,
            partition=request.query_params.get("partition", ""),
            zone=_zone(request),
        )
        return self._story(request, page, of_run=False)

    def run(self, request: Request) -> Response:
        page = stories.run_page(
            self._store,
            _what(request),
            now_s=self._site.now(),
            prices=self._site.prices,
            zone=_zone(request),
        )
        return self._story(request, page, of_run=True)

    def model(self, request: Request) -> Response:
        page = model_page.model_page(
            self._store,
            _what(request),
            request.query_params.get("sort", ""),
            others=self._site.others,
            now_s=self._site.now(),
        )
        table = _Table(page.partitions, model_page.COLUMNS)
        return self._answer(request, "model.html", page, table, goes_on=page.goes_on)

    def backfill(self, request: Request) -> Response:
        page = backfill_page.backfill_page(
            self._store,
            _what(request),
            request.query_params.get("sort", ""),
            prices=self._site.prices,
            now_s=self._site.now(),
        )
        table = _Table(page.partitions, backfill_page.COLUMNS)
        return self._answer(request, "backfill.html", page, table, goes_on=page.goes_on)

    def costs(self, request: Request) -> Response:
        try:
            chosen = costs_page.chosen_costs(request.query_params)
            page = costs_page.costs_page(
                self._store,
                chosen,
                prices=self._site.prices,
                now_s=self._site.now(),
                limits=self._site.limits,
            )
        except InputError as error:
            return self._error(request, error, 400)
        table = _Table(page.rows, costs_page.COLUMNS)
        if request.url.path.startswith(BUDGETS):
            table = _Table(page.budgets, budgets_table.COLUMNS)
        return self._answer(
            request,
            "costs.html",
            page,
            table,
            columns=costs_page.COLUMNS,
            columns_of_budgets=budgets_table.COLUMNS,
            choices=costs_page.CHOICES,
        )

    def compare(self, request: Request) -> Response:
        asked = [request.query_params.get(name, "").strip() for name in ("a", "b")]
        if not all(asked):
            if request.url.path.endswith(".json"):
                error = InputError("two attempts are wanted", hint="/compare.json?a=ID&b=ID")
                return self._error(request, error, 400)
            return self._html(request, "compare_form.html", asked=asked)
        now_s = self._site.now()
        found = [find_attempt(self._store, one) for one in asked]
        prices = self._site.prices
        a, b = (details_to_compare(self._store, one, prices=prices, now_s=now_s) for one in found)
        return self._answer(
            request, "compare.html", compared(a, b), asked=asked, pictures=side_by_side(a, b, now_s)
        )

    def find(self, request: Request) -> Response:
        asked = request.query_params.get("q", "").strip()
        return RedirectResponse(page_of(self._store, asked) if asked else "/", status_code=303)

    def login(self, request: Request) -> Response:
        if not self._site.access.token:
            return RedirectResponse("/", status_code=303)
        wanted = after_login(request.query_params.get("next", "/"))
        return self._html(request, "login.html", wanted=wanted, wrong=False)

    async def log_in(self, request: Request) -> Response:
        form = await _form(request)
        wanted = after_login(form.get("next", "/"))
        if not self._site.access.is_token(form.get("token", "")):
            return self._html(request, "login.html", status=403, wanted=wanted, wrong=True)
        answer = RedirectResponse(wanted, status_code=303)
        answer.set_cookie(
            COOKIE,
            self._site.access.session,
            max_age=STAYS_LOGGED_IN_S,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return answer

    def log_out(self, request: Request) -> Response:
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    def unknown(self, request: Request, error: InputError) -> Response:
        """It names nothing, or more than one thing."""
        what = request.path_params.get("what", "")
        return self._error(request, error, 404, meant=stories.of_one_name(self._store, what))

    def away(self, request: Request, error: XrayError) -> Response:
        """The database fails."""
        return self._error(request, error, 503)

    def refused(self, request: Request, error: HTTPException) -> Response:
        """There is no such page."""
        hint = "the first page leads to all others."
        told = InputError(f"{request.url.path}: {error.detail.lower()}", hint=hint)
        return self._error(request, told, error.status_code)

    def _story(self, request: Request, page: stories.StoryPage, *, of_run: bool) -> Response:
        table = _Table(page.attempts, attempts_table.COLUMNS)
        others = self._site.others
        run = others.run(page.name) if of_run else ""
        return self._answer(
            request, "story.html", page, table, goes_on=page.goes_on, dagster_run=run
        )

    def _answer(
        self,
        request: Request,
        template: str,
        page: Any,
        table: "_Table | None" = None,
        **more: Any,
    ) -> Response:
        """The page, in the form that its address asks for."""
        path = request.url.path
        if path.endswith(".json"):
            return Response(json_of(page), media_type="application/json")
        if path.endswith(".csv"):
            if table is None:
                error = InputError(f"{path} is no table", hint="it is there as .json.")
                return self._error(request, error, 404)
            return Response(to_csv(table.rows, table.columns), media_type="text/csv")
        shown = table.columns if table else ()
        return self._html(request, template, **{"page": page, "columns": shown} | more)

    def _html(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        path = request.url.path
        here = quote("/attempts" if path == "/" else path)
        query = f"?{request.url.query}" if request.url.query else ""
        zone = _zone(request)
        site = {
            "others": self._site.others,
            "trouble": self._site.trouble(),
            "can_log_out": bool(self._site.access.token),
            "path": path,
            "here": here,
            "twin": lambda suffix: f"{here}{suffix}{query}",
            "zone": str(zone),
        }
        usual = {"goes_on": False, "columns_of_attempts": attempts_table.COLUMNS}
        values = usual | values
        return HTMLResponse(html_of(template, {"site": site, **values}, zone=zone), status)

    def _error(
        self,
        request: Request,
        error: PlatformError,
        status: int,
        meant: Sequence[AttemptRecord] = (),
    ) -> Response:
        if request.url.path.endswith(SUFFIXES):
            body = _Told(error=error.message, hint=error.hint)
            return Response(json_of(body), status, media_type="application/json")
        return self._html(request, "error.html", status=status, error=error, meant=meant)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    error: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Table:
    rows: Sequence[Any]
    columns: Sequence[Column[Any]]


def _what(request: Request) -> str:
    what: str = request.path_params["what"]
    for suffix in SUFFIXES:
        what = what.removesuffix(suffix)
    return what


def _zone(request: Request) -> tzinfo:
    """The reader's zone, as their browser has told it; UTC before it has."""
    name = request.cookies.get(ZONE_COOKIE, "")
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, KeyError, OSError):  # it is none, or this machine does not know it
        return UTC


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            raise HTTPException(status_code=413)
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
