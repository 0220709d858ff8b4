"""What the API server's answers mean, and those of who stands before it."""

import json

import pytest

from ml_platform.clusters.kuberay.answers import error_of, object_of
from ml_platform.errors import (
    ApiAwayError,
    ApiForbiddenError,
    ApiRefusedError,
    ObjectConflictError,
    ObjectMissingError,
    PlatformError,
    WatchExpiredError,
)

SERVER = "https://api.example"
PAGE = "<html><body>Sign in</body></html>"


def status(code: int, message: str) -> str:
    return json.dumps({"kind": "Status", "code": code, "message": message})


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (404, status(404, 'rayjobs.ray.io "c" not found'), ObjectMissingError),
        (404, "404 page not found\n", ObjectMissingError),  # of a group that is not installed
        (409, status(409, "it has been modified"), ObjectConflictError),
        (410, status(410, "too old resource version"), WatchExpiredError),
        (422, status(422, "spec is invalid"), ApiRefusedError),
        (429, status(429, "too many requests"), ApiAwayError),
        (503, status(503, "apiserver not ready"), ApiAwayError),
    ],
)
def test_what_the_server_says_has_an_error_of_its_own(
    code: int, text: str, kind: type[PlatformError]
) -> None:
    assert type(error_of(SERVER, code, text)) is kind


@pytest.mark.parametrize(("code", "text"), [(404, PAGE), (302, ""), (307, PAGE)])
def test_somebody_elses_no_says_nothing_of_our_objects(code: int, text: str) -> None:
    assert type(error_of(SERVER, code, text)) is ApiAwayError


@pytest.mark.parametrize("text", [PAGE, "", "[]", "null", '{"error": "sign in"}'])
def test_success_without_an_object_is_somebody_elses(text: str) -> None:
    with pytest.raises(ApiAwayError, match=SERVER):
        object_of(SERVER, text)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "Unauthorized"),
        (403, 'rayjobs.ray.io is forbidden: User "ada" cannot list resource "rayjobs"'),
        (403, 'forbidden: User "system:anonymous" cannot get path "/apis"'),
        (403, 'rayjobs.ray.io "c" is forbidden: not yet ready to handle request'),
    ],
)
def test_a_refusal_of_the_account_may_pass(code: int, message: str) -> None:
    error = error_of(SERVER, code, status(code, message))
    assert type(error) is ApiForbiddenError
    assert message in error.message
    assert error.hint


@pytest.mark.parametrize(
    "message",
    [
        'rayjobs.ray.io "c" is forbidden: exceeded quota: team, requested: count/rayjobs.ray.io=1',
        'admission webhook "one.example" denied the request: no',
    ],
)
def test_a_refusal_of_the_object_is_final(message: str) -> None:
    error = error_of(SERVER, 403, status(403, message))
    assert type(error) is ApiRefusedError
    assert message in error.message
