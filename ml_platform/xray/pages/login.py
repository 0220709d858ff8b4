"""Logging in and out: as a reader, or as an operator who says who they are."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ml_platform.xray.pages.access import COOKIE, Access, after_login, is_secure, name_said
from ml_platform.xray.pages.answers import Answers, form_of

STAYS_LOGGED_IN_S: Final = 30 * 86_400
TEMPLATE: Final = "login.html"


class Login:
    """The pages on which people log in and out.

    Args:
        access: Who may.
        answers: Of the site.
    """

    def __init__(self, access: Access, answers: Answers) -> None:
        self._access = access
        self._answers = answers

    def page(self, request: Request) -> Response:
        """Where a token is typed."""
        wanted = after_login(request.query_params.get("next", "/"))
        if not self._access.takes_tokens:
            return RedirectResponse("/", status_code=303)
        return self._html(request, wanted=wanted)

    async def log_in(self, request: Request) -> Response:
        """Let in whoever has a token; an operator has to say who they are."""
        form = await form_of(request)
        wanted = after_login(form.get("next", "/"))
        token, name = form.get("token", ""), name_said(form.get("name", ""))
        if self._access.is_operator_token(token):
            if not name:
                return self._html(request, status=400, wanted=wanted, wrong="nameless")
            session = self._access.operator_session(name)
        elif self._access.is_token(token):
            session = self._access.session
        else:
            return self._html(request, status=403, wanted=wanted, wrong="token")
        answer = RedirectResponse(wanted, status_code=303)
        answer.set_cookie(
            COOKIE,
            session,
            max_age=STAYS_LOGGED_IN_S,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return answer

    def log_out(self, request: Request) -> Response:
        """Forget who it was."""
        answer = RedirectResponse("/login" if self._access.needs_login else "/", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    def _html(self, request: Request, *, status: int = 200, **values: Any) -> Response:
        values = {"wrong": "", "has_operators": bool(self._access.operator_token)} | values
        return self._answers.html(request, TEMPLATE, status=status, **values)
