"""A step in a process of its own: runs a job on a local cluster and prints what it sees.

`step <home> <idle timeout> <orphan grace> <partition> <talker argument>…`
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_platform.clusters.interface import Cluster, ClusterRequest, Entrypoint, JobKey
from ml_platform.clusters.jobs.job import FollowedJob, followed_job
from ml_platform.clusters.jobs.program import JobRequest
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.xray.records import Event, Recorder

TALKER = "tests.support.ray_jobs.talker"
SPEC = ClusterSpec()


def key(partition: str) -> JobKey:
    """The job key of a partition, the same in every process."""
    return JobKey(asset="talk", partition=partition, training="test")


@contextmanager
def acquired(
    provisioner: LocalProvisioner, partition: str, recorder: Recorder
) -> Iterator[Cluster]:
    """The cluster, in use for the first attempt at a partition."""
    wanted = ClusterRequest(
        name=provisioner.cluster_name(key(partition), 1, SPEC),
        spec=SPEC,
        holder=key(partition).slug(),
    )
    with provisioner.acquire(wanted, recorder) as cluster:
        yield cluster


@contextmanager
def running(
    provisioner: LocalProvisioner,
    partition: str,
    entrypoint: Entrypoint,
    recorder: Recorder | None = None,
) -> Iterator[FollowedJob]:
    """The job of the first attempt at a partition, submitted or adopted."""
    recorder = recorder or Recorder()
    job = JobRequest(submission_id=key(partition).submission_id(1), entrypoint=entrypoint)
    with (
        acquired(provisioner, partition, recorder) as cluster,
        followed_job(cluster, job, recorder) as followed,
    ):
        yield followed


def say(line: str) -> None:
    """Print at once: the test reads along."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say_event(event: Event) -> None:
    """Print what began or ended."""
    say(f"{event.name} {event.state} {event.detail}".rstrip())


def main() -> None:
    """Run one job and follow it."""
    home, idle, grace, partition, *arguments = sys.argv[1:]
    provisioner = LocalProvisioner(
        Path(home), idle_timeout_s=float(idle), orphan_grace_s=float(grace)
    )
    entrypoint = Entrypoint(module=TALKER, arguments=tuple(arguments))
    with running(provisioner, partition, entrypoint, Recorder(say_event)) as job:
        say(f"outcome {job.follow(on_log=say).status}")


if __name__ == "__main__":
    main()
