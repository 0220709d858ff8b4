"""Made-up attempts, as findings see them."""

from collections.abc import Iterable
from typing import Any, Final

from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.findings.finding import Past, Seen
from ml_platform.xray.samples import NodeUse, Samples, StepTimes
from ml_platform.xray.timeline import Times
from tests.support.xray import AT_S
from tests.unit.xray.test_store import attempt

GIB: Final = 2**30
HOUR_S: Final = 3600.0
NOW_S: Final = AT_S + 10 * HOUR_S
SPEC: Final = ClusterSpec(
    provisioner="ephemeral",
    head=HeadGroup(cpus=1, memory="2Gi"),
    workers=WorkerGroup(count=2, cpus=8, memory="16Gi"),
)


def hour_long(number: int = 1, *, spec: ClusterSpec = SPEC, **values: Any) -> AttemptRecord:
    """Ready and running after a minute, for an hour."""
    plain = {
        "provisioner": spec.provisioner or "local",
        "spec": spec.model_dump(mode="json"),
        "spec_in_words": spec.in_words(),
        "limits": {"checkpoint_every_s": 60.0, "parameters": {"lr": 0.1}, "window_days": 28},
        "ready_at_s": AT_S + 30,
        "started_at_s": AT_S + 60,
        "ended_at_s": AT_S + 60 + HOUR_S,
        "ran_s": HOUR_S,
    }
    return attempt(number, **plain | values)


def seen(one: AttemptRecord | None = None, **values: Any) -> Seen:
    """What is known of an attempt, the only one of its training."""
    one = one or hour_long()
    plain: dict[str, Any] = {"training": (one,), "now_s": NOW_S}
    return Seen(attempt=one, **plain | values)


def steps(*workers: StepTimes) -> Samples:
    """One sample of each worker."""
    return Samples(steps=workers)


def worker(
    rank: int = 0,
    *,
    data_s: float = 5.0,
    cpu_s: float = 80.0,
    waiting_s: float = 15.0,
    **values: Any,
) -> StepTimes:
    """A hundred seconds of a healthy worker, unless it says otherwise."""
    plain: dict[str, Any] = {
        "node": f"10.0.0.{rank}",
        "batches": 100,
        "rows": 102_400,
        "data_s": data_s,
        "cpu_s": cpu_s,
        "step_s": cpu_s + waiting_s,
    }
    return StepTimes(at_s=AT_S + 100, rank=rank, **plain | values)


def nodes(
    *, memory_gib: float = 12.0, cpus: float = 6.0, gpus: float = 0.0, gpu_used: float = 0.0
) -> Samples:
    """Two samples of the head and of two workers."""
    return Samples(nodes=tuple(_nodes(memory_gib, cpus, gpus, gpu_used)))


def _nodes(memory_gib: float, cpus: float, gpus: float, gpu_used: float) -> Iterable[NodeUse]:
    for moment in range(2):
        yield NodeUse(
            at_s=AT_S + 300 * moment,
            node="head",
            is_head=True,
            cpus=1.0,
            cpu_used=0.2,
            memory_bytes=2.0 * GIB,
            memory_used_bytes=1.0 * GIB,
        )
        for name in ("a", "b"):
            yield NodeUse(
                at_s=AT_S + 300 * moment,
                node=name,
                cpus=8.0,
                cpu_used=cpus,
                memory_bytes=16.0 * GIB,
                memory_used_bytes=memory_gib * GIB,
                gpus=gpus,
                gpu_used=gpu_used,
            )


def past(count: int, *, ran_s: float = HOUR_S, queued_s: float | None = None) -> tuple[Past, ...]:
    """Earlier attempts of other partitions, all alike."""
    return tuple(
        Past(
            attempt=hour_long(1, partition=f"2013-02-{day:02d}", training=f"{day:04x}"),
            times=Times(queued_s=queued_s, starting_s=60.0, ran_s=ran_s),
        )
        for day in range(1, count + 1)
    )
