"""The page of clusters and what operators do on it: the one place of the pages that acts."""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ml_platform.errors import InputError
from ml_platform.wrong_values import shown_amount, shown_word
from ml_platform.xray.acts import Act
from ml_platform.xray.pages.access import Who
from ml_platform.xray.pages.answers import Answers, Rows, form_of, json, who_asks
from ml_platform.xray.pages.cluster_acts import ClusterActs
from ml_platform.xray.pages.clusters_page import COLUMNS, clusters_page, doing
from ml_platform.xray.pages.site import Site

HERE: Final = "/clusters"
HOURS: Final = (1, 4, 12, 24)
"""For which one may be extended at a time."""


class Clusters:
    """Shows the clusters; stops, extends and reaps them for who may.

    Args:
        site: What the pages are made of.
        answers: Of the site.
    """

    def __init__(self, site: Site, answers: Answers) -> None:
        self._site = site
        self._answers = answers

    def page(self, request: Request) -> Response:
        """Which clusters there are."""
        acts = self._site.acts.newest() if self._site.acts else ()
        try:
            page = clusters_page(
                self._site.store,
                self._site.inventory.seen(),
                acts,
                request.query_params.get("sort", ""),
                request.query_params.get("q", "").strip(),
                prices=self._site.prices,
                now_s=self._site.now(),
            )
        except InputError as error:
            return self._answers.error(request, error, 400)
        who, access = who_asks(request), self._site.access
        return self._answers.page(
            request,
            "clusters.html",
            page,
            Rows(page.clusters, COLUMNS),
            goes_on=True,
            doing=doing,
            hours=HOURS,
            may_act=who.may_act and self._site.acts is not None,
            may_log_in=bool(access.operator_token),
            form_token=access.form_token(who) if who.may_act else "",
        )

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, if who sent it may and it is a form of ours."""
        who, form = who_asks(request), await form_of(request)
        refusal = self._refusal(who, form.get("form_token", ""))
        if refusal is not None:
            return self._answers.error(request, refusal, 403)
        assert self._site.acts is not None
        # In a thread, as it asks Kubernetes and the storage.
        try:
            act = await run_in_threadpool(_begun, self._site.acts, who.name, form)
        except InputError as error:
            return self._answers.error(request, error, 400)
        if request.url.path.endswith(".json"):
            return json(act, 202)
        return RedirectResponse(HERE, status_code=303)

    def _refusal(self, who: Who, form_token: str) -> InputError | None:
        if not who.may_act or self._site.acts is None:
            called = f"{who.name} may" if who.name else "You may"
            return InputError(
                f"{called} read these pages, and not act on them",
                hint="it takes the role of an operator: log in with `MLP_XRAY_OPERATOR_TOKEN`, or "
                "have your name put into `MLP_XRAY_OPERATORS` where the pages are served.",
            )
        if not self._site.access.sent_by_a_form(who, form_token):
            return InputError(
                "this was not sent by a page of these, or by one of before the pages were served "
                "anew; nothing was done",
                hint=f"open `{HERE}` again, and send it from there.",
            )
        return None


def _begun(acts: ClusterActs, who: str, form: dict[str, str]) -> Act:
    """Begin what the form asks for.

    Raises:
        InputError: it asks for nothing that there is.
        StorageError: it cannot be noted.
    """
    verb, cluster = form.get("act", ""), form.get("cluster", "")
    match verb:
        case "stop":
            return acts.stop(who, cluster)
        case "extend":
            hours = form.get("hours", "")
            if hours not in map(str, HOURS):
                raise InputError(
                    f"it is extended by {', '.join(map(str, HOURS))} hours, not by "
                    f"{shown_amount(hours)}",
                    hint="`mlp cluster extend` takes other spans.",
                )
            return acts.extend(who, cluster, int(hours) * 3600.0)
        case "reap":
            return acts.reap(who)
    raise InputError(
        f"there is no act {shown_word(verb)}",
        hint="it is `stop`, `extend` or `reap`, in the field `act`.",
    )
