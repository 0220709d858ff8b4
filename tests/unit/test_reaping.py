"""What the sensor that reaps says of each cluster."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.errors import ClusterError
from ml_platform.reaping import build_reaper, reap_all
from ml_platform.settings import Settings
from ml_platform.uris import file_uri
from ml_platform.xray.reaped import ReapedThisWeek
from tests.unit.clusters.kuberay.clusters import CONFIG
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server


class Clusters:
    """The resource `clusters` of an installation with one provisioner."""

    def __init__(self, server: KubernetesServer) -> None:
        self._server = server

    def provisioners(self) -> list[EphemeralProvisioner]:
        """The one on Kubernetes."""
        return [EphemeralProvisioner(CONFIG, api=self._server.api)]


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        yield server


def job(name: str, created: str, **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "uid": name, "resourceVersion": "7", "creationTimestamp": created}
    return {"metadata": {**metadata, "annotations": annotations}, "spec": {}, "status": {}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, clusters_file=Path("clusters.yaml"))


def evaluated(server: KubernetesServer, settings: Settings, *jobs: dict[str, Any]) -> str:
    """What one evaluation of the sensor says."""
    server.objects["rayjobs"] = list(jobs)
    server.documents |= {one["metadata"]["name"]: one for one in jobs}
    (sensor,) = build_reaper(settings).sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"clusters": Clusters(server)}
        )
        return str(sensor.evaluate_tick(context).skip_message)


def test_what_went_and_what_is_kept_is_said_with_the_reason(
    server: KubernetesServer, settings: Settings
) -> None:
    said = evaluated(
        server,
        settings,
        job("expired", "2020-01-01T00:00:00Z", **{labels.EXPIRES: "2020-01-02T00:00:00Z"}),
        job("queued", "2999-01-01T00:00:00Z", **{labels.RUN: "reproduce-1"}),
    )
    gone, kept = said.split("; ")
    assert gone == "expired removed: it expired at 2020-01-02T00:00:00Z"
    assert kept.startswith("queued kept (somebody else may use it until 2999-")
    assert kept.endswith("): Dagster has never heard of its run reproduce-1")
    assert server.deleted == ["expired"]


def test_what_went_is_left_for_the_metrics(server: KubernetesServer, settings: Settings) -> None:
    evaluated(
        server,
        settings,
        job("expired", "2020-01-01T00:00:00Z", **{labels.EXPIRES: "2020-01-02T00:00:00Z"}),
        job("queued", "2999-01-01T00:00:00Z", **{labels.RUN: "reproduce-1"}),
    )
    reaped = ReapedThisWeek(settings.storage_root)
    reaped.look(now_s=time.time())
    assert reaped.count == 1


def expired(name: str) -> dict[str, Any]:
    return job(name, "2020-01-01T00:00:00Z", **{labels.EXPIRES: "2020-01-02T00:00:00Z"})


def test_one_that_may_not_be_deleted_is_said_beside_those_that_went(
    server: KubernetesServer, settings: Settings
) -> None:
    server.refused["DELETE protected"] = 422
    names = ("first", "protected", "last")
    first, last, trouble = evaluated(server, settings, *map(expired, names)).split("; ")
    assert first == "first removed: it expired at 2020-01-02T00:00:00Z"
    assert last == "last removed: it expired at 2020-01-02T00:00:00Z"
    assert trouble == (
        "not all could be looked at or removed: protected: Kubernetes refuses: refused"
    )


def test_a_provisioner_that_cannot_be_looked_at_keeps_none_of_another(
    server: KubernetesServer, settings: Settings
) -> None:
    server.objects["rayjobs"] = [expired("left")]
    with kubernetes_server() as forbidden:
        forbidden.refused["rayjobs"] = 422
        some = [EphemeralProvisioner(CONFIG, api=one.api) for one in (forbidden, server)]
        found, root = [], settings.storage_root
        with pytest.raises(ClusterError, match="not all could be looked at"):
            for one in reap_all(some, lambda run: None, storage_root=root, tell=print):
                found += [one.name]
    assert found == ["left"]


def test_each_that_goes_is_noted_before_the_next_is_touched(
    server: KubernetesServer, settings: Settings
) -> None:
    server.objects["rayjobs"] = [expired("first"), expired("second")]
    some, root = [EphemeralProvisioner(CONFIG, api=server.api)], settings.storage_root
    told = reap_all(some, lambda run: None, storage_root=root, tell=print)
    assert next(told).name == "first"
    assert server.deleted == ["first"]
    reaped = ReapedThisWeek(settings.storage_root)
    reaped.look(now_s=time.time())
    assert reaped.count == 1


def test_a_storage_that_cannot_be_written_is_said_once(
    server: KubernetesServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file where a folder belongs")
    server.objects["rayjobs"] = [expired("first"), expired("second")]
    some, told = [EphemeralProvisioner(CONFIG, api=server.api)], list[str]()
    root = file_uri(tmp_path / "file")
    found = list(reap_all(some, lambda run: None, storage_root=root, tell=told.append))
    assert [one.fate for one in found] == ["removed", "removed"]
    assert len(told) == 1
