"""Images that are not on their node."""

import pytest

from ml_platform.clusters.causes import Cause
from tests.unit.clusters.kuberay.objects import (
    container,
    event,
    only_finding,
    pod,
    seen_of,
    waiting,
)

PULL = 'failed to pull and unpack image "registry.local/train:1": '


@pytest.mark.parametrize(
    ("why", "said", "hint", "give_up_after_s"),
    [
        ("not found", "is not found", "push the image", 30.0),
        ("manifest unknown", "is not found", "push the image", 30.0),
        ("401 Unauthorized", "may not be pulled", "image_pull_secrets", 30.0),
        ("pull access denied, repository does not exist", "may not", "image_pull_secrets", 30.0),
        ("403 Forbidden", "may not be pulled", "image_pull_secrets", 30.0),
        ("authorization failed", "may not be pulled", "image_pull_secrets", 30.0),
        ("no match for platform in manifest: not found", "is not found", "push the image", 30.0),
    ],
)
def test_a_pull_that_fails_says_what_the_registry_said(
    why: str, said: str, hint: str, give_up_after_s: float | None
) -> None:
    state = waiting("ErrImagePull", PULL + why)
    found = only_finding(seen_of(pod(containers=[container(state=state)])))
    assert found.key == "image/worker/registry.local/train:1"
    assert (found.state, found.give_up_after_s) == ("starting", give_up_after_s)
    assert said in found.failure.message
    assert why in found.failure.message
    assert hint in found.failure.hint


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        (
            "429 Too Many Requests\ntoomanyrequests: You have reached your unauthenticated pull "
            "rate limit. https://www.docker.com/increase-rate-limit",
            "a mirror",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit. You may increase the limit by "
            "authenticating and upgrading",
            "`image_pull_secrets`",
        ),
        (
            'failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/": '
            "net/http: TLS handshake timeout",
            "look at the registry",
        ),
        (
            "failed to authorize: failed to fetch oauth token: unexpected status from GET request "
            "to https://eu.gcr.io/v2/token: 503 Service Unavailable",
            "look at the registry",
        ),
        (
            "dial tcp: lookup registry.corp on 10.0.0.10:53: no such host",
            "correct the registry in `image`",
        ),
        ("dial tcp: i/o timeout", "look at the registry"),
        ("connection refused", "look at the registry"),
        ("tls: failed to verify certificate: x509: unknown authority", "its certificate"),
        ("write /var/lib/x: no space left on device", "disk is full"),
    ],
)
def test_a_pull_that_may_succeed_next_time_is_waited_for_and_told(why: str, hint: str) -> None:
    state = waiting("ErrImagePull", PULL + why)
    found = only_finding(seen_of(pod(containers=[container(state=state)])))
    assert (found.state, found.give_up_after_s) == ("starting", None)
    assert "could not be pulled" in found.failure.message
    assert hint in found.failure.hint


@pytest.mark.parametrize("name", ["team/timeout-503:429", "forbidden/train:403"])
def test_an_image_may_be_called_like_an_answer_of_a_registry(name: str) -> None:
    state = waiting("ErrImagePull", f'failed to pull image "{name}": {name}: not found')
    one = {**container(state=state), "image": name}
    spec = {"containers": [{"name": "ray-worker", "image": name}]}
    found = only_finding(seen_of(pod(containers=[one], spec=spec)))
    assert "is not found" in found.failure.message


def test_a_kubelet_that_tells_the_reason_only_in_the_event_is_read_there() -> None:
    paused = waiting("ImagePullBackOff", 'Back-off pulling image "registry.local/train:1"')
    failed = event("Failed", f"Failed to pull image: {PULL}not found", "c-w-worker-abcde")
    found = only_finding(seen_of(pod(containers=[container(state=paused)]), events=[failed]))
    assert "is not found: Failed to pull" in found.failure.message


def test_a_name_that_is_none_is_the_users_input() -> None:
    found = only_finding(seen_of(pod(containers=[container(state=waiting("InvalidImageName"))])))
    assert (found.state, found.failure.cause) == ("broken", Cause.BAD_INPUT)


def test_many_pods_with_one_trouble_are_one_finding_with_evidence_of_some() -> None:
    state = waiting("ErrImagePull", f"{PULL}not found")
    few = [pod(name, containers=[container(state=state)]) for name in "abc"]
    many = [pod(f"p{n}", containers=[container(state=state)]) for n in range(512)]
    assert len(only_finding(seen_of(*few)).failure.evidence) == 3
    assert len(only_finding(seen_of(*many)).failure.evidence) == 20
