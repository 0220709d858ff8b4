"""Where a head is found, and the token that it wants."""

import base64
from collections.abc import Iterator

import pytest

from ml_platform.clusters.kuberay.head_address import TOKEN_KEY, head_address
from ml_platform.errors import ClusterStartError
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

SUFFIX = "-x2b4c"
"""What KubeRay appends to a RayJob's name for its RayCluster."""


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("a" * 44, "a" * 44 + SUFFIX),
        ("a" * 45, "a" * 44 + SUFFIX),
        ("a" * 47, "a" * 44 + SUFFIX),
        # Its first character may not be a digit, nor a dash.
        ("dev7" + "a" * 43, "r" + "a" * 43 + SUFFIX),
        ("dev-" + "a" * 43, "r" + "a" * 43 + SUFFIX),
    ],
)
def test_the_token_is_read_where_kuberay_puts_it(
    server: KubernetesServer, name: str, secret: str
) -> None:
    server.documents[secret] = {"data": {TOKEN_KEY: base64.b64encode(b"a token").decode()}}
    address = head_address(server.api, "ray", name + SUFFIX, auth={"mode": "token"})
    assert address.token == "a token"
    assert server.requests == [f"/api/v1/namespaces/ray/secrets/{secret}"]


def test_the_service_keeps_the_whole_name(server: KubernetesServer) -> None:
    cluster = "a" * 47 + SUFFIX
    address = head_address(server.api, "ray", cluster, auth={})
    assert f"/services/{cluster}-head-svc:8265/" in address.url
    assert address.token == ""
    assert server.requests == []


def test_a_secret_that_is_not_there_is_named(server: KubernetesServer) -> None:
    server.refused["a" + SUFFIX] = 404
    with pytest.raises(ClusterStartError, match="the secret a-x2b4c with Ray's token is not there"):
        head_address(server.api, "ray", "a" + SUFFIX, auth={"mode": "token"})


def test_a_secret_for_all_clusters_is_read_by_its_own_name(server: KubernetesServer) -> None:
    server.documents["ray-token"] = {"data": {TOKEN_KEY: base64.b64encode(b"a token").decode()}}
    auth = {"mode": "token", "secretName": "ray-token"}
    assert head_address(server.api, "ray", "a" + SUFFIX, auth=auth).token == "a token"
    assert server.requests == ["/api/v1/namespaces/ray/secrets/ray-token"]


def test_a_secret_for_all_clusters_that_is_not_there_is_to_be_made(
    server: KubernetesServer,
) -> None:
    server.refused["ray-token"] = 404
    with pytest.raises(ClusterStartError, match="the secret ray-token with Ray's") as raised:
        head_address(server.api, "ray", "a", auth={"mode": "token", "secretName": "ray-token"})
    assert "`token_secret`" in raised.value.hint
