"""Network and mounts of the node, apart from the machine's own.

One sleeping process holds a network and a mount namespace; every component enters them. Links,
addresses, packet filter and mounts made there vanish with the last process inside, so `down` need
not know what a component that was killed half-way had made. Outside, the node owns one link, a
cgroup, its folder, and a few empty folders as mount points, which are noted before they are made.
"""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ml_platform.processes import MARK, Identity, identity_of, is_alive
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.errors import KubernetesTestError

_HOLDER: Final = "namespaces.json"
_MADE: Final = "made-folders.json"
_SYSCTLS: Final = "sysctls.json"
_START_S: Final = 10.0
# Written by programs that cannot be told another place; inside, the node's folder is seen there.
_SHADOWED: Final = (
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/log/pods",
    "/var/log/containers",
    "/run/containerd",
    "/run/netns",
    "/run/mount",
)
# The kubelet sets these for the whole machine; `down` puts them back.
SYSCTLS_OF_KUBELET: Final = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
# A bridge otherwise takes the lowest address among its ports, and neighbours remember the old one.
_BRIDGE_HARDWARE_ADDRESS: Final = "02:00:0a:56:00:01"
# Go's programs take memory, of which there is enough, before processor time, of which there is not.
_GARBAGE: Final = "400"


class NamespacesError(KubernetesTestError):
    """The namespaces could not be made or are gone; the message says which command failed."""


def environment() -> dict[str, str]:
    """What all that the node starts has in its environment."""
    return {**os.environ, MARK: layout.MARK, "GOGC": _GARBAGE}


def spawn(command: Sequence[str], *, log: Path) -> int:
    """Start a program that outlives this process; it leads a session of its own."""
    # No Popen: it would warn when it is forgotten while the program still runs. What it would have
    # closed is closed here: a component must not keep, say, a lock that `up` was run under.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    open_now = (int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    inherited = [fd for fd in open_now if fd > 2 and _is_inherited(fd)]
    return os.posix_spawnp(
        command[0],
        list(command),
        environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, fd) for fd in inherited),
        ],
        setsid=True,
    )


def entering(command: Sequence[str]) -> list[str]:
    """The command, run inside."""
    holder = _holder()
    if not is_alive(holder):
        raise NamespacesError("the node is not up; run `make kubernetes-up`")
    assert holder is not None
    target = f"--target={holder.pid}"
    return ["nsenter", target, "--net", "--mount", f"--wd={layout.FOLDER}", "--", *command]


def run(command: Sequence[str], *, timeout_s: float = 60.0) -> str:
    """Run a command inside and wait for it; its standard output.

    Raises:
        NamespacesError: it failed; with what it said.
    """
    return _output(entering(command), timeout_s)


def make() -> None:
    """Make the namespaces, the bridge and the link to it."""
    _note_sysctls()
    _make_mount_points()
    pid = spawn(
        ["unshare", "--net", "--mount", "--propagation=slave", "sleep", "infinity"],
        log=layout.FOLDER / "log" / "namespaces.log",
    )
    _wait_for_program(pid, "sleep")
    holder = identity_of(pid)
    if holder is None:
        raise NamespacesError("the process that holds the namespaces ended at once")
    place = layout.FOLDER / _HOLDER
    place.write_text(json.dumps({"pid": holder.pid, "started": holder.started}))
    inside = [
        "ip link set lo up",
        f"ip link add {layout.BRIDGE} address {_BRIDGE_HARDWARE_ADDRESS} type bridge",
        f"ip addr add {layout.NODE_ADDRESS}/24 dev {layout.BRIDGE}",
        f"ip link set {layout.BRIDGE} up",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        *(f"mount --no-mtab --bind {_shadow(path)} {path}" for path in _SHADOWED),
    ]
    run(["sh", "-ec", "\n".join(inside)])
    link = f"ip link add {layout.HOST_LINK} type veth peer name host netns {pid}"
    _output(link.split(), _START_S)
    run(["sh", "-ec", f"ip link set host master {layout.BRIDGE}\nip link set host up"])
    for command in (
        f"ip addr add {layout.HOST_ADDRESS}/24 dev {layout.HOST_LINK}",
        f"ip link set {layout.HOST_LINK} up",
        f"ip route add {layout.SERVICES} via {layout.NODE_ADDRESS}",
    ):
        _output(command.split(), _START_S)


def remove() -> None:
    """Put the machine's side back; all processes inside must have ended."""
    # The kernel removes the link some time after the last process inside; not waiting for it.
    subprocess.run(["ip", "link", "del", layout.HOST_LINK], capture_output=True)
    for folder in reversed(_read(layout.FOLDER / _MADE, [])):
        path = Path(folder)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, value in _read(layout.FOLDER / _SYSCTLS, {}).items():
        setting = Path("/proc/sys", name)
        if setting.read_text() != value:
            setting.write_text(value)


def _is_inherited(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:  # the descriptor that listed the others
        return False


def _holder() -> Identity | None:
    said = _read(layout.FOLDER / _HOLDER, {})
    return Identity(pid=said["pid"], started=said["started"]) if said else None


def _make_mount_points() -> None:
    made: list[str] = []
    for shadowed in _SHADOWED:
        path = Path(shadowed)
        made += [str(p) for p in (*reversed(path.parents), path) if not p.exists()]
    (layout.FOLDER / _MADE).write_text(json.dumps(made))
    for shadowed in _SHADOWED:
        Path(shadowed).mkdir(parents=True, exist_ok=True)
        _shadow(shadowed).mkdir(parents=True, exist_ok=True)


def _note_sysctls() -> None:
    settings = {name: Path("/proc/sys", name) for name in SYSCTLS_OF_KUBELET}
    now = {name: path.read_text() for name, path in settings.items() if path.exists()}
    (layout.FOLDER / _SYSCTLS).write_text(json.dumps(now))


def _shadow(path: str) -> Path:
    return layout.FOLDER / "shadows" / path.strip("/").replace("/", "-")


def _wait_for_program(pid: int, name: str) -> None:
    deadline = time.monotonic() + _START_S
    while Path(f"/proc/{pid}/comm").read_text().strip() != name:
        if time.monotonic() > deadline:
            said = (layout.FOLDER / "log" / "namespaces.log").read_text()
            raise NamespacesError(f"no namespaces after {_START_S:.0f} s: {said}")
        time.sleep(0.01)


def _output(command: Sequence[str], timeout_s: float) -> str:
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=timeout_s
    )
    if done.returncode:
        raise NamespacesError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else otherwise
