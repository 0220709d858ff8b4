"""What a node could leave on this machine, to compare before it is up and after it is down."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.clusters.processes import owned
from tests.kubernetes import layout

_FOLDERS: Final = ("/etc", "/etc/cni", "/run", "/run/netns", "/run/containerd", "/var/lib")
_LOGS: Final = ("/var/log", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods")
_SYSCTLS: Final = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
_SETTINGS: Final = (*_SYSCTLS, "net/ipv4/ip_forward")


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
        processes=frozenset(map(str, owned(layout.MARK, None))),
        mounts=frozenset(Path("/proc/self/mounts").read_text().splitlines()),
        links=_said("ip", "-oneline", "-brief", "link"),
        packet_filter=_said("iptables-save") | _said("ip6tables-save"),
        routes=_said("ip", "route", "show", "table", "all"),
        cgroups=frozenset(map(str, Path("/sys/fs/cgroup").glob(f"**/{layout.CGROUP}"))),
        network_namespaces=_said("ip", "netns", "list"),
        folders=frozenset(
            str(path)
            for folder in (*_FOLDERS, *_LOGS)
            if Path(folder).is_dir()
            for path in Path(folder).iterdir()
        ),
        settings=frozenset(f"{name}={Path('/proc/sys', name).read_text()}" for name in _SETTINGS),
    )


def _said(*command: str) -> frozenset[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = (line.strip() for line in done.stdout.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))
