"""The node's Go programs, built once from pinned modules, and what else the machine must have.

Each folder of `programs/` is a Go module of its own, because their dependencies disagree. A build
goes into the cache under a name that is a hash of all that decides it, and appears there complete
or not at all.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.file_lock import file_lock
from tests.kubernetes.testbed.errors import KubernetesTestError

_MODULES: Final = Path(__file__).parent / "programs"
_KUBERNETES_VERSION: Final = "k8s.io/component-base/version"
FAKE_TIME: Final = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketime.so.1"
# Program or file → the Debian package that has it.
_FROM_DEBIAN: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "wget": "wget",  # KubeRay's probes call it inside the pods
    FAKE_TIME: "libfaketime",  # for clocks that are wrong
}
_LINES_OF_A_FAILED_BUILD: Final = 20


class ProgramsError(KubernetesTestError):
    """A program could not be built; the message ends with what Go said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Programs:
    """Where the built programs are."""

    folders: dict[str, Path]

    def path(self, program: str) -> Path:
        """The program of this name, such as `kubelet`."""
        return self.folders[program] / program


def missing() -> str | None:
    """What this machine lacks to run a node, in one line with the remedy; None if nothing."""
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root (sudo)")
    wanted = _go_wanted()
    if _go_found() < wanted:
        lacks.append(f"Go {'.'.join(map(str, wanted))} or later (https://go.dev/dl)")
    packages = sorted({p for program, p in _FROM_DEBIAN.items() if not _is_there(program)})
    if packages:
        lacks.append(f"`apt-get install --no-install-recommends {' '.join(packages)}`")
    if not lacks:
        return None
    return f"a Kubernetes node needs {', '.join(lacks)}; then run `make kubernetes-test`"


def cache() -> Path:
    """Where built programs are kept, outside of every checkout."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "ml_platform" / "kubernetes-testbed"


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Only one process of this machine at a time; it is let go when its holder ends."""
    with file_lock(cache() / f"{name}.lock"):
        yield


def built(say: Callable[[str], None] = lambda _: None, *, modules: Path = _MODULES) -> Programs:
    """All programs, from the cache or built now: minutes the first time, then at once.

    Args:
        say: Told what is being built, because it takes long.
        modules: A folder with a Go module in each of its folders.

    Raises:
        ProgramsError: Go could not build one of them.
    """
    folders: dict[str, Path] = {}
    for module in sorted(path.parent for path in modules.glob("*/go.mod")):
        folder = cache() / f"{module.name}-{_identity(module)}"
        if not folder.exists():
            with machine_lock("build"):
                if not folder.exists():
                    named = f"{module.name} {version(module)}".strip()
                    say(f"building {named}, once for this machine")
                    _build(module, folder)
        folders |= {program.name: folder for program in folder.iterdir()}
    return Programs(folders=folders)


def version(module: Path) -> str:
    """The pinned version of what a module builds, such as `1.35.4`; empty if it is all our own."""
    text = (module / "go.mod").read_text()
    required = re.findall(r"^(?:require )?\s*(\S+) v(\S+)", text, re.MULTILINE)
    # Our own program around somebody's library requires that first, as tidying leaves it.
    built = _tool(module) or next((path for path, _ in required), "")
    return next((number for path, number in required if built and built.startswith(path)), "")


def _tool(module: Path) -> str:
    """The first of the others' programs that a module builds; empty if it has one of its own."""
    found = re.search(r"^tool (?:\(\s+)?(\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    return found[1] if found else ""


def _build(module: Path, folder: Path) -> None:
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as place:
        output = Path(place, "programs")
        output.mkdir()
        packages = "tool" if _tool(module) else "."
        done = subprocess.run(
            ["go", "build", *_flags(module), "-o", f"{output}/", packages],
            cwd=module,
            env={**os.environ, **_ENVIRONMENT},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = "\n".join(done.stderr.splitlines()[-_LINES_OF_A_FAILED_BUILD:])
            raise ProgramsError(f"`go build` failed in {module}:\n{said}")
        # Go names a program after the folder before /v3.
        if (output / "server").exists():
            (output / "server").rename(output / "etcd")
        output.rename(folder)


_ENVIRONMENT: Final = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "GOFLAGS": "",
    "GOGC": "400",  # the compiler itself is a Go program, and memory is cheaper here than time
}


def _flags(module: Path) -> list[str]:
    linked = ["-s", "-w"]
    if module.name == "kubernetes":
        # Without these the server calls itself v0.0.0-master+$Format:…, which clients cannot parse.
        number = version(module)
        major, minor, _ = number.split(".")
        for name, value in (
            ("gitVersion", f"v{number}"),
            ("gitMajor", major),
            ("gitMinor", minor),
        ):
            linked += ["-X", f"{_KUBERNETES_VERSION}.{name}={value}"]
    return ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags={' '.join(linked)}"]


def _identity(module: Path) -> str:
    digest = hashlib.sha256("\0".join(_flags(module)).encode())
    for file in sorted(module.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _is_there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def _go_wanted() -> tuple[int, int]:
    texts = (path.read_text() for path in _MODULES.glob("*/go.mod"))
    found = [re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE) for text in texts]
    return max((int(m[1]), int(m[2])) for m in found if m)


@functools.cache
def _go_found() -> tuple[int, int]:
    """Of the Go in the path; (0, 0) if there is none."""
    if shutil.which("go") is None:
        return 0, 0
    environment = {**os.environ, **_ENVIRONMENT}
    done = subprocess.run(
        ["go", "env", "GOVERSION"], env=environment, capture_output=True, text=True
    )
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
