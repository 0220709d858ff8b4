"""How soon a cluster on Kubernetes runs user code, how soon it is gone, what waiting costs.

    make kubernetes-up && .venv/bin/python -m tests.benchmarks.kubernetes --repeats 3

Ours against a stock RayCluster: applied by kubectl, looked at each second, the job submitted over
its dashboard. Both with a real Ray of the same size, by turns, on the operator that is there. With
`KUBERAY=/path/to/manager` that is the real one; ours then runs with its init container switched
off, as where our chart installs it, and stock as it comes.

`--only requests` counts the requests that a minute of each kind of waiting costs, those to Ray's
head through the API server among them.
"""

import argparse
import contextlib
import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ml_platform.cli.cluster_use import LOOK_EVERY_S
from ml_platform.clusters.interface import Cluster, ClusterRequest, Entrypoint
from ml_platform.clusters.jobs.job import FollowedJob, followed_job
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.kuberay.access import find_access
from ml_platform.clusters.kuberay.api import KubernetesApi, jobs_path
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.connect import local_address
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.interactive import InteractiveClusters
from ml_platform.clusters.kuberay.interactive_manifest import Wanted
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.errors import ClusterStartError
from ml_platform.xray.records import Recorder
from tests.benchmarks import one_line
from tests.benchmarks.tables import print_table
from tests.kubernetes import ray_clusters
from tests.kubernetes.faults.api_proxy import ApiProxy, in_front_of
from tests.kubernetes.light_clusters import LightClusters, light_clusters
from tests.kubernetes.testbed import kuberay
from tests.kubernetes.testbed.node import up

SPEC: Final = ClusterSpec(
    provisioner="ephemeral",
    head=HeadGroup(memory="2Gi"),
    workers=WorkerGroup(count=2, memory="1Gi"),
)
PROGRAM: Final = Path(one_line.__file__).read_text()
LINES: Final = (
    re.compile(r"user code at ([\d.]+)"),
    re.compile(r"on each worker at ([\d.]+)"),
)
"""By the clock of this machine, on which all pods are: neither pays for how its log is read."""
INJECTION: Final = "ENABLE_INIT_CONTAINER_INJECTION"
STARTING_S: Final = 3.0
SETTLED_S: Final = 20.0
WAITING_S: Final = 60.0
POLLED: Final = "60"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kubernetes")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--only", choices=["requests"], help="measure no times")
    options = parser.parse_args()
    repeats = 0 if options.only else options.repeats
    cluster = up().cluster
    operator = kuberay.install(cluster, kuberay.chosen())
    print(f"operator: {operator.which}\n")  # noqa: T201
    with light_clusters(cluster, "benchmark") as light:
        if repeats:
            _print_times(light, operator, repeats)
        with in_front_of(light.cluster) as proxy:
            print_table(
                ("requests to the API server", "ours", "a poll each second"),
                [
                    ("a minute of waiting for pods", *_for_pods(light, proxy)),
                    *((what, str(ours), polls) for what, ours, polls in _in_use(light, proxy)),
                ],
            )


def _print_times(light: LightClusters, operator: kuberay.KubeRay, repeats: int) -> None:
    stock, ours, gone = list[list[float]](), list[list[float]](), list[float]()
    for _ in range(repeats):
        with _injection(operator, wanted=True):
            stock.append(_stock(light))
        with _injection(operator, wanted=False):
            ours.append(_ours(light))
            gone.append(_gone_while_starting(light))
    print_table(
        (f"head and two workers, medians of {repeats} turns", "seconds", "of stock"),
        [
            *(
                (f"{whose}: create to {what}", *_told(seconds, statistics.median(theirs)))
                for what, theirs, its in zip(
                    ("the first line of user code", "a task on each worker"),
                    zip(*stock, strict=True),
                    zip(*ours, strict=True),
                    strict=True,
                )
                for whose, seconds in (("stock", theirs), ("ours", its))
            ),
            (f"ours: stopped {STARTING_S:.0f} s after its create, to gone", *_told(gone)),
        ],
    )


def _told(seconds: Sequence[float], baseline: float | None = None) -> tuple[str, str]:
    median = statistics.median(seconds)
    each = ", ".join(f"{one:.1f}" for one in seconds)
    return f"{median:.1f} ({each})", f"{median / baseline:.2f}" if baseline else ""


@contextmanager
def _injection(operator: kuberay.KubeRay, *, wanted: bool) -> Iterator[None]:
    """Whether the operator adds its own init container; the double always does."""
    if operator.is_real:
        where = (f"deployment/{kuberay.NAME}", f"--namespace={kuberay.NAMESPACE}")
        operator.cluster.kubectl("set", "env", *where, f"{INJECTION}={str(wanted).lower()}")
        operator.wait_until_ready()
    yield


def _stock(light: LightClusters) -> list[float]:
    name = "stock"
    began_s = time.time()
    spec = ray_clusters.spec(light.cluster, workers=SPEC.worker_count, with_token=True)
    ray = ray_clusters.create(light.cluster, light.namespace, name, spec)
    try:
        # Their own word for it is true too early, so a careful client counts Ray's nodes.
        ray.wait_until_ready()
        ray.submit("job", PROGRAM, str(SPEC.worker_count))
        ray.ended("job", poll_s=1.0)
        return _times(ray.log("job"), began_s)
    finally:
        where = f"--namespace={light.namespace}"
        light.cluster.kubectl("delete", "raycluster", name, where, "--cascade=foreground")
        _wait_until_empty(light)


def _times(log: str, began_s: float) -> list[float]:
    """Seconds until each of `LINES` was written."""
    found = [line.search(log) for line in LINES]
    if None in found:
        raise RuntimeError(f"the program did not come to its end: {log}")
    return [float(one[1]) - began_s for one in found if one]


def _ours(light: LightClusters) -> list[float]:
    log: list[str] = []
    provisioner = EphemeralProvisioner(light.real_ray())
    began_s = time.time()
    recorder = Recorder()
    with provisioner.acquire(_request("ours"), recorder) as cluster:
        program = Entrypoint(module=one_line.__name__, arguments=(str(SPEC.worker_count),))
        job = JobRequest(submission_id="job", entrypoint=program)
        with followed_job(cluster, job, recorder) as running:
            running.follow(on_log=log.append, limit_s=lambda: 120.0)
    _wait_until_empty(light)
    return _times("\n".join(log), began_s)


def _gone_while_starting(light: LightClusters) -> float:
    config = light.real_ray(limits={"start_s": STARTING_S, "grace_s": 5})
    began = time.monotonic()
    _fail_to_start(config, "stopped")
    _wait_until_empty(light)
    return time.monotonic() - began - STARTING_S


def _for_pods(light: LightClusters, proxy: ApiProxy) -> tuple[str, str]:
    """While pods wait for a node: what we ask in a minute, and what a poll does."""
    limits = {"start_s": SETTLED_S + 2 * WAITING_S, "grace_s": 0}
    config = light.real_ray(
        kubeconfig=str(proxy.cluster.kubeconfig),
        limits=limits,
        pod={"nodeSelector": {"there-is": "none"}},
    )
    waiting = threading.Thread(target=_fail_to_start, args=(config, "waits"))
    waiting.start()
    time.sleep(SETTLED_S)
    ours = _asked_in(proxy, WAITING_S)
    waiting.join()
    return str(ours), _polled(light, proxy, WAITING_S)


def _in_use(light: LightClusters, proxy: ApiProxy) -> Iterator[tuple[str, int, str]]:
    """What is asked in a minute of a silent job, of being connected, and of a removal."""
    config = light.real_ray(kubeconfig=str(proxy.cluster.kubeconfig))
    wanted = Wanted(name="used", spec=SPEC, owner="benchmark", ttl_s=600.0)
    people = InteractiveClusters(config)
    with EphemeralProvisioner(config).acquire(_request("runs"), Recorder()) as cluster:
        program = Entrypoint(module="tests.benchmarks.silence", arguments=(str(3 * WAITING_S),))
        job = JobRequest(submission_id="job", entrypoint=program)
        with followed_job(cluster, job, Recorder()) as running:
            following = threading.Thread(target=_follow, args=(running,), daemon=True)
            following.start()
            time.sleep(SETTLED_S)
            yield "a minute of a job that writes nothing", _asked_in(proxy, WAITING_S), POLLED
            running.stop()
            following.join()
        began, before = time.monotonic(), len(proxy.seen)
    went_s = time.monotonic() - began
    gone = len(proxy.seen) - before
    yield f"a cluster is given back, in {went_s:.0f} s", gone, f"1 + {went_s:.0f}"
    people.up(wanted, Recorder())
    with people.watched("used") as cluster, local_address(cluster.head):
        connected = threading.Thread(target=_watch_for_its_end, args=(cluster,), daemon=True)
        connected.start()
        time.sleep(2.0)
        yield "a minute of `mlp cluster connect`", _asked_in(proxy, WAITING_S), POLLED
    began, before = time.monotonic(), len(proxy.seen)
    people.down("used", "benchmark")
    went_s = time.monotonic() - began
    down = len(proxy.seen) - before
    yield f"`mlp cluster down`, {went_s:.0f} s to its last pod", down, f"1 + {went_s:.0f}"


def _asked_in(proxy: ApiProxy, seconds: float) -> int:
    before = len(proxy.seen)
    time.sleep(seconds)
    return len(proxy.seen) - before


def _polled(light: LightClusters, proxy: ApiProxy, seconds: float) -> str:
    before = len(proxy.seen)
    api = KubernetesApi(find_access(kubeconfig=str(proxy.cluster.kubeconfig)))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        api.get(jobs_path(light.namespace, "waits"))
        time.sleep(1.0)
    return str(len(proxy.seen) - before)


def _follow(job: FollowedJob) -> None:
    job.follow(on_log=lambda line: None)


def _watch_for_its_end(cluster: Cluster) -> None:
    while not cluster.is_gone():
        time.sleep(LOOK_EVERY_S)


def _fail_to_start(config: KubeRayConfig, name: str) -> None:
    with contextlib.suppress(ClusterStartError):
        EphemeralProvisioner(config).acquire(_request(name), Recorder()).__enter__()


def _request(name: str) -> ClusterRequest:
    return ClusterRequest(name=name, spec=SPEC, holder="benchmark")


def _wait_until_empty(light: LightClusters) -> None:
    while light.left():
        time.sleep(0.2)


if __name__ == "__main__":
    main()
