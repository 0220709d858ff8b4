"""What Kueue says of a queued cluster reaches the people who wait for it, where Kueue is there."""

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.kueue import GROUP, VISIBILITY, PlaceInQueue
from ml_platform.clusters.kuberay.seen import Object, Seen
from ml_platform.clusters.kuberay.start import Start, seen_by
from ml_platform.clusters.kuberay.subjects import subjects
from ml_platform.clusters.kuberay.watch import Watch
from ml_platform.clusters.kuberay.why import why_it_waits
from ml_platform.errors import ClusterStartError
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server

QUEUE = "team"
NO_ROOM = "insufficient unused quota for cpu, 1 more needed"
JOB: Any = {
    "metadata": {
        "name": "c",
        "namespace": "ns",
        "uid": "u",
        "labels": {"kueue.x-k8s.io/queue-name": QUEUE},
    },
    "spec": {"suspend": True},
    "status": {"jobDeploymentStatus": "Suspended"},
}
GONE: Any = {**JOB, "metadata": {**JOB["metadata"], "deletionTimestamp": "2026-01-02T12:00:00Z"}}


def workload(name: str = "mine", *, owner: str = "u", version: str = "1", **fields: Any) -> Object:
    pending = {"type": "QuotaReserved", "status": "False", "reason": "Pending", "message": NO_ROOM}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": version,
            "ownerReferences": [{"kind": "RayJob", "name": "c", "uid": owner}],
        },
        "spec": {"queueName": QUEUE},
        "status": {"conditions": [pending]},
        **fields,
    }


def served(group: str, *versions: str) -> Object:
    """What the API server says of a group that is installed in these versions."""
    found = [{"groupVersion": f"{group}/{one}", "version": one} for one in versions]
    return {"name": group, "versions": found, "preferredVersion": found[0]}


def pending(*names: str) -> Object:
    """Kueue's list of those that wait, the first in the queue first."""
    items = [
        {"metadata": {"name": name}, "positionInLocalQueue": at, "positionInClusterQueue": at}
        for at, name in enumerate(names)
    ]
    return {"items": items}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    """An API server with Kueue, which has a RayJob in its queue behind another one."""
    with kubernetes_server() as server:
        server.documents = {
            GROUP: served(GROUP, "v1beta2", "v1beta1"),
            VISIBILITY: served(VISIBILITY, "v1beta2", "v1beta1"),
            "pendingworkloads": pending("other", "mine"),
        }
        server.objects = {
            "rayjobs": [JOB],
            "workloads": [workload("other", owner="another"), workload()],
        }
        yield server


def seen_of(server: KubernetesServer, *, queue: str = QUEUE) -> Seen:
    with Watch(server.access, subjects("ns", "c", queue=queue)) as watch:
        assert watch.wait_for_lists(10)
        return seen_by(watch, "u", 0.0)


def message_of(seen: Seen) -> str:
    (found,) = diagnose(seen)
    return found.failure.message


def of_kueue(server: KubernetesServer) -> list[str]:
    return [path for path in server.requests if "kueue" in path]


def test_the_workload_that_the_ray_job_owns_is_seen(server: KubernetesServer) -> None:
    seen = seen_of(server)
    assert seen.workload is not None
    assert seen.workload["metadata"]["name"] == "mine"
    assert message_of(seen) == f"It waits in queue team: Pending: {NO_ROOM}"


def test_without_a_queue_nothing_of_kueue_is_asked_for(server: KubernetesServer) -> None:
    assert seen_of(server, queue="").workload is None
    assert of_kueue(server) == []


@pytest.mark.parametrize(
    ("versions", "wanted"),
    [
        (["v1beta1"], "v1beta1"),
        (["v1beta2", "v1beta1"], "v1beta2"),
        (["v1", "v1beta2"], "v1beta2"),
        (["v1"], "v1"),
    ],
)
def test_the_version_that_is_served_is_asked_for(
    server: KubernetesServer, versions: list[str], wanted: str
) -> None:
    server.documents[GROUP] = served(GROUP, *versions)
    assert seen_of(server).workload is not None
    assert f"/apis/{GROUP}/{wanted}/namespaces/ns/workloads" in server.requests


def test_a_server_without_kueue_is_told_and_asked_no_more(server: KubernetesServer) -> None:
    server.refused = {GROUP: 404}
    with Watch(server.access, subjects("ns", "c", queue=QUEUE)) as watch:
        assert watch.wait_for_lists(10)
        watch.wait(watch.changes, 0.5)
        assert "Kueue is not installed" in message_of(seen_by(watch, "u", 0.0))
    assert of_kueue(server) == [f"/apis/{GROUP}"]


def test_an_account_that_may_not_read_workloads_is_told(server: KubernetesServer) -> None:
    server.refused = {"workloads": 403}
    assert "the account may not read why" in message_of(seen_of(server))


class Places:
    """One cluster's place in its queue, asked for at times of ours."""

    def __init__(self, server: KubernetesServer) -> None:
        self._server = server
        self._time = FakeTime()
        self._place = PlaceInQueue(server.api, "ns", clock=self._time.clock)

    def after(self, seconds: float, *workloads: Object) -> str:
        """What is said of it so much later, with these workloads in the namespace."""
        self._time.sleep(seconds)
        (mine,) = [one for one in workloads if one["metadata"]["name"] == "mine"]
        seen = Seen(ray_job=JOB, workload=mine, workloads=workloads)
        return message_of(self._place.added_to(seen))

    @property
    def asked(self) -> int:
        """How often Kueue was asked for it."""
        return sum("pendingworkloads" in path for path in self._server.requests)


def test_its_place_is_told(server: KubernetesServer) -> None:
    assert "queue team, 1 before it: Pending" in Places(server).after(0, workload())
    path = f"/apis/{VISIBILITY}/v1beta2/namespaces/ns/localqueues/team/pendingworkloads"
    assert server.requests == [f"/apis/{VISIBILITY}", path]


def test_its_place_is_not_asked_for_again_while_nothing_of_its_queue_changes(
    server: KubernetesServer,
) -> None:
    places = Places(server)
    elsewhere = workload("far", spec={"queueName": "another"})
    places.after(0, workload())
    assert "1 before it" in places.after(3600, workload(), elsewhere)
    assert places.asked == 1


def test_its_place_is_asked_for_at_most_once_a_minute(server: KubernetesServer) -> None:
    places = Places(server)
    places.after(0, workload(), workload("other"))
    server.documents["pendingworkloads"] = pending("mine")
    assert "1 before it" in places.after(59, workload())
    assert "0 before it" in places.after(1, workload())
    assert places.asked == 2


@pytest.mark.parametrize("refused", [{VISIBILITY: 404}, {"pendingworkloads": 403}])
def test_where_kueue_does_not_tell_a_place_its_reason_is_told_all_the_same(
    server: KubernetesServer, refused: dict[str, int]
) -> None:
    server.refused = refused
    assert Places(server).after(0, workload()) == f"It waits in queue team: Pending: {NO_ROOM}"


def test_what_kueue_has_given_room_stands_in_no_queue(server: KubernetesServer) -> None:
    reserved = {"type": "QuotaReserved", "status": "True", "reason": "QuotaReserved"}
    status = {"conditions": [reserved]}
    assert "before it" not in Places(server).after(0, workload(status=status))
    assert server.requests == []


def test_who_looks_once_is_told_reason_and_place(server: KubernetesServer) -> None:
    told = why_it_waits(server.api, JOB, now_s=0.0)
    assert f"It waits in queue team, 1 before it: Pending: {NO_ROOM}" in told


def test_who_looks_once_without_kueue_is_told_that(server: KubernetesServer) -> None:
    server.refused = {GROUP: 404}
    assert "Kueue is not installed" in why_it_waits(server.api, JOB, now_s=0.0)


def test_an_event_says_the_reason_and_again_when_the_place_has_changed(
    server: KubernetesServer,
) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    now = FakeTime()
    with Watch(server.access, subjects("ns", "c", queue=QUEUE)) as watch:
        start = Start(
            "c",
            watch,
            Limits(),
            Recorder(lambda event: told.put(event.detail)),
            place_in_queue=PlaceInQueue(server.api, "ns", clock=now.clock).added_to,
        )
        waiting = Thread(target=_wait_until_removed, args=(start,), daemon=True)
        waiting.start()
        assert told.get(timeout=10).startswith("queued: It waits in queue team, 1 before it")

        server.documents["pendingworkloads"] = pending("mine")
        now.sleep(60)
        server.changes["workloads"].put({"type": "MODIFIED", "object": workload(version="2")})
        assert told.get(timeout=10).startswith("queued: It waits in queue team, 0 before it")

        metadata = {**GONE["metadata"], "resourceVersion": "3"}
        server.changes["rayjobs"].put(
            {"type": "MODIFIED", "object": {**GONE, "metadata": metadata}}
        )
        waiting.join(timeout=10)
    assert not waiting.is_alive()


def _wait_until_removed(start: Start) -> None:
    with pytest.raises(ClusterStartError):
        start.wait("u", 1)
