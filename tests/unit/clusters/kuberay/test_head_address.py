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
    address = head_address(server.api, "ray", name + SUFFIX, token_auth=True)
    assert address.token == "a token"
    assert server.requests == [f"/api/v1/namespaces/ray/secrets/{secret}"]


def test_the_service_keeps_the_whole_name(server: KubernetesServer) -> None:
    cluster = "a" * 47 + SUFFIX
    address = head_address(server.api, "ray", cluster, token_auth=False)
    assert f"/services/{cluster}-head-svc:8265/" in address.url
    assert address.token == ""
    assert server.requests == []


def test_a_secret_that_is_not_there_is_named(server: KubernetesServer) -> None:
    server.refused["a" + SUFFIX] = 404
    with pytest.raises(ClusterStartError, match="the secret a-x2b4c with Ray's token is not there"):
        head_address(server.api, "ray", "a" + SUFFIX, token_auth=True)
