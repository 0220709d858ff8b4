"""Watches against a real API server: they bring each change, and outlive what breaks them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, core_path
from ml_platform.clusters.kuberay.watch import Subject, Watch
from ml_platform.clusters.refusals import AT_FIRST_S
from ml_platform.errors import ApiAwayError, ApiForbiddenError, ObjectConflictError
from tests.kubernetes.accounts import as_account
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.faults.api_script import Answer, Cut, Delay, LoseAnswer, Truncate
from tests.kubernetes.faults.history import forget
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.node import Node

pytestmark = [pytest.mark.kubernetes, pytest.mark.whole_node]

WITHIN_S = 30
MAPS = "maps"


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[ApiProxy]:
    with in_front_of(cluster) as proxy:
        yield proxy


@pytest.fixture
def direct(cluster: Cluster) -> KubernetesApi:
    """Somebody else, who changes what is watched."""
    return KubernetesApi(find_access(kubeconfig=str(cluster.kubeconfig)))


@pytest.fixture
def api(proxy: ApiProxy) -> KubernetesApi:
    return KubernetesApi(find_access(kubeconfig=str(proxy.cluster.kubeconfig)), away_s=20)


@pytest.fixture
def watch(api: KubernetesApi, namespace: str) -> Iterator[Watch]:
    subject = Subject(name=MAPS, path=core_path(namespace, "configmaps"), labels="watched=yes")
    with Watch(api.access, [subject]) as watch:
        assert watch.wait_for_lists(WITHIN_S)
        yield watch


@pytest.fixture
def put(direct: KubernetesApi, namespace: str) -> Callable[[str], None]:
    def put(name: str) -> None:
        labels = {"watched": "yes"}
        direct.create(
            core_path(namespace, "configmaps"), {"metadata": {"name": name, "labels": labels}}
        )

    return put


def names(watch: Watch) -> set[str]:
    return {str(one["metadata"]["name"]) for one in watch.objects(MAPS)}


def wait_for(watch: Watch, wanted: set[str], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    changes = -1
    while names(watch) != wanted:
        left = deadline - time.monotonic()
        assert left > 0, f"wanted {wanted}, found {names(watch)}"
        changes = watch.wait(changes, left)


def test_changes_come_without_asking(
    watch: Watch, proxy: ApiProxy, put: Callable[[str], None], direct: KubernetesApi, namespace: str
) -> None:
    asked = len(proxy.seen)
    put("one")
    put("two")
    wait_for(watch, {"one", "two"}, within_s=2)
    path = core_path(namespace, "configmaps", "one")
    one = direct.get(path)
    assert one is not None
    assert direct.delete(path, uid=one["metadata"]["uid"])
    wait_for(watch, {"two"}, within_s=2)
    watch.wait(watch.changes, 5)
    assert len(proxy.seen) == asked


@pytest.mark.parametrize(
    "action",
    [Cut(after_lines=1), Truncate(after_lines=1)],
    ids=["cut", "truncated"],
)
def test_a_stream_that_breaks_is_taken_up_where_it_was(
    api: KubernetesApi, proxy: ApiProxy, put: Callable[[str], None], namespace: str, action: Cut
) -> None:
    subject = Subject(name=MAPS, path=core_path(namespace, "configmaps"), labels="watched=yes")
    with (
        proxy.failing(action, path="watch=true", times=2),
        Watch(api.access, [subject]) as watch,
    ):
        watch.wait_for_lists(WITHIN_S)
        for name in ("one", "two", "three", "four"):
            put(name)
        wait_for(watch, {"one", "two", "three", "four"})


@pytest.mark.parametrize("status", [401, 403, 410, 429, 500, 503])
def test_an_answer_that_refuses_the_watch_is_outlived(
    api: KubernetesApi, proxy: ApiProxy, put: Callable[[str], None], namespace: str, status: int
) -> None:
    subject = Subject(name=MAPS, path=core_path(namespace, "configmaps"), labels="watched=yes")
    wait_s = 1 if status == 429 else None
    with (
        proxy.failing(Answer(status=status, retry_after_s=wait_s), path="watch=true", times=2),
        Watch(api.access, [subject]) as watch,
    ):
        watch.wait_for_lists(WITHIN_S)
        put("one")
        wait_for(watch, {"one"})


def test_a_server_that_has_forgotten_everything_is_listed_anew(
    watch: Watch, node: Node, put: Callable[[str], None]
) -> None:
    put("before")
    wait_for(watch, {"before"})
    forget(node)
    put("after")
    wait_for(watch, {"before", "after"})


def test_what_the_account_may_not_read_is_told(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    nobody = as_account(cluster, namespace, "default", tmp_path)
    access = find_access(kubeconfig=str(nobody.kubeconfig))
    subject = Subject(name=MAPS, path=core_path(namespace, "configmaps"))
    with Watch(access, [subject]) as watch:
        watch.wait_for_lists(WITHIN_S)
        with pytest.raises(ApiForbiddenError, match="forbidden"):
            watch.objects(MAPS)
    began = time.monotonic()
    with pytest.raises(ApiForbiddenError, match="cannot list resource"):
        KubernetesApi(access).list(core_path(namespace, "configmaps"))
    assert time.monotonic() - began < 2 * AT_FIRST_S


def test_a_refusal_that_passes_is_not_told_by_a_watch(
    api: KubernetesApi, proxy: ApiProxy, put: Callable[[str], None], namespace: str
) -> None:
    path = core_path(namespace, "configmaps")
    subject = Subject(name=MAPS, path=path, labels="watched=yes")
    put("one")
    assert api.list(path)
    with Watch(api.access, [subject], still_grants=api.still_grants) as watch:
        wait_for(watch, {"one"})
        with proxy.failing(Answer(status=403)):
            assert not watch.list_anew(2 * AT_FIRST_S)
            assert names(watch) == {"one"}
        assert watch.wait_for_lists(WITHIN_S)
        put("two")
        wait_for(watch, {"one", "two"})


def test_requests_outlive_a_server_that_is_busy_or_away(
    api: KubernetesApi, proxy: ApiProxy, namespace: str
) -> None:
    path = core_path(namespace, "configmaps")
    with proxy.failing(Answer(status=503), times=2):
        assert api.list(path) is not None
    with proxy.failing(Answer(status=429, retry_after_s=1), times=1):
        before = time.monotonic()
        assert api.list(path) is not None
        assert time.monotonic() - before >= 1
    for status in (401, 403):
        with proxy.failing(Answer(status=status), times=5):
            assert api.list(path) is not None
    with proxy.failing(Delay(seconds=1)):
        assert api.get(f"{path}/none") is None


def test_a_server_that_stays_away_is_told(proxy: ApiProxy, namespace: str) -> None:
    api = KubernetesApi(find_access(kubeconfig=str(proxy.cluster.kubeconfig)), away_s=1)
    with proxy.failing(Answer(status=503)), pytest.raises(ApiAwayError, match="503"):
        api.list(core_path(namespace, "configmaps"))


def test_a_create_whose_answer_was_lost_finds_its_own(
    api: KubernetesApi, proxy: ApiProxy, namespace: str
) -> None:
    path = core_path(namespace, "configmaps")
    with (
        proxy.failing(LoseAnswer(), method="POST", times=1),
        pytest.raises(ObjectConflictError),
    ):
        api.create(path, {"metadata": {"name": "made"}})
    assert api.get(f"{path}/made") is not None


def test_only_the_object_that_was_meant_is_deleted(api: KubernetesApi, namespace: str) -> None:
    path = core_path(namespace, "configmaps")
    first = api.create(path, {"metadata": {"name": "made"}})
    one = f"{path}/made"
    changed = api.patch(one, {"data": {"key": "value"}})
    with pytest.raises(ObjectConflictError):
        api.delete(one, uid=first["metadata"]["uid"], version=first["metadata"]["resourceVersion"])
    assert api.delete(
        one, uid=first["metadata"]["uid"], version=changed["metadata"]["resourceVersion"]
    )
    api.create(path, {"metadata": {"name": "made"}})
    assert not api.delete(one, uid=first["metadata"]["uid"])
    assert api.get(one) is not None
