"""What a pod said that is deleted while its cluster is in use, and what cannot be had any more."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from ml_platform.clusters.kuberay.dying_logs import MOST_KEPT, DyingLogs
from ml_platform.clusters.kuberay.last_words import last_words
from ml_platform.clusters.kuberay.seen import Object
from ml_platform.clusters.kuberay.start import PODS
from ml_platform.clusters.kuberay.watch import Subject, Watch
from tests.unit.clusters.kuberay.kubernetes_server import KubernetesServer, kubernetes_server
from tests.unit.clusters.kuberay.objects import container, pod, running, seen_of
from tests.unit.clusters.kuberay.soon import is_so_soon

SUBJECT = Subject(name=PODS, path=f"/{PODS}")


def head(**fields: Any) -> Object:
    ray = container("ray-head", state=running(0), ready=True)
    return pod("h", head=True, phase="Running", containers=[ray], **fields)


def worker(name: str = "w", **fields: Any) -> Object:
    one = container(state=running(0), ready=True)
    return pod(name, phase="Running", containers=[one], **fields)


def version(one: Object, number: int) -> Object:
    return {**one, "metadata": {**one["metadata"], "resourceVersion": str(number)}}


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with kubernetes_server() as server:
        server.objects = {PODS: [head(), worker()]}
        server.logs = {("h", "ray-head", False): "the head", ("w", "ray-worker", False): "a worker"}
        yield server


def says(dying: DyingLogs, name: str) -> bool:
    return f"{name}.ray-worker" in dying.logs


def changed(server: KubernetesServer, *pods: Object) -> None:
    for number, one in enumerate(pods, 2):
        server.changes[PODS].put({"type": "MODIFIED", "object": version(one, number)})


def test_a_pod_that_begins_to_go_is_read_once_and_one_that_stays_is_not(
    server: KubernetesServer,
) -> None:
    with Watch(server.access, [SUBJECT]) as watch, DyingLogs(server.api, "ns", watch) as dying:
        changed(server, worker(going=True), worker(going=True))
        assert is_so_soon(lambda: bool(dying.logs))
        watch.wait(watch.changes, 0.2)
    assert dying.logs == {"w.ray-worker": ("a worker",)}
    assert len(server.asked) == 1


def test_what_goes_after_the_work_is_none_of_its_end(server: KubernetesServer) -> None:
    with Watch(server.access, [SUBJECT]) as watch:
        assert watch.wait_for_lists(10)
        with DyingLogs(server.api, "ns", watch) as dying:
            pass
        changed(server, head(going=True))
        watch.wait(watch.changes, 10)
        watch.wait(watch.changes, 0.2)
    assert dying.logs == {}


def test_of_many_that_go_the_last_few_are_kept(server: KubernetesServer) -> None:
    names = [f"w-{number}" for number in range(2 * MOST_KEPT)]
    server.logs = {(name, "ray-worker", False): name for name in names}
    with Watch(server.access, [SUBJECT]) as watch, DyingLogs(server.api, "ns", watch) as dying:
        for number, name in enumerate(names, 2):
            gone = version(worker(name, going=True), number)
            server.changes[PODS].put({"type": "ADDED", "object": gone})
            assert is_so_soon(partial(says, dying, name))
    assert [*dying.logs] == [f"{name}.ray-worker" for name in names[-MOST_KEPT:]]


def test_what_a_head_said_before_it_went_is_among_the_last_words(server: KubernetesServer) -> None:
    with Watch(server.access, [SUBJECT]) as watch, DyingLogs(server.api, "ns", watch) as dying:
        changed(server, head(going=True))
        assert is_so_soon(lambda: bool(dying.logs))
    server.logs = {}
    words = last_words(
        server.api, "ns", ready=seen_of(head()), now=seen_of(gone=(head(),)), dying=dying.logs
    )
    assert words.logs == {"h.ray-head": ("the head",)}
    assert words.failure is not None
    assert "could be read" not in " ".join(words.failure.evidence)


def test_a_head_that_was_gone_at_once_is_said_to_have_left_no_log(
    server: KubernetesServer,
) -> None:
    silent = DyingLogs(server.api, "ns", Watch(server.access, [SUBJECT]))
    now = seen_of(gone=(head(),))
    failure = last_words(
        server.api, "ns", ready=seen_of(head()), now=now, dying=silent.logs
    ).failure
    assert failure is not None
    assert failure.evidence[-1] == "Pod h was gone before its log could be read."
