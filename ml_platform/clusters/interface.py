"""The seam between a training and the cluster that it runs on.

The caller works inside the asset body, where asset, partition and attempt are known:

    with clusters.run(job_key, spec, entrypoint) as job:   # create or adopt
        outcome = job.follow(on_log=print, on_phase=record)
"""

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ml_platform.clusters.spec import ClusterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class JobKey:
    """The name of a piece of work, the same after any crash.

    `attempt_group` is what makes two trainings of the same partition different work: a hash of all
    that goes in.
    """

    asset: str
    partition: str
    attempt_group: str

    def slug(self) -> str:
        """At most 40 characters, lower case, DNS-1035: usable as a Kubernetes and Ray name."""
        digest = hashlib.sha256(
            "\0".join((self.asset, self.partition, self.attempt_group)).encode()
        ).hexdigest()[:10]
        name = re.sub(r"[^a-z0-9]+", "-", f"{self.asset}-{self.partition}".lower()).strip("-")
        return f"{name if name[:1].isalpha() else f'j-{name}'}"[:29].rstrip("-") + f"-{digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrypoint:
    """What the Ray job runs: `python -m module *arguments` with `env` added."""

    module: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of a job's life, reported when it ends.

    Names, in order: `cluster` (start or adopt), `submit`, `pending` (accepted, driver not started),
    `running`.
    """

    name: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """How the Ray job ended, as Ray says it. Its result is in object storage, not here.

    `overdue`: it was still running at its limit, and was stopped for that.
    """

    status: Literal["succeeded", "failed", "stopped", "overdue"]
    message: str
    submission_id: str
    adopted: bool


class Job(ABC):
    """A submitted Ray job."""

    submission_id: str
    adopted: bool

    @abstractmethod
    def follow(
        self,
        *,
        on_log: Callable[[str], None],
        on_phase: Callable[[Phase], None] = lambda phase: None,
        limit_s: float = math.inf,
    ) -> JobOutcome:
        """Stream log lines until the job ends; picks up where it was after a broken connection.

        A job that is still running `limit_s` seconds after it was first seen running is stopped.
        Waiting does not count; for one who adopts a running job, the time begins when he does.

        Raises:
            ClusterLostError: the head does not answer any more.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop the job and wait until it is stopped."""


class Clusters(ABC):
    """A provisioner: makes or adopts a cluster, submits, and gives it back."""

    @abstractmethod
    def run(
        self,
        job_key: JobKey,
        spec: ClusterSpec,
        entrypoint: Entrypoint,
        *,
        on_phase: Callable[[Phase], None] = lambda phase: None,
    ) -> AbstractContextManager[Job]:
        """Create or adopt the job of `job_key` and the cluster under it.

        A running or succeeded job of this key is adopted; a failed or stopped one is followed by a
        new try. Leaving the block by an exception (an interrupt too) stops the job; leaving it
        normally gives the cluster back.

        Raises:
            ClusterStartError: the cluster never became ready; names the cause.
        """

    @abstractmethod
    def shutdown(self) -> None:
        """Remove what nobody is using any more, now instead of after its idle time."""


class ClustersAccess(Protocol):
    """Where training runs, as an asset is given it: the resource `clusters`."""

    @property
    def image(self) -> str:
        """Container image for clusters whose spec names none."""

    def provisioner(self, spec: ClusterSpec) -> Clusters:
        """The provisioner that `spec` names."""
