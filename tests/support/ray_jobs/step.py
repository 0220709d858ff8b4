"""A step in a process of its own: runs a job on a local cluster and prints what it sees.

`step <home> <idle timeout> <orphan grace> <partition> <talker argument>…`
"""

import sys
from pathlib import Path

from ml_platform.clusters.interface import Entrypoint, JobKey, Phase
from ml_platform.clusters.local.provisioner import LocalProvisioner
from ml_platform.clusters.spec import ClusterSpec

TALKER = "tests.support.ray_jobs.talker"


def key(partition: str) -> JobKey:
    """The job key of a partition, the same in every process."""
    return JobKey(asset="talk", partition=partition, attempt_group="test")


def say(line: str) -> None:
    """Print at once: the test reads along."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say_phase(phase: Phase) -> None:
    """Print a phase."""
    say(f"phase {phase.name} {phase.detail}")


def main() -> None:
    """Run one job and follow it."""
    home, idle, grace, partition, *arguments = sys.argv[1:]
    clusters = LocalProvisioner(Path(home), idle_timeout_s=float(idle), orphan_grace_s=float(grace))
    entrypoint = Entrypoint(module=TALKER, arguments=tuple(arguments))
    with clusters.run(key(partition), ClusterSpec(), entrypoint, on_phase=say_phase) as job:
        say(f"outcome {job.follow(on_log=say).status}")


if __name__ == "__main__":
    main()
