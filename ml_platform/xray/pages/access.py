"""Who may read the pages, and who may act on them: pure, but for the guard.

Bound to this machine they are open to its users, and a page of somebody else's in their browser,
whose name leads here (DNS rebinding), is told by the name that it asks for. Bound to a network they
need a token, or a proxy that says in a header who has logged in.

Who reads may not act: that takes the role of an operator, by a token of its own, or by a name that
the proxy says. What an operator sends has to come from a form of these pages, see `form_token`.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request

from ml_platform.errors import SettingsError
from ml_platform.settings import Settings

COOKIE: Final = "mlp_xray"
SHORTEST_TOKEN: Final = 16
LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
OPEN_PATHS: Final = ("/login", "/health", "/static/")
"""What is there without a login: it says nothing of any training."""
HEADERS: Final = {
    # No script but that of the file, and nothing from elsewhere.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


LONGEST_NAME: Final = 80
PROGRAM: Final = "a program"
"""Who sends the operators' token with each request; it says no name."""

Role = Literal["reader", "operator"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Somebody who has been let in.

    Attributes:
        name: As the proxy says it, or as they said it when they logged in; empty for who said none.
        role: What they may.
        is_program: Whether a token came with the request itself, which no browser does by itself.
    """

    name: str = ""
    role: Role = "reader"
    is_program: bool = False

    @property
    def may_act(self) -> bool:
        """Whether they may do more than read."""
        return self.role == "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may read, and who may act.

    Attributes:
        token: What people log in with; empty if there is none.
        operator_token: What operators log in with; empty if there is none.
        user_header: In which a proxy says who has logged in; empty if there is none.
        operators: Those who may act, by the name that the proxy says.
        hosts: Names by which the pages may be asked for; empty for any.
        secret: Of this server, by which its forms are known.
    """

    token: str = field(default="", repr=False)
    operator_token: str = field(default="", repr=False)
    user_header: str = ""
    operators: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    secret: str = field(default_factory=secrets.token_hex, repr=False)

    @property
    def needs_login(self) -> bool:
        """Whether not everybody who comes may read."""
        return bool(self.token or self.user_header)

    def knows_host(self, host: str) -> bool:
        """Whether the pages may be asked for by this name, which may have a port."""
        return not self.hosts or _name_of(host) in self.hosts

    @property
    def takes_tokens(self) -> bool:
        """Whether there is anything to log in with here."""
        return bool(self.token or self.operator_token)

    def who(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Who | None:
        """Who asks; None for somebody who has to log in first."""
        proxied = headers.get(self.user_header, "").strip() if self.user_header else ""
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_operator_token(sent):
            return Who(name=proxied or PROGRAM, role="operator", is_program=True)
        if operator := self._operator_of(cookies.get(COOKIE, "")):
            return Who(name=proxied or operator, role="operator")
        if proxied:
            return Who(name=proxied, role="operator" if proxied in self.operators else "reader")
        if not self.needs_login:
            return Who()
        is_sent = scheme.lower() == "bearer" and self.is_token(sent)
        may_read = is_sent or (self.token and _equal(cookies.get(COOKIE, ""), self.session))
        return Who(is_program=is_sent) if may_read else None

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        return bool(self.token) and _equal(text, self.token)

    def is_operator_token(self, text: str) -> bool:
        """Whether this is the operators'."""
        return bool(self.operator_token) and _equal(text, self.operator_token)

    @property
    def session(self) -> str:
        """What the browser keeps of a login: no token, and void with another one."""
        return _signed(self.token, "mlp xray session")

    def operator_session(self, name: str) -> str:
        """What the browser keeps of an operator's login."""
        said = base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")
        return f"{said}.{_signed(self.operator_token, f'mlp xray operator {said}')}"

    def form_token(self, who: Who) -> str:
        """What a form of ours sends along, so that no page of somebody else's can send it."""
        # Where there are several servers of the pages, each knows the forms of the others.
        return _signed(self.operator_token or self.secret, f"mlp xray form {who.role} {who.name}")

    def sent_by_a_form(self, who: Who, token: str) -> bool:
        """Whether a request comes from a form of ours; a program sends what proves it anyway."""
        return who.is_program or _equal(token, self.form_token(who))

    def _operator_of(self, session: str) -> str:
        """The name in an operator's session; empty for what is none."""
        said, _, _ = session.partition(".")
        try:
            name = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode()
        except (binascii.Error, ValueError):
            return ""
        known = self.operator_token and _equal(session, self.operator_session(name))
        return name if known else ""


def access_for(host: str, settings: Settings) -> Access:
    """Who may read pages that are bound to a host, and who may act on them.

    Raises:
        SettingsError: everybody on a network could; or a token is short enough to be guessed; or
            nobody could be one of the operators, or everybody who reads.
    """
    token = _token("MLP_XRAY_TOKEN", settings.xray_token)
    operator_token = _token("MLP_XRAY_OPERATOR_TOKEN", settings.xray_operator_token)
    if token and token == operator_token:
        raise SettingsError(
            "MLP_XRAY_OPERATOR_TOKEN is MLP_XRAY_TOKEN, so that whoever reads could act",
            hint=_MAKE_ONE.replace("MLP_XRAY_TOKEN", "MLP_XRAY_OPERATOR_TOKEN"),
        )
    operators = frozenset(filter(None, map(str.strip, settings.xray_operators.split(","))))
    if operators and not settings.xray_user_header:
        raise SettingsError(
            "MLP_XRAY_OPERATORS has names, and nothing says who somebody is",
            hint="let MLP_XRAY_USER_HEADER name the header in which a proxy does; or set "
            "MLP_XRAY_OPERATOR_TOKEN, with which operators log in.",
        )
    if not is_loopback(host) and not (token or settings.xray_user_header):
        raise SettingsError(
            f"bound to {host}, X-Ray's pages could be read by everybody who reaches this machine",
            hint=f"{_MAKE_ONE} Or name the header of a proxy that logs people in, by "
            "MLP_XRAY_USER_HEADER; or leave out --host.",
        )
    ours = urlsplit(settings.xray_url).hostname
    hosts = LOCAL_HOSTS | ({ours} if ours else set()) if is_loopback(host) else frozenset()
    return Access(
        token=token,
        operator_token=operator_token,
        user_header=settings.xray_user_header,
        operators=operators,
        hosts=frozenset(hosts),
    )


_MAKE_ONE: Final = 'set a token: MLP_XRAY_TOKEN="$(openssl rand -hex 24)".'


def _token(variable: str, secret: SecretStr | None) -> str:
    token = secret.get_secret_value() if secret else ""
    if token and len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"{variable} has {len(token)} characters, and needs {SHORTEST_TOKEN}",
            hint=_MAKE_ONE.replace("MLP_XRAY_TOKEN", variable),
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_open(path: str) -> bool:
    """Whether this is there without a login."""
    return path.startswith(OPEN_PATHS)


def after_login(wanted: str) -> str:
    """Where to go after a login: a page of ours, whatever an address says."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


def name_said(text: str) -> str:
    """Who somebody says they are, in one short line; empty if they do not."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:LONGEST_NAME]


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))


def _signed(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _equal(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
