"""How many clusters an environment may have at once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.kuberay.room import require_place, require_room
from ml_platform.errors import ClusterStartError
from tests.unit.clusters.kuberay.clusters import CONFIG
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

TWO = replace(CONFIG, max_clusters=2)


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


def job(name: str, deployment: str, *, hour: int = 6) -> dict[str, Any]:
    metadata = {"name": name, "uid": name, "creationTimestamp": f"2026-01-02T{hour:02}:00:00Z"}
    return {"metadata": metadata, "status": {"jobDeploymentStatus": deployment}}


def test_as_many_as_there_may_be_are_enough(server: KubernetesServer) -> None:
    server.objects["rayjobs"] = [
        job("young", "Running", hour=9),
        job("old", "Suspended", hour=7),
        job("over", "Complete"),
    ]
    with pytest.raises(ClusterStartError) as raised:
        require_room(server.api, TWO)
    assert raised.value.message == (
        "ci has as many clusters as it may have, 2 that are not over; "
        "the oldest is old, of 2026-01-02T07:00:00Z"
    )
    assert "`mlp cluster ls` shows them" in raised.value.hint
    assert "max_clusters" in raised.value.hint


@pytest.mark.parametrize("deployment", ["Complete", "Failed", "ValidationFailed"])
def test_what_is_over_takes_no_room(server: KubernetesServer, deployment: str) -> None:
    server.objects["rayjobs"] = [job("a", "Running"), *[job("b", deployment)] * 9]
    require_room(server.api, TWO)


def test_one_that_kuberay_has_not_looked_at_takes_room(server: KubernetesServer) -> None:
    new = {"metadata": {"name": "new", "uid": "new", "creationTimestamp": "2026-01-02T06:00:00Z"}}
    server.objects["rayjobs"] = [new, job("a", "Initializing")]
    with pytest.raises(ClusterStartError):
        require_room(server.api, TWO)


def test_the_youngest_of_too_many_that_were_made_at_once_has_no_place(
    server: KubernetesServer,
) -> None:
    made = [job("a", "", hour=7), job("b", "", hour=8), job("c", "", hour=9)]
    server.objects["rayjobs"] = [*reversed(made)]
    require_place(server.api, TWO, made[0])
    require_place(server.api, TWO, made[1])
    with pytest.raises(ClusterStartError, match="2 that are not over; the oldest is a, of"):
        require_place(server.api, TWO, made[2])


def test_all_that_were_made_within_a_second_agree_on_which_is_too_many(
    server: KubernetesServer,
) -> None:
    made = [job(name, "") for name in "cab"]
    server.objects["rayjobs"] = [*made]
    with pytest.raises(ClusterStartError):
        require_place(server.api, TWO, made[0])
    require_place(server.api, TWO, made[1])
    require_place(server.api, TWO, made[2])


def test_a_cluster_that_is_in_no_list_any_more_is_told_by_those_who_wait_for_it(
    server: KubernetesServer,
) -> None:
    server.objects["rayjobs"] = [job("a", ""), job("b", "")]
    require_place(server.api, TWO, job("removed", ""))
