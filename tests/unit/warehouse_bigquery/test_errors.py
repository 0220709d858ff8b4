"""What the Google clients raise becomes the platform's error, with the next thing to do."""

from typing import Any

import pytest
from google.api_core import exceptions  # noqa: TID253

from ml_platform.errors import WarehouseError
from ml_platform.warehouse.bigquery_errors import explained, refusals


def refusal(kind: Any, reason: str, message: str) -> Any:
    return kind(
        f"POST https://host/jobs: {message}", errors=[{"reason": reason, "message": message}]
    )


def test_too_many_bytes_name_both_numbers_and_the_setting() -> None:
    error = refusal(
        exceptions.InternalServerError,
        "bytesBilledLimitExceeded",
        "Query exceeded limit for bytes billed: 1000. 10485760 or higher required.",
    )
    explanation = explained("run the statement", error, limit_bytes=1_000)
    assert "it would scan 10,485,760 bytes and 1,000 are allowed" in explanation.message
    assert "MLP_BIGQUERY_MAXIMUM_BYTES_BILLED" in explanation.hint


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (exceptions.NotFound("Table p:d.t"), "check the name"),
        (exceptions.Forbidden("Access Denied"), "ask for the permission"),
        (exceptions.Unauthorized("no"), "gcloud auth application-default login"),
        (exceptions.BadRequest("Syntax error at [1:1]"), "correct the statement"),
        (exceptions.ServiceUnavailable("away"), "run it again"),
        (exceptions.InvalidArgument("Invalid snapshot time 1 for table"), "pin the table again"),
    ],
)
def test_each_refusal_has_its_next_step(error: Exception, advice: str) -> None:
    assert advice in explained("read d.t", error, limit_bytes=1).hint


def test_the_message_is_the_servers_sentence_without_the_request() -> None:
    error = refusal(exceptions.BadRequest, "invalidQuery", "Unrecognized name: x at [1:8]")
    assert explained("run the statement", error, limit_bytes=1).message == (
        "could not run the statement: Unrecognized name: x at [1:8]"
    )


def test_the_message_names_the_job() -> None:
    error = exceptions.BadRequest(
        "Unrecognized name: x\n\nLocation: US\nJob ID: abc\n",
        errors=[{"reason": "invalidQuery", "message": "Unrecognized name: x"}],
    )
    assert "Unrecognized name: x (job abc)" in explained("run", error, limit_bytes=1).message


def test_a_server_that_does_not_answer_is_not_the_statements_fault() -> None:
    with (
        pytest.raises(WarehouseError, match="BigQuery does not answer") as caught,
        refusals("find d.t", limit_bytes=1),
    ):
        raise exceptions.RetryError("Timeout of 120 s exceeded", cause=ConnectionError("refused"))
    assert "run it again" in caught.value.hint


def test_the_platforms_own_errors_pass_through() -> None:
    with (
        pytest.raises(WarehouseError, match="mine"),
        refusals("find d.t", limit_bytes=1),
    ):
        raise WarehouseError("mine")
