"""Who may read the pages: whoever is on this machine, or has logged in; pure, but for the guard.

Bound to this machine they are open to its users, and a page of somebody else's in their browser,
whose name leads here (DNS rebinding), is told by the name that it asks for. Bound to a network they
need a token, or a proxy that says in a header who has logged in.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may read.

    Attributes:
        token: What people log in with; empty if there is none.
        user_header: In which a proxy says who has logged in; empty if there is none.
        hosts: Names by which the pages may be asked for; empty for any.
    """

    token: str = field(default="", repr=False)
    user_header: str = ""
    hosts: frozenset[str] = frozenset()

    @property
    def needs_login(self) -> bool:
        """Whether not everybody who comes may read."""
        return bool(self.token or self.user_header)

    def knows_host(self, host: str) -> bool:
        """Whether the pages may be asked for by this name, which may have a port."""
        return not self.hosts or _name_of(host) in self.hosts

    def lets_in(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether who asks has logged in, or need not."""
        if not self.needs_login:
            return True
        if self.user_header and headers.get(self.user_header, "").strip():
            return True
        if not self.token:
            return False
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        is_sent = scheme.lower() == "bearer" and self.is_token(sent)
        return is_sent or _equal(cookies.get(COOKIE, ""), self.session)

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        return bool(self.token) and _equal(text, self.token)

    @property
    def session(self) -> str:
        """What the browser keeps of a login: no token, and void with another one."""
        return hmac.new(self.token.encode(), b"mlp xray session", hashlib.sha256).hexdigest()


def access_for(host: str, settings: Settings) -> Access:
    """Who may read pages that are bound to a host.

    Raises:
        SettingsError: everybody on a network could; or the token is short enough to be guessed.
    """
    token = settings.xray_token.get_secret_value() if settings.xray_token else ""
    if token and len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"MLP_XRAY_TOKEN has {len(token)} characters, and needs {SHORTEST_TOKEN}",
            hint=_MAKE_ONE,
        )
    if not is_loopback(host) and not (token or settings.xray_user_header):
        raise SettingsError(
            f"bound to {host}, X-Ray's pages could be read by everybody who reaches this machine",
            hint=f"{_MAKE_ONE} Or name the header of a proxy that logs people in, by "
            "MLP_XRAY_USER_HEADER; or leave out --host.",
        )
    ours = urlsplit(settings.xray_url).hostname
    hosts = LOCAL_HOSTS | ({ours} if ours else set()) if is_loopback(host) else frozenset()
    return Access(token=token, user_header=settings.xray_user_header, hosts=frozenset(hosts))


_MAKE_ONE: Final = 'set a token: MLP_XRAY_TOKEN="$(openssl rand -hex 24)".'


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


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))


def _equal(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
