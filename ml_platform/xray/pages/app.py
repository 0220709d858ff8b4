"""The pages' addresses. The same address with `.json` gives the same facts to a program.

    /  /attempts                what is wrong, what goes on, the newest attempts   also .csv
    /attempts/ID                an attempt                                          /log: its log
    /trainings/ID               a training over its attempts                        also .csv
    /models/NAME                a model over its partitions                         also .csv
    /runs/ID                    the story of a run                                  also .csv
    /backfills/ID               a backfill over its partitions                      also .csv
    /clusters                   which there are, whose; for operators what to do    also .csv
    /costs                      what was spent on what, and what of it was wasted   also .csv
    /costs/budgets.csv          what is spent of each budget
    /compare?a=ID&b=ID          what differs between two attempts
    /find?q=…                   goes to whichever of these is meant
    /metrics                    for Prometheus

Nothing here waits for storage, but for the log of an attempt.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ml_platform.errors import InputError, PlatformError, StorageError, XrayError
from ml_platform.xray.compare import compared
from ml_platform.xray.find import find_attempt
from ml_platform.xray.listing import details_to_compare
from ml_platform.xray.metrics import CONTENT_TYPE
from ml_platform.xray.pages import (
    attempts_table,
    backfill_page,
    budgets_table,
    costs_page,
    model_page,
    stories,
)
from ml_platform.xray.pages.answers import SUFFIXES, Answers, Rows, named, zone_of
from ml_platform.xray.pages.attempts_table import chosen_by
from ml_platform.xray.pages.clusters import Clusters
from ml_platform.xray.pages.curve_charts import curve_charts
from ml_platform.xray.pages.guard import Guard
from ml_platform.xray.pages.log_page import log_page, wanted_by
from ml_platform.xray.pages.login import Login
from ml_platform.xray.pages.looking import page_of
from ml_platform.xray.pages.overview import overview
from ml_platform.xray.pages.picture import side_by_side
from ml_platform.xray.pages.site import Site
from ml_platform.xray.pages.table import STATUSES

STATIC: Final = Path(__file__).parent / "static"
BUDGETS: Final = "/costs/budgets"


def make_app(site: Site) -> ASGIApp:
    """The pages, guarded."""
    answers = Answers(site)
    pages, login = _Pages(site, answers), Login(site.access, answers)
    clusters = Clusters(site, answers)
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
        *(Route(f"/clusters{suffix}", clusters.page) for suffix in ("", *SUFFIXES)),
        *(Route(f"/clusters{end}", clusters.act, methods=["POST"]) for end in ("", ".json")),
        Route("/login", login.page),
        Route("/login", login.log_in, methods=["POST"]),
        Route("/logout", login.log_out, methods=["POST"]),
        Route("/metrics", lambda _: Response(site.metrics(), media_type=CONTENT_TYPE)),
        Route("/health", lambda _: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    handlers: Mapping[Any, Any] = {
        InputError: pages.unknown,
        XrayError: pages.away,
        StorageError: pages.away,
        HTTPException: pages.refused,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), site.access)


class _Pages:
    """Each answers a request; they run in threads, beside each other."""

    def __init__(self, site: Site, answers: Answers) -> None:
        self._site = site
        self._store = site.store
        self._answers = answers

    def overview(self, request: Request) -> Response:
        try:
            chosen = chosen_by(request.query_params)
            prices = self._site.prices
            page = overview(self._store, chosen, prices=prices, now_s=self._site.now())
        except InputError as error:
            return self._answers.error(request, error, 400)
        table = Rows(page.attempts, attempts_table.COLUMNS)
        choices = {"spans": tuple(attempts_table.SPANS_S), "statuses": STATUSES}
        choices["causes"] = attempts_table.CAUSES
        return self._answers.page(
            request, "overview.html", page, table, goes_on=page.goes_on, choices=choices
        )

    def attempt(self, request: Request) -> Response:
        page = stories.attempt_page(
            self._store,
            named(request),
            others=self._site.others,
            now_s=self._site.now(),
            prices=self._site.prices,
            loud=self._site.loud,
            zone=zone_of(request),
        )
        return self._answers.page(
            request,
            "attempt.html",
            page,
            goes_on=page.details.attempt.is_open,
            charts=curve_charts({"": page.details.curves}),
        )

    def log(self, request: Request) -> Response:
        query = request.query_params
        wanted = [query.get(name, "") for name in ("source", "q", "since")]
        found = find_attempt(self._store, request.path_params["what"])
        page = log_page(found, wanted_by(*wanted))
        return self._answers.page(request, "log.html", page, attempt=found)

    def training(self, request: Request) -> Response:
        page = stories.training_page(
            self._store,
            named(request),
            now_s=self._site.now(),
            prices=self._site.prices,
            partition=request.query_params.get("partition", ""),
            zone=zone_of(request),
        )
        return self._story(request, page, of_run=False)

    def run(self, request: Request) -> Response:
        page = stories.run_page(
            self._store,
            named(request),
            now_s=self._site.now(),
            prices=self._site.prices,
            zone=zone_of(request),
        )
        return self._story(request, page, of_run=True)

    def model(self, request: Request) -> Response:
        page = model_page.model_page(
            self._store,
            named(request),
            request.query_params.get("sort", ""),
            request.query_params.get("state", ""),
            others=self._site.others,
            prices=self._site.prices,
            now_s=self._site.now(),
        )
        table = Rows(page.partitions, model_page.COLUMNS)
        return self._answers.page(request, "model.html", page, table, goes_on=page.goes_on)

    def backfill(self, request: Request) -> Response:
        page = backfill_page.backfill_page(
            self._store,
            named(request),
            request.query_params.get("sort", ""),
            request.query_params.get("state", ""),
            prices=self._site.prices,
            now_s=self._site.now(),
        )
        table = Rows(page.partitions, backfill_page.COLUMNS)
        return self._answers.page(request, "backfill.html", page, table, goes_on=page.goes_on)

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
            return self._answers.error(request, error, 400)
        table = Rows(page.rows, costs_page.COLUMNS)
        if request.url.path.startswith(BUDGETS):
            table = Rows(page.budgets, budgets_table.COLUMNS)
        return self._answers.page(
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
                return self._answers.error(request, error, 400)
            return self._answers.html(request, "compare_form.html", asked=asked)
        now_s = self._site.now()
        found = [find_attempt(self._store, one) for one in asked]
        prices = self._site.prices
        a, b = (details_to_compare(self._store, one, prices=prices, now_s=now_s) for one in found)
        return self._answers.page(
            request,
            "compare.html",
            compared(a, b),
            asked=asked,
            pictures=side_by_side(a, b, now_s),
            charts=curve_charts({"A": a.curves, "B": b.curves}),
        )

    def find(self, request: Request) -> Response:
        asked = request.query_params.get("q", "").strip()
        return RedirectResponse(page_of(self._store, asked) if asked else "/", status_code=303)

    def unknown(self, request: Request, error: InputError) -> Response:
        """It names nothing, or more than one thing."""
        what = request.path_params.get("what", "")
        return self._answers.error(
            request, error, 404, meant=stories.of_one_name(self._store, what)
        )

    def away(self, request: Request, error: PlatformError) -> Response:
        """The database fails, or the storage."""
        return self._answers.error(request, error, 503)

    def refused(self, request: Request, error: HTTPException) -> Response:
        """There is no such page."""
        hint = "the first page leads to all others."
        told = InputError(f"{request.url.path}: {error.detail.lower()}", hint=hint)
        return self._answers.error(request, told, error.status_code)

    def _story(self, request: Request, page: stories.StoryPage, *, of_run: bool) -> Response:
        table = Rows(page.attempts, attempts_table.COLUMNS)
        others = self._site.others
        run = others.run(page.name) if of_run else ""
        return self._answers.page(
            request, "story.html", page, table, goes_on=page.goes_on, dagster_run=run
        )
