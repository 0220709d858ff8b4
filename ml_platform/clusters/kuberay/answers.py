"""What an answer of the API server means: its objects, and errors of ours.

It says no in a `Status`. What comes in other words is of somebody who stands before it, a balancer
or a page to sign in, and says nothing of our objects.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

from ml_platform.errors import (
    ApiAwayError,
    ApiForbiddenError,
    ApiRefusedError,
    ClusterError,
    ObjectConflictError,
    ObjectMissingError,
    WatchExpiredError,
)

LONGEST_SAID: Final = 500
# The API server's own words for a path that is not served, such as that of a group.
NO_SUCH_PATH: Final = "404 page not found"
# Admission says no with 403 too: to the object, and not to the account.
FORBIDDEN: Final = " is forbidden: "
OF_THE_ACCOUNT: Final = (f'{FORBIDDEN}User "', f"{FORBIDDEN}not yet ready")
DENIED: Final = " denied the request"


def object_of(server: str, text: str) -> dict[str, Any]:
    """The object that an answer of success has.

    Raises:
        ApiAwayError: it has none, so it is not the API server's.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise away(server, f"what came is no JSON: {_cut(text)}") from error
    if not isinstance(found, dict) or "kind" not in found:
        raise away(server, f"what came is no object of Kubernetes: {_cut(text)}")
    return found


def error_of(
    server: str, status: int, text: str, headers: Mapping[str, str] | None = None
) -> ClusterError:
    """What an answer other than of success means."""
    message = _message(text)
    said = message or _cut(text)
    if status == 429 or status >= 500:
        error = away(server, f"{status} {said}")
        with contextlib.suppress(ValueError):
            error.retry_after_s = float((headers or {}).get("Retry-After", "0"))
        return error
    if status < 400 or (status == 404 and not message and said != NO_SUCH_PATH):
        return away(server, f"{status} is no answer of its own: {said}")
    match status:
        case 401 | 403:
            return _refusal(status, said)
        case 404:
            return ObjectMissingError(said)
        case 409:
            return ObjectConflictError(said)
        case 410:
            return WatchExpiredError(said)
        case _:
            return ApiRefusedError(f"Kubernetes refuses: {said}")


def away(server: str, said: str) -> ApiAwayError:
    """The error of a server that does not answer, or in whose place somebody else does."""
    return ApiAwayError(
        f"the API server {server} does not answer: {said}",
        hint="what runs on the cluster runs on; run the step again when it is back.",
    )


def said_in(error: ClusterError) -> str:
    """The API server's own words of an error."""
    for before in ("refuses: ", "does not answer: "):
        _, found, words = error.message.partition(before)
        if found:
            return words
    return error.message


def _refusal(status: int, said: str) -> ClusterError:
    of_account = not (FORBIDDEN in said or DENIED in said) or any(
        one in said for one in OF_THE_ACCOUNT
    )
    if not of_account:
        return ApiRefusedError(f"Kubernetes refuses: {said}")
    return ApiForbiddenError(
        f"Kubernetes refuses: {said}",
        hint="it does not know the account: has its token expired?"
        if status == 401
        else "the account lacks a right; `deploy/` has the role that is needed.",
    )


def _message(text: str) -> str:
    """What a `Status` says; empty if it is none."""
    try:
        said = json.loads(text)
        return str(said["message"]) if said["kind"] == "Status" else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _cut(text: str) -> str:
    return text.strip()[:LONGEST_SAID]
