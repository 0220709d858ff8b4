"""What a node could leave on this machine, to compare before it is up and after it is down."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.processes import identity_of, owned
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.namespaces import SYSCTLS_OF_KUBELET

_FOLDERS: Final = (
    *("/etc", "/etc/cni", "/opt", "/usr/libexec", "/var/lib", "/var/lib/cni", "/var/lib/kubelet"),
    *("/run", "/run/containerd", "/run/netns", "/var/log", "/var/log/pods"),
)
_SETTINGS: Final = (*SYSCTLS_OF_KUBELET, "net/ipv4/ip_forward")
# Also without the mark, should one ever have lost it.
_PROGRAMS: Final = frozenset(
    {
        "bridge",
        "containerd",
        "containerd-shim",  # the kernel keeps fifteen characters of a name
        "coredns",
        "etcd",
        "fake-gcs-server",
        "host-local",
        "kube-apiserver",
        "kube-controller",
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
        "pause",
        "runc",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """The state of this machine, as far as a node touches it."""

    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    packet_filter: frozenset[str]
    routes: frozenset[str]
    cgroups: frozenset[str]
    network_namespaces: frozenset[str]
    folders: frozenset[str]
    settings: frozenset[str]


def look() -> Traces:
    """The state now."""
    return Traces(
        processes=frozenset(map(str, owned(layout.MARK, None))) | frozenset(_programs()),
        mounts=frozenset(Path("/proc/self/mounts").read_text().splitlines()),
        links=_said("ip", "-oneline", "-brief", "link"),
        packet_filter=_said("iptables-save") | _said("ip6tables-save"),
        routes=_said("ip", "route", "show", "table", "all"),
        cgroups=frozenset(map(str, Path("/sys/fs/cgroup").glob(f"**/{layout.CGROUP}"))),
        network_namespaces=_said("ip", "netns", "list") | frozenset(_namespaces()),
        folders=frozenset(
            str(path)
            for folder in _FOLDERS
            if Path(folder).is_dir()
            for path in Path(folder).iterdir()
        ),
        settings=frozenset(
            f"{path}={path.read_text()}"
            for path in (Path("/proc/sys", name) for name in _SETTINGS)
            if path.exists()
        ),
    )


def _programs() -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            name = (folder / "comm").read_text().strip()
            # A zombie holds nothing: it waits for this process, which started it, to take note.
            if name in _PROGRAMS and identity_of(int(folder.name)) is not None:
                yield f"{folder.name} {name}"


def _namespaces() -> Iterator[str]:
    """Those that a process is in; packet filter rules and links live and die with them."""
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        with contextlib.suppress(OSError):
            yield str(link.readlink())


def _said(*command: str) -> frozenset[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = (line.strip() for line in done.stdout.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))
