"""What BigQuery refuses, in the platform's words, with the next thing to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ml_platform.errors import WarehouseError

_REQUEST: Final = re.compile(r"^(?:GET|POST|PUT|PATCH|DELETE) \S+ ?: ?")
_JOB: Final = re.compile(r"Job ID: (\S+)")
_BYTES_NEEDED: Final = re.compile(r"(\d+) or higher required")
_HINTS: Final = {
    "notFound": "check the name and MLP_BIGQUERY_PROJECT; dbt builds the feature tables.",
    "accessDenied": "ask for the permission named above; running queries needs bigquery.jobUser, "
    "reading bigquery.dataViewer and bigquery.readSessionUser, writing bigquery.dataEditor.",
    "invalidQuery": "correct the statement at the place named above.",
    "quotaExceeded": "wait until the quota refills or ask for a higher one; then run it again.",
    "rateLimitExceeded": "run it again in a minute, with fewer runs at a time.",
    "unauthenticated": "run `gcloud auth application-default login`, or give the pod a service "
    "account.",
    "unavailable": "run it again; if it stays so, look at BigQuery's status page and the network.",
    "snapshot": "pin the table again: BigQuery keeps a table's past for 7 days at most.",
}
_REASON_BY_STATUS: Final = {
    400: "invalidQuery",
    401: "unauthenticated",
    403: "accessDenied",
    404: "notFound",
    429: "rateLimitExceeded",
    503: "unavailable",
    504: "unavailable",
}


@contextmanager
def refusals(action: str, *, limit_bytes: int) -> Iterator[None]:
    """Turn whatever the Google clients raise into a `WarehouseError`.

    Args:
        action: What was wanted, as `read flights.raw`; the error says "could not …".
        limit_bytes: What one query may scan, to be named when it is exceeded.

    Raises:
        WarehouseError: the body failed in a Google client; its message is kept.
    """
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        raise explained(action, error, limit_bytes=limit_bytes) from error
    except GoogleAuthError as error:
        raise WarehouseError(
            f"could not {action}: no valid Google credentials ({error})",
            hint=_HINTS["unauthenticated"],
        ) from error
    except (RetryError, RequestException) as error:
        cause = getattr(error, "cause", None) or error
        raise WarehouseError(
            f"could not {action}: BigQuery does not answer ({cause})", hint=_HINTS["unavailable"]
        ) from error


def explained(action: str, error: Exception, *, limit_bytes: int) -> WarehouseError:
    """The platform's error for one of the Google clients' `GoogleAPICallError`s."""
    reason, message = refusal_reason(error), refusal_message(error)
    if reason == "bytesBilledLimitExceeded":
        needed = _BYTES_NEEDED.search(message)
        amount = f"{int(needed[1]):,}" if needed else "more"
        return WarehouseError(
            f"could not {action}: it would scan {amount} bytes and {limit_bytes:,} are allowed",
            hint="filter on the partition column or select fewer columns, or raise "
            "MLP_BIGQUERY_MAXIMUM_BYTES_BILLED.",
        )
    if "snapshot" in message.lower() or "time travel" in message.lower():
        reason = "snapshot"
    return WarehouseError(f"could not {action}: {message}", hint=_HINTS.get(reason, ""))


def refusal_reason(error: Exception) -> str:
    """BigQuery's own word for a refusal, from the error's body, else from its status."""
    # `maximum_bytes_billed` arrives as a status 500: only the reason tells.
    if reason := _body(error).get("reason"):
        return reason
    status = getattr(error, "code", None)
    return _REASON_BY_STATUS.get(int(status), "") if status is not None else ""


def refusal_message(error: Exception) -> str:
    """BigQuery's own sentence, with the job's id where there is one."""
    whole = str(getattr(error, "message", "") or error)
    sentence = _body(error).get("message") or _REQUEST.sub("", whole)
    job = _JOB.search(whole)
    return f"{sentence} (job {job[1]})" if job else sentence


def _body(error: Exception) -> dict[str, str]:
    """The first entry of a REST answer's `errors`; gRPC errors have none."""
    errors = getattr(error, "errors", None)
    return errors[0] if errors and isinstance(errors[0], dict) else {}
