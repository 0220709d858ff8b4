"""Container images without a registry: mount points, into which the machine's programs are bound.

An image here is a few empty folders, two users and the pause program. What a container runs comes
from this machine, read-only: its programs, this Python with the project's locked environment, and
the checkout, each at its own path. So a change of the lock file or of the project needs no new
image. containerd does it by the specification that every container begins with
(`base_runtime_spec`).
"""

import hashlib
import importlib.util
import io
import json
import os
import resource
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.errors import KubernetesTestError

_HOME: Final = "/home/ray"
_FOLDERS: Final = (
    *("dev", "etc", "home", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/run"),
    _HOME.strip("/"),
)
# As on Debian: links, because a mount over each would hide what is bound at /usr.
_LINKS: Final = ("bin", "lib", "lib64", "sbin")
_FILES: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    f"ray:x:{layout.USER}:{layout.USER}:ray:{_HOME}:/bin/bash\n",
    "etc/group": f"root:x:0:\nray:x:{layout.USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
_OF_THE_MACHINE: Final = ("/usr", "/etc/ssl", "/etc/alternatives", "/etc/ld.so.cache")
# Ray asks for this many; more makes programs slow that close all descriptors before they start.
_OPEN_FILES: Final = 65536


class UnreadableError(KubernetesTestError):
    """Pods, which run as another user, cannot read the checkout or the environment."""


def archive(name: str, *, pause: Path, path: str) -> bytes:
    """An image as `docker save` writes it, for `ctr images import`.

    Args:
        name: Its full name with tag; inside it is in the variable `TESTBED_IMAGE`.
        pause: The static program that holds a pod's namespaces.
        path: Where it looks for programs, as PATH has it.
    """
    layer = _layer(pause)
    environment = {
        "PATH": path,
        "HOME": _HOME,
        "TESTBED_IMAGE": name,
        # The environment is read-only there.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "Cmd": ["/pause"],
            "User": str(layout.USER),
            "WorkingDir": _HOME,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
    }
    written = json.dumps(config).encode()
    names = {"Config": f"{_sha256(written)}.json", "Layers": [f"{_sha256(layer)}/layer.tar"]}
    manifest = json.dumps([{**names, "RepoTags": [name]}]).encode()
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as tar:
        _add(tar, f"{_sha256(written)}.json", written)
        _add(tar, f"{_sha256(layer)}/layer.tar", layer)
        _add(tar, "manifest.json", manifest)
    return result.getvalue()


def bound_folders() -> list[str]:
    """What every container sees of this machine, read-only, each at its own path.

    Raises:
        UnreadableError: other users may not read the checkout or the environment.
    """
    # A virtual environment names its interpreter by absolute path. Folders above, such as a closed
    # home of root, do not matter: only what is bound is looked at.
    wanted = [Path(sys.prefix), Path(sys.base_prefix), layout.CHECKOUT]
    for folder in wanted:
        if folder.stat().st_mode & 0o005 != 0o005:
            raise UnreadableError(
                f"pods run as user {layout.USER} and cannot read {folder}; "
                f"run `chmod -R o+rX {folder}`, with a umask of 022 from then on"
            )
    return _outermost([*map(Path, _OF_THE_MACHINE), *wanted])


def why_no_ray(environment: Path) -> str | None:
    """Why no real Ray can run in pods that have this environment; None if one can.

    Ray 2.60 starts its programs with a library of its own in LD_PRELOAD, whose entries end at a
    space or a colon: the dynamic linker finds nothing, and every program of Ray's complains.
    """
    if not any(mark in str(environment) for mark in " :"):
        return None
    return (
        f"no real Ray runs in the pods, since {environment} has a space or a colon in its path; "
        "everything else does. To run one, move the checkout and install the environment there"
    )


def base_runtime_spec(default: dict[str, Any]) -> dict[str, Any]:
    """The specification that every container begins with.

    Args:
        default: What `ctr oci spec` prints.
    """
    mounts = [
        {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
        for path in bound_folders()
    ]
    mounts += [
        {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["ro", "size=4k"]}
        for path in _hidden_folders()
    ]
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _OPEN_FILES)
    limits = [{"type": "RLIMIT_NOFILE", "hard": most, "soft": most}]
    return {
        **default,
        "mounts": [*default["mounts"], *mounts],
        "process": {**default["process"], "rlimits": limits},
    }


def _hidden_folders() -> list[str]:
    """Of Ray Serve, which nobody here uses: `ray` imports it, for half of the time it takes.

    KubeRay gives the container in which a worker waits for its head a fifth of a processor, and
    there that import alone took 15 s.
    """
    spec = importlib.util.find_spec("ray")
    return [f"{folder}/serve" for folder in (spec and spec.submodule_search_locations) or ()]


def _outermost(paths: Iterable[Path]) -> list[str]:
    kept: list[Path] = []
    for path in sorted(path for path in paths if path.exists()):
        if not any(path.is_relative_to(outer) for outer in kept):
            kept.append(path)
    return [str(path) for path in kept]


def _layer(pause: Path) -> bytes:
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w") as tar:
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o1777 if name == "tmp" else 0o755
            folder.uid = folder.gid = layout.USER if f"/{name}" == _HOME else 0
            tar.addfile(folder)
        for name in _LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(link)
        for name, text in _FILES.items():
            _add(tar, name, text.encode())
        _add(tar, "pause", pause.read_bytes(), mode=0o755)
    return result.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(content), mode
    tar.addfile(file, io.BytesIO(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
