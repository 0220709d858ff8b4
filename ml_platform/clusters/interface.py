"""The seam between a training and the cluster that it runs on.

The caller works inside the asset body, where asset, partition and attempt are known:

    with provisioner.acquire(request, recorder) as cluster:       # create or adopt, given back
        with followed_job(cluster, job, recorder) as running:      # submit or adopt
            outcome = running.follow(on_log=print)

Every provisioner ends in a head's address; submitting and following is the same for all (`jobs`).
"""

import hashlib
import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Protocol

from ml_platform.clusters.causes import Failure
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.xray.records import Recorder

# Ray takes a second, or as long as 64 jobs need to start beside each other on two cores. Its own
# limit, 15 minutes, is one more variable of the head, which is not always ours to set.
JOB_START_S: Final = 300.0
QUIET_S: Final = 2.5
"""A stream may hang: its job's end is noticed so much later, and the step ends within 5 s of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKey:
    """The name of a piece of work, the same after any crash.

    `training` is what makes two trainings of the same partition different work: a hash of all that
    decides the outcome.
    """

    asset: str
    partition: str
    training: str

    def slug(self) -> str:
        """At most 40 characters, lower case, DNS-1035: usable as a Kubernetes and Ray name."""
        digest = hashlib.sha256(
            "\0".join((self.asset, self.partition, self.training)).encode()
        ).hexdigest()[:10]
        name = re.sub(r"[^a-z0-9]+", "-", f"{self.asset}-{self.partition}".lower()).strip("-")
        return f"{name if name[:1].isalpha() else f'j-{name}'}"[:29].rstrip("-") + f"-{digest}"

    def submission_id(self, attempt: int) -> str:
        """The id of the attempt's Ray job: submitting twice is submitting once."""
        return f"{self.slug()}-{attempt}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrypoint:
    """What the Ray job runs: `python -m module *arguments` with `env` added."""

    module: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> tuple[str, ...]:
        """What follows the interpreter."""
        return ("-m", self.module, *self.arguments)

    @property
    def working_dir(self) -> str:
        """URI of the folder that it runs in: none, its code is in the image or in the storage."""
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What stands before a head and keeps `Authorization` to itself, as the API server's proxy.

    Attributes:
        headers: What it wants of each request; asked each time, as tokens expire.
        tls: Its certificates; None for plain HTTP.
        still_grants: Whether it grants what it granted before, see `refusals`.
    """

    headers: Callable[[], Mapping[str, str]]
    tls: ssl.SSLContext | None = None
    still_grants: Callable[[], bool] = lambda: True


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadAddress:
    """Where a Ray head takes jobs.

    Attributes:
        url: Address of the dashboard, `http://host:port` or a path below a gate.
        token: Ray's token; empty for a head without authentication.
        gate: What stands before it.
    """

    url: str
    token: str = field(default="", repr=False)
    gate: Gate | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers of a request that is made now."""
        if self.gate is None:
            return {"Authorization": f"Bearer {self.token}"} if self.token else {}
        ray = {"x-ray-authorization": f"Bearer {self.token}"} if self.token else {}
        return {**self.gate.headers(), **ray}

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Certificates of the gate, if it has some."""
        return self.gate.tls if self.gate is not None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRuntime:
    """How a job is run on a cluster.

    Attributes:
        python: The command that runs entry points: an interpreter and its options.
        env: Variables that every job gets; an entry point's own win.
    """

    python: tuple[str, ...] = ("python",)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterRequest:
    """What a piece of work asks of a provisioner.

    Attributes:
        name: The cluster's name, from `Provisioner.cluster_name`: making it twice is making it
            once.
        spec: What it is to be.
        holder: Who uses it, for those who look.
        run: The Dagster run that works on it; who finds that ended may remove it.
        incarnation: The life of its head that is to be adopted; none is made then. Empty before
            its first.
        work_s: For how long its job may run; 0 if nobody says. What guards against forgotten
            clusters leaves it that time.
    """

    name: str
    spec: ClusterSpec
    holder: str
    run: str = ""
    incarnation: str = ""
    work_s: float = 0.0


ClusterPhase = Literal[
    "absent", "queued", "starting", "ready", "stopping", "failed", "lost", "unknown"
]
GONE: frozenset[ClusterPhase] = frozenset({"absent", "stopping", "failed", "lost"})
"""Phases of a cluster whose work does not go on. `unknown` is not among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterView:
    """A cluster as it is now.

    Attributes:
        name: Its name.
        provisioner: Whose it is.
        phase: Where it is in its life; `unknown` if it cannot be seen from here.
        spec: What was asked for; None where that is not known.
        incarnation: Names this life of its head; another head under the same name has another one.
        reason: Why it waits or failed.
        url: Address of its dashboard.
        users: Who uses it.
        idle_s: Seconds since it was last used; 0 while it is used.
        jobs: Its jobs that are not over, by submission id.
        details: More for a person, by name: process ids, files.
    """

    name: str
    provisioner: str
    phase: ClusterPhase
    spec: ClusterSpec | None = None
    incarnation: str = ""
    reason: str = ""
    url: str = ""
    users: tuple[str, ...] = ()
    idle_s: float = 0.0
    jobs: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_gone(self) -> bool:
        """Its work does not go on."""
        return self.phase in GONE


@dataclass(frozen=True, kw_only=True, slots=True)
class LastWords:
    """What is known of a cluster at the end of a job that failed, as nothing is afterwards.

    Attributes:
        failure: What of the cluster is to blame; None if nothing is known to be.
        logs: The last lines of its parts, oldest first, by a name that can be a file's.
    """

    failure: Failure | None = None
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A cluster that is ready.

    Attributes:
        name: Its name.
        head: Where it takes jobs.
        runtime: How they are run.
        incarnation: See `ClusterView`.
        is_gone: Whether this life of its head has ended; asked when the head does not answer.
        note_job: Told of the job that was submitted, for those who guard the cluster.
        last_words: Asked once its job has failed, before it is given back; takes seconds at most,
            and raises nothing.
        lost_after_s: How long the head may be silent before it counts as lost all the same.
        vouches_for: Whether somebody else than the head says of a job that it runs there, all being
            well, and would tell its end within seconds; asking costs no request. None where nobody
            looks.
        quiet_s: How often to look at a job that writes nothing and that nobody vouches for, in
            seconds.
        job_start_s: How long a submitted job may be pending before it is given up.
    """

    name: str
    head: HeadAddress
    runtime: JobRuntime
    incarnation: str
    is_gone: Callable[[], bool]
    note_job: Callable[[str], None] = lambda submission_id: None
    last_words: Callable[[], LastWords] = LastWords
    lost_after_s: float = 60.0
    vouches_for: Callable[[str], bool] | None = None
    quiet_s: float = QUIET_S
    job_start_s: float = JOB_START_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaped:
    """A cluster that nobody needs, or of which nobody knows who does.

    Attributes:
        name: Its name.
        reason: Why nobody needs it, or why that is not known.
        removed: Whether it was removed; not in a dry run.
        kept: Why it stays all the same, such as that it has changed meanwhile; empty if it goes.
        failed: Why it could not be looked at, warned about or removed; empty if it could.
    """

    name: str
    reason: str
    removed: bool
    kept: str = ""
    failed: str = ""

    @property
    def fate(self) -> str:
        """What has become of it, in a word or two."""
        if self.removed:
            return "removed"
        return "failed" if self.failed else "kept" if self.kept else "not removed"

    @property
    def why(self) -> str:
        """Of its fate: `its run ended 20 min ago; Kubernetes refuses: …`."""
        return "; ".join(filter(None, (self.reason, self.kept, self.failed)))


RunEnd = Callable[[str], float | Literal["unheard"] | None]
"""When a Dagster run ended, in seconds since 1970; `unheard` for one that Dagster has never heard
of, None if it lives, or if Dagster cannot be asked."""


class Provisioner(ABC):
    """Makes, adopts, lists and removes clusters of one kind."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def place(self) -> str:
        """From where its clusters can be seen: two of one place see the same clusters."""

    @property
    @abstractmethod
    def abandoned_after_s(self) -> float:
        """Seconds after the death of its user, and of all who would adopt it, that a job may live.

        Infinite where the cluster can be looked at from everywhere.
        """

    @abstractmethod
    def cluster_name(self, key: JobKey, attempt: int, spec: ClusterSpec) -> str:
        """The name of the cluster of an attempt."""

    @abstractmethod
    def acquire(
        self, request: ClusterRequest, recorder: Recorder
    ) -> AbstractContextManager[Cluster]:
        """Create or adopt the cluster of this name; ready in the block, given back after it.

        Raises:
            ClusterStartError: it never became ready; names the cause.
            ClusterLostError: the incarnation that was asked for is gone.
            ClusterLeftError: the work in the block is done, and it could not be given back.
        """

    @abstractmethod
    def look(self, name: str) -> ClusterView:
        """The cluster of this name as it is now; changes nothing."""

    @abstractmethod
    def inventory(self) -> list[ClusterView]:
        """All clusters that exist, or have left something behind."""

    @abstractmethod
    def clear(self, name: str) -> None:
        """Remove what a cluster that is gone has left; nothing happens to one that lives.

        Raises:
            ClusterLeftError: something of it, which works no more, cannot be removed now.
            ClusterError: something of it may still work, and cannot be ended.
        """

    @abstractmethod
    def stop(self, name: str) -> None:
        """Remove a cluster now, whoever uses it.

        Raises:
            ClusterError: it cannot be removed.
        """

    @abstractmethod
    def reap(self, run_ended_s: RunEnd, *, dry_run: bool) -> Iterator[Reaped]:
        """Remove what nobody needs, though whoever should have did not; tells each as it is done.

        One that cannot be looked at or removed is told too, and keeps no other.

        Raises:
            ClusterError: it cannot be seen what there is.
        """

    @abstractmethod
    def shutdown(self) -> None:
        """Remove what nobody is using any more, now instead of after its idle time."""


class ClustersAccess(Protocol):
    """Where training runs, as an asset is given it: the resource `clusters`."""

    def resolved(self, spec: ClusterSpec) -> ClusterSpec:
        """What `spec` is in this environment: presets, provisioner and image filled in.

        Raises:
            InputError: it names a preset that there is not, or is none for a training.
        """

    def provisioner(self, spec: ClusterSpec) -> Provisioner:
        """The provisioner that `spec` names."""

    def provisioners(self) -> list[Provisioner]:
        """One of each kind that can be had here."""
