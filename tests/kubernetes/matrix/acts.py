"""What is done to one training, and what is wrong with it from the start."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.spec import HeadGroup
from tests.kubernetes import pods
from tests.kubernetes.faults import nodes, quota
from tests.kubernetes.faults.api_script import Action
from tests.kubernetes.faults.components import operator_away
from tests.kubernetes.faults.memory import run_out_of_memory
from tests.kubernetes.faults.pods import delete_pod
from tests.kubernetes.matrix.case import Case
from tests.kubernetes.testbed.cluster import Cluster
from tests.kubernetes.testbed.errors import KubernetesTestError
from tests.kubernetes.testbed.node import Node

AWAY_S: Final = 8.0
NEVER_READY_S: Final = 12.0


@contextmanager
def step_killed(case: Case) -> Iterator[None]:
    """SIGKILL, as of a node that dies."""
    assert case.step is not None
    case.step.kill()
    case.step.join()
    yield


@contextmanager
def step_interrupted(case: Case) -> Iterator[None]:
    """As by the button of the Dagster UI."""
    assert case.step is not None
    assert case.step.pid is not None
    os.kill(case.step.pid, signal.SIGINT)
    yield


def to_pods(kind: str, fault: Callable[[Cluster, str, str], None]) -> Callable[[Case], Any]:
    """A fault of `faults.pods` befalls the pod of the head or of the worker."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        for pod in case.pods(kind):
            try:
                fault(case.light.cluster, case.light.namespace, str(pod["metadata"]["name"]))
            except KubernetesTestError:
                # What has ended may go at any time; a pod that is still there should have had it.
                case.wait_until_gone([pod])
        yield

    return act


def pods_deleted(kind: str) -> Callable[[Case], Any]:
    """Somebody deletes the pod of the head or of the worker; it is gone when the phase goes on."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        pods = case.pods(kind)
        for pod in pods:
            # What has ended may have gone meanwhile.
            with contextlib.suppress(KubernetesTestError):
                delete_pod(case.light.cluster, case.light.namespace, str(pod["metadata"]["name"]))
        case.wait_until_gone(pods)
        yield

    return act


def deleted(kind: str) -> Callable[[Case], Any]:
    """Somebody deletes an object of KubeRay's; its pods are gone when the phase goes on."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        where = (f"--namespace={case.light.namespace}", "--wait=false")
        pods = case.objects("pods")
        for one in case.objects(kind):
            case.light.cluster.kubectl("delete", kind, str(one["metadata"]["name"]), *where)
        case.wait_until_gone(pods)
        yield

    return act


def api_does(action: Action, **which: Any) -> Callable[[Case], Any]:
    """The API server, or what is between, does this to the step's requests for a while."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        with case.api.failing(action, **which):
            yield
            time.sleep(AWAY_S)

    return act


@contextmanager
def storage_away(case: Case) -> Iterator[None]:
    """The storage breaks off every connection of the step's."""
    before, since = case.storage.before, time.monotonic()

    def refuse(method: str, path: str) -> None:
        before(method, path)
        if time.monotonic() - since < AWAY_S:
            raise ConnectionError

    case.storage.before = refuse
    yield


def out_of_memory(cluster: Cluster, namespace: str, pod: str) -> None:
    """A container's limit is reached, and all of it dies."""
    run_out_of_memory(cluster, namespace, pod, whole=True)


@contextmanager
def no_operator(case: Case) -> Iterator[None]:
    """KubeRay is away; what it has made runs on."""
    with operator_away(case.testbed.kuberay):
        yield
        time.sleep(AWAY_S)


@contextmanager
def node_drained(case: Case) -> Iterator[None]:
    """The node's pods are evicted, and it takes no new ones for a while."""
    ours = labels.selector(case.config.environment)
    with nodes.drained(case.light.cluster, selector=ours):
        yield
        time.sleep(AWAY_S)


@contextmanager
def node_silent(case: Case) -> Iterator[None]:
    """The node is NotReady, and so are its pods, which run on unseen."""
    with nodes.not_ready(case.testbed.node):
        yield
        time.sleep(AWAY_S)


@contextmanager
def quota_full(case: Case) -> Iterator[None]:
    """The namespace takes no more pods for a while, which those of others use up."""
    with _others(case), quota.filled(case.light.cluster, case.light.namespace):
        yield
        time.sleep(AWAY_S)


@contextmanager
def _others(case: Case) -> Iterator[None]:
    """Pods that are not the case's: as many as its cluster has, or it would never have room."""
    cluster, namespace = case.light.cluster, case.light.namespace
    names = [f"other-{number}" for number in range(1 + case.request.cluster.worker_count)]
    pods.create(cluster, *(pods.pod(cluster, namespace, one, ["sleep", "600"]) for one in names))
    try:
        yield
    finally:
        where = (f"--namespace={namespace}", "--grace-period=0", "--force")
        cluster.kubectl("delete", "pods", *names, *where)


def names_do(fault: Callable[[Node], AbstractContextManager[None]]) -> Callable[[Case], Any]:
    """A fault of `faults.dns` befalls all pods for a while."""

    @contextmanager
    def act(case: Case) -> Iterator[None]:
        with fault(case.testbed.node):
            yield
            time.sleep(AWAY_S)

    return act


def without_image(case: Case) -> None:
    """Its image does not exist."""
    case.want(image="nobody.invalid/has/this:1")


def without_node(case: Case) -> None:
    """No node has the labels that its pods ask for."""
    case.choose_nodes({"nobody": "has-this"})
    case.config = replace(case.config, limits=replace(case.config.limits, start_s=NEVER_READY_S))


def without_account(case: Case) -> None:
    """Its service account does not exist."""
    case.config = replace(case.config, service_account="nobody")


def without_ray(case: Case) -> None:
    """There is no Ray in the image, so the head ends at once, again and again."""
    path = [{"name": "PATH", "value": "/usr/bin:/bin"}]
    head = case.request.cluster.head
    case.want(head=HeadGroup(memory=head.memory, pod={"env": path}))


def without_python(case: Case) -> None:
    """There is no Python in its image: its worker's init container fails, again and again."""
    case.want(image=case.light.cluster.another_image)


def without_priority(case: Case) -> None:
    """Its priority class does not exist."""
    case.want(priority="nobody-has-this")
