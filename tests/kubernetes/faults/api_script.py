"""What the proxy in front of the API server does to which requests: values only."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_REASONS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer in the API server's place, which never learns of the request.

    Attributes:
        status: Such as 429, 500 or 503.
        retry_after_s: What the header Retry-After says; None leaves it out.
    """

    status: int
    retry_after_s: int | None = None

    @property
    def body(self) -> bytes:
        """A `Status`, as the API server sends it."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Status",
                "status": "Failure",
                "reason": _REASONS.get(self.status, ""),
                "message": "a fault that a test has asked for",
                "code": self.status,
            }
        ).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Delay:
    """The request waits before it goes on to the API server."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """The request waits until it is let go, and then goes on, or is lost if `lost` says so.

    Attributes:
        until: Set to let it go.
        lost: Whether the API server never learns of it; asked when it is let go.
    """

    until: threading.Event
    lost: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldAnswer:
    """The API server does what it was asked, and its answer waits until it is let go."""

    until: threading.Event


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The API server does what it was asked, and the connection breaks before it can say so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The connection breaks in the middle of an answer, such as a watch's, after so many lines."""

    after_lines: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Truncate:
    """After so many lines comes half of the next one, and the answer ends as if that were all."""

    after_lines: int


Action = Answer | Delay | Hold | HoldAnswer | LoseAnswer | Cut | Truncate


@dataclass(kw_only=True, slots=True)
class Rule:
    """An action and which requests it befalls.

    Attributes:
        action: What befalls them.
        method: Such as `POST`; any if empty.
        path: A regular expression, found somewhere in the path with its query.
        skip: So many of these requests are left alone first.
        times: So many are befallen then; all if None.
    """

    action: Action
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int | None = None

    def takes(self, method: str, path: str) -> bool:
        """Whether it befalls this request; counts."""
        if self.method not in ("", method) or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A request that came to the proxy, and what befell it (None: it was passed on)."""

    method: str
    path: str
    action: Action | None
