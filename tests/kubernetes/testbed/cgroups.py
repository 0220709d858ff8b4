"""The testbed's cgroup: all pods are in it, so it tells which processes are theirs."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ml_platform.processes import Identity, identity_of, send
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.errors import KubernetesTestError

_MOUNTED_AT: Final = Path("/sys/fs/cgroup")
_CONTROLLERS: Final = frozenset({"cpu", "cpuset", "hugetlb", "memory", "pids"})
_REMOVAL_S: Final = 30.0
_POLL_S: Final = 0.1


class CgroupError(KubernetesTestError):
    """A cgroup cannot be removed, or that of a container cannot be found."""


def make() -> None:
    """Make the testbed's cgroup."""
    for folder in _hierarchies():
        folder.mkdir(exist_ok=True)
    offered = _MOUNTED_AT / "cgroup.controllers"
    if offered.exists():  # v2: the kubelet wants below the root whatever the root offers
        for name in _CONTROLLERS.intersection(offered.read_text().split()):
            (_MOUNTED_AT / "cgroup.subtree_control").write_text(f"+{name}")


def remove() -> None:
    """End all that is inside and remove it.

    Raises:
        CgroupError: a process survives, or something else holds it.
    """
    deadline = time.monotonic() + _REMOVAL_S
    for top in _hierarchies():
        while inside := members(top):
            for identity in inside:
                send(identity, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise CgroupError(f"these processes of pods survive SIGKILL: {inside}")
            time.sleep(_POLL_S)
        # The kernel lets go of a cgroup some time after its last process.
        while top.exists() and not _is_removed(top):
            if time.monotonic() > deadline:
                raise CgroupError(f"the cgroup {top} is in use and cannot be removed")
            time.sleep(_POLL_S)


def of_container(container_id: str) -> Path:
    """The cgroup that counts a container's memory.

    Args:
        container_id: As the pod's status has it: `containerd://…`.

    Raises:
        CgroupError: there is none, such as of a container that has ended.
    """
    name = container_id.rpartition("/")[2]
    found = [path for top in _hierarchies() for path in _within(top) if path.name == name]
    # With v1 the container has one for each controller.
    counting = [path for path in found if path.is_relative_to(_top_of_memory())]
    if not name or not counting:
        raise CgroupError(f"no cgroup of the container {container_id!r}; does it still run?")
    return counting[0]


def members(folder: Path) -> list[Identity]:
    """The processes of a cgroup and of those below it."""
    pids = {int(pid) for path in _within(folder) for pid in _words(path / "cgroup.procs")}
    return [identity for identity in map(identity_of, pids) if identity is not None]


def _within(top: Path) -> Iterator[Path]:
    """It and all cgroups below it; others of them may end meanwhile, which `glob` does not bear."""
    return (Path(folder) for folder, _, _ in os.walk(top))


def memory_limit_bytes(folder: Path) -> int | None:
    """The most memory that its processes may have; None if there is no limit."""
    v2, v1 = folder / "memory.max", folder / "memory.limit_in_bytes"
    said = (v2 if v2.exists() else v1).read_text().strip()
    # v1 says a number near the largest one instead of `max`.
    return None if said == "max" or int(said) > 1 << 60 else int(said)


def oom_kills(folder: Path) -> int:
    """How many of its processes the kernel has killed for want of memory."""
    v2, v1 = folder / "memory.events", folder / "memory.oom_control"
    found = re.search(r"^oom_kill (\d+)$", (v2 if v2.exists() else v1).read_text(), re.MULTILINE)
    if found is None:
        raise CgroupError(f"this kernel does not count the kills in {folder}")
    return int(found[1])


def _hierarchies() -> list[Path]:
    """The testbed's cgroup: one folder with cgroup v2, one for each controller with v1."""
    if (_MOUNTED_AT / "cgroup.controllers").exists():
        return [_MOUNTED_AT / layout.CGROUP]
    return [path / layout.CGROUP for path in sorted(_MOUNTED_AT.iterdir()) if path.is_dir()]


def _top_of_memory() -> Path:
    v1 = _MOUNTED_AT / "memory"
    return v1 if v1.is_dir() else _MOUNTED_AT


def _is_removed(top: Path) -> bool:
    try:
        for folder in sorted(top.glob("**/"), reverse=True):
            folder.rmdir()
    except OSError:
        return False
    return True


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:  # the cgroup went while we looked
        return []
