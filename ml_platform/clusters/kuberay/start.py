"""Waiting for a cluster to become ready, with a cause while it waits and a clock for each wait.

And afterwards, while its job runs: telling what it loses.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.config import Limits
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
from ml_platform.clusters.kuberay.diagnosis.head import readiness
from ml_platform.clusters.kuberay.diagnosis.log_sources import LogSource, failed_to_start
from ml_platform.clusters.kuberay.diagnosis.losses import losses
from ml_platform.clusters.kuberay.kueue import PlaceInQueue, workload_of
from ml_platform.clusters.kuberay.pod_logs import Logs, by_name, read_logs
from ml_platform.clusters.kuberay.reminder import Reminder
from ml_platform.clusters.kuberay.seen import (
    KueueUnknown,
    Object,
    Objects,
    Seen,
    Watched,
    is_going,
    of_ray_cluster,
)
from ml_platform.clusters.kuberay.views import phase_of
from ml_platform.errors import ApiRefusedError, ClusterStartError, ObjectMissingError
from ml_platform.xray.records import Recorder

LISTED_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 3.0
"""What only takes too long changes nothing that is watched. It costs no request."""
SHOWN_WITHIN_S: Final = 10.0
"""An object is in its watch a moment after it was made, unless the watch has died unnoticed."""
BLIND_S: Final = 2.0
"""A watch that the server has ended is open again by then."""
EVIDENCE_LINES: Final = 20
JOBS, CLUSTERS, PODS, EVENTS = "rayjobs", "rayclusters", "pods", "events"
WORKLOADS: Final = "workloads"


def seen_by(watch: Objects, uid: str, now_s: float) -> Seen:
    """What the watches of one cluster have; of RayJobs of its name the one with this uid."""
    job = [one for one in watch.objects(JOBS) if one["metadata"]["uid"] == uid]
    workloads, kueue_unknown = _workloads(watch)
    # Of two, one goes that this one has replaced, and its pods and events with it.
    clusters = sorted(watch.objects(CLUSTERS), key=lambda one: not is_going(one))[-1:]
    current = str(clusters[0]["metadata"]["name"]) if clusters else ""
    pods = of_ray_cluster(watch.objects(PODS), current)
    gone = of_ray_cluster(watch.gone(PODS), current)
    names = {str(one["metadata"]["name"]) for one in (*job, *clusters, *pods, *gone)}
    return Seen(
        ray_job=job[0] if job else None,
        ray_cluster=clusters[0] if clusters else None,
        pods=pods,
        gone=gone,
        events=tuple(one for one in watch.objects(EVENTS) if _about(one) in names),
        workload=workload_of(workloads, uid),
        workloads=workloads,
        kueue_unknown=kueue_unknown,
        at_s=now_s,
    )


def _workloads(watch: Objects) -> tuple[tuple[Object, ...], KueueUnknown]:
    """Of Kueue, which need not be there: a cluster starts without a word of it too."""
    try:
        return watch.objects(WORKLOADS), ""
    except ObjectMissingError:
        return (), "not installed"
    except ApiRefusedError:
        return (), "not allowed"


class Start:
    """One cluster on its way.

    Args:
        name: The cluster.
        watch: Its objects.
        limits: How long what may take.
        recorder: Is told why it waits.
        read_logs: The last lines of containers.
        place_in_queue: Adds to what is seen the place in a queue of Kueue.
        remind: Has KubeRay try again what it tries ever more seldom.
        shown_within_s: How long a watch may be without the object.
        clock: Seconds that only grow.
        now: Seconds since 1970.

    Attributes:
        seen: What was seen of it last; None before anything was.
    """

    def __init__(
        self,
        name: str,
        watch: Watched,
        limits: Limits,
        recorder: Recorder,
        *,
        read_logs: Callable[[Sequence[LogSource]], Logs] = lambda sources: {},
        place_in_queue: Callable[[Seen], Seen] = lambda seen: seen,
        remind: Callable[[Seen, Sequence[Diagnosis]], None] = lambda seen, diagnoses: None,
        shown_within_s: float = SHOWN_WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._watch = watch
        self._limits = limits
        self._recorder = recorder
        self._read_logs = read_logs
        self._place_in_queue = place_in_queue
        self._remind = remind
        self._shown_within_s = shown_within_s
        self._clock = clock
        self._now = now
        self._first_seen: dict[str, float] = {}
        self._news: dict[str, str] = {}
        self._pods: dict[str, set[str]] = {}
        self._spent_s = {"queue": 0.0, "start": 0.0}
        self._listed_for: set[str] = set()
        self._blind_since_s: float | None = None
        self.seen: Seen | None = None

    def wait(
        self, uid: str, workers: int, *, is_ready: Callable[[Seen, int], bool] = readiness
    ) -> Seen:
        """What is seen when the cluster can be used.

        Args:
            uid: Which RayJob of this name.
            workers: How many workers.
            is_ready: Whether it can be, with so many workers; when all have joined unless given.

        Raises:
            ClusterStartError: it will not become ready, or not in time; names the cause.
        """
        self._watch.wait_for_lists(LISTED_WITHIN_S)
        last = self._clock()
        while True:
            changes = self._watch.changes
            seen = self.seen = seen_by(self._watch, uid, self._now())
            if seen.ray_job is not None and is_ready(seen, workers):
                return seen
            seen = self._place_in_queue(seen)
            diagnoses = diagnose(seen, recreations=self._recreations(seen))
            now = self._clock()
            self._tell((*diagnoses, *self._blindness(now)))
            wait = "queue" if phase_of(seen.ray_job, seen.pods)[0] == "queued" else "start"
            self._spent_s[wait] += now - last
            last = now
            self._give_up_if_hopeless(seen, diagnoses)
            self._remind(seen, diagnoses)
            left_s = self._seconds_left(seen, wait)
            if left_s > 0:
                self._watch.wait(changes, self._next_look_s(diagnoses, left_s))
            elif self._is_sure(seen, wait):
                raise self._too_late(seen, diagnoses, wait)

    def tell_losses(self, uid: str, ready: Seen, is_over: Callable[[], bool]) -> None:
        """Tell what a cluster in use has lost, and why it does not come back, until that is over.

        Nothing is given up for it: a job may do without, and has limits of its own.

        Args:
            uid: Which RayJob of this name.
            ready: What was seen when all had joined.
            is_over: Whether nobody uses it any more.

        Raises:
            ApiRefusedError: a right was taken away.
        """
        while not is_over():
            changes = self._watch.changes
            seen = seen_by(self._watch, uid, self._now())
            self._tell(losses(ready, seen, recreations=self._recreations(seen)))
            self._watch.wait(changes, LOOK_EVERY_S)

    def _blindness(self, now_s: float) -> Iterator[Diagnosis]:
        """That nothing is heard of the cluster: what is known of it may be old."""
        if self._watch.is_current(JOBS, PODS):
            self._blind_since_s = None
            return
        if self._blind_since_s is None:
            self._blind_since_s = now_s
        if now_s - self._blind_since_s >= BLIND_S:
            yield diagnosis(
                "blind",
                "starting",
                Place(kind="cluster"),
                "The API server does not answer, so nothing is known of the cluster meanwhile.",
                "Nothing: it is asked again, and what runs on the cluster runs on.",
            )

    def _seconds_left(self, seen: Seen, wait: str) -> float:
        limit_s = self._limits.queue_s if wait == "queue" else self._limits.start_s
        left_s = limit_s - self._spent_s[wait]
        if seen.ray_job is None:
            return min(left_s, self._shown_within_s - self._spent_s["start"])
        self._listed_for.discard("missing")
        return left_s

    def _is_sure(self, seen: Seen, wait: str) -> bool:
        """Whether all was listed anew before it is given up, as a silent watch proves nothing."""
        doubt = "missing" if seen.ray_job is None else wait
        if doubt in self._listed_for:
            return True
        is_listed = self._watch.list_anew(LISTED_WITHIN_S)
        # While the API server is away nothing is known, until the time for all is over.
        if is_listed or self._spent_s["start"] >= self._limits.start_s:
            self._listed_for.add(doubt)
        return False

    def _recreations(self, seen: Seen) -> dict[str, int]:
        """How often pods of each group were made anew: KubeRay itself does so for ever."""
        now = Counter[str]()
        for pod in seen.pods:
            group = str(pod["metadata"]["labels"].get(labels.GROUP, ""))
            self._pods.setdefault(group, set()).add(str(pod["metadata"]["uid"]))
            now[group] += 1
        return {group: len(uids) - now[group] for group, uids in self._pods.items()}

    def _tell(self, diagnoses: tuple[Diagnosis, ...]) -> None:
        for one in diagnoses:
            is_new = one.key not in self._first_seen
            if is_new:
                self._first_seen[one.key] = self._clock()
            if is_new or one.news not in ("", self._news.get(one.key)):
                self._news[one.key] = one.news
                self._recorder.happened("cluster", detail=f"{one.state}: {one.failure.message}")
        standing = {one.key for one in diagnoses}
        for gone in self._first_seen.keys() - standing:
            del self._first_seen[gone]
            del self._news[gone]

    def _give_up_if_hopeless(self, seen: Seen, diagnoses: tuple[Diagnosis, ...]) -> None:
        due = next((one for one in diagnoses if self._is_due(one)), None)
        if due is not None:
            # Diagnoses stand in the order of what they tell, and why it was late stands first.
            raise self._named(seen, diagnoses[0] if due.says_only_when else due)
        job = seen.ray_job
        if job is None:
            return
        phase, reason = phase_of(job, seen.pods)
        if phase == "stopping":
            raise self._deleted()
        if phase == "failed":
            raise ClusterStartError(
                f"the cluster {self._name} failed while it started: {reason}",
                hint="`mlp cluster show` has its pods; run the step again.",
            )

    def _is_due(self, one: Diagnosis) -> bool:
        limit_s = 0.0 if one.state == "broken" else one.give_up_after_s
        return limit_s is not None and self._clock() - self._first_seen[one.key] >= limit_s

    def _named(self, seen: Seen, diagnosis: Diagnosis) -> ClusterStartError:
        """The error of a diagnosis, with what failed containers said last."""
        logs = self._read_logs(failed_to_start(seen))
        ends = {source.key: lines[-EVIDENCE_LINES:] for source, lines in logs.items()}
        again = diagnose(seen, recreations=self._recreations(seen), logs=ends)
        told = next((one for one in again if one.key == diagnosis.key), diagnosis)
        return told.failure.to_start_error(self._name, logs=by_name(logs))

    def _too_late(
        self, seen: Seen, diagnoses: tuple[Diagnosis, ...], wait: str
    ) -> ClusterStartError:
        if seen.ray_job is None:
            return self._deleted()
        if diagnoses:
            return self._named(seen, diagnoses[0])
        where = "in its queue" if wait == "queue" else "for its pods"
        return ClusterStartError(
            f"the cluster {self._name} waited {self._spent_s[wait]:.0f} s {where} and nothing "
            "says why",
            hint="`mlp cluster show` has its pods; is the operator of KubeRay running?",
        )

    def _deleted(self) -> ClusterStartError:
        return ClusterStartError(
            f"the cluster {self._name} was deleted while it started",
            hint="who did that? `mlp cluster ls` shows what there is; run the step again.",
        )

    def _next_look_s(self, diagnoses: tuple[Diagnosis, ...], left_s: float) -> float:
        """Seconds until a clock may have run out, if nothing changes before."""
        for one in diagnoses:
            if one.give_up_after_s is not None:
                since = self._clock() - self._first_seen[one.key]
                left_s = min(left_s, one.give_up_after_s - since)
        return max(0.05, min(left_s, LOOK_EVERY_S))


def start_on(
    api: KubernetesApi,
    namespace: str,
    name: str,
    watch: Watched,
    limits: Limits,
    recorder: Recorder,
    *,
    clock: Callable[[], float],
    now: Callable[[], float],
) -> Start:
    """The start of a cluster of which the API server is asked what its watches do not bring."""
    return Start(
        name,
        watch,
        limits,
        recorder,
        read_logs=partial(read_logs, api, namespace),
        place_in_queue=PlaceInQueue(api, namespace, clock=clock).added_to,
        remind=Reminder(api, namespace, clock=clock, now=now).about,
        clock=clock,
        now=now,
    )


def _about(event: Object) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    return str(about.get("name") or "")
