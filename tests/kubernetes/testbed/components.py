"""One program of the node: started, stopped, frozen and started again, alone.

What it needs for that is in the node's folder, so any process can do it: the command line, a probe
that tells when it serves, and which process it is.
"""

import contextlib
import json
import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.processes import Identity, identity_of, is_alive, send
from tests.kubernetes.testbed import layout, namespaces
from tests.kubernetes.testbed.errors import KubernetesTestError

START_S: Final = 60.0
_POLL_S: Final = 0.05
_PROBE_S: Final = 2.0
_LAST_LINES: Final = 25


class ComponentError(KubernetesTestError):
    """A component did not start or serve; the message ends with the end of its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A program of the node by name, such as `etcd` or `kubelet`."""

    name: str

    @property
    def log(self) -> Path:
        """What it has written, over all its starts."""
        return layout.FOLDER / "log" / f"{self.name}.log"

    @property
    def identity(self) -> Identity | None:
        """Its process, if it runs (frozen or not)."""
        if not self._identity_file.exists():
            return None
        said = json.loads(self._identity_file.read_text())
        with contextlib.suppress(ChildProcessError):  # of an earlier process, or reaped already
            os.waitpid(said["pid"], os.WNOHANG)
        identity = Identity(pid=said["pid"], started=said["started"])
        return identity if is_alive(identity) else None

    @property
    def is_running(self) -> bool:
        """Whether its process exists; a frozen one does."""
        return self.identity is not None

    @property
    def is_frozen(self) -> bool:
        """Whether its process exists and stands still."""
        identity = self.identity
        return identity is not None and _is_stopped(identity.pid)

    def define(self, command: Sequence[str], *, probe: str) -> None:
        """Write down how it is started.

        Args:
            command: Program and arguments; it runs in the node's namespaces.
            probe: Says that it serves: a URL that answers 200, or the path of a Unix socket.
        """
        self._record.parent.mkdir(exist_ok=True)
        self._record.write_text(json.dumps({"command": list(command), "probe": probe}, indent=1))

    def start(self, *, timeout_s: float = START_S) -> None:
        """Start it, if it does not run, and wait until it serves.

        Raises:
            ComponentError: it ended, or does not serve after `timeout_s`.
        """
        self.launch()
        self.wait_until_serving(timeout_s=timeout_s)

    def launch(self) -> None:
        """Start it, if it does not run, without waiting."""
        if self.is_running:
            return
        command = json.loads(self._record.read_text())["command"]
        pid = namespaces.spawn(namespaces.entering(command), log=self.log)
        identity = identity_of(pid)
        if identity is None:
            raise ComponentError(f"{self.name} ended at once{self.end_of_log()}")
        said = {"pid": identity.pid, "started": identity.started}
        self._identity_file.write_text(json.dumps(said))

    def wait_until_serving(self, *, timeout_s: float = START_S) -> None:
        """Wait until its probe succeeds.

        Raises:
            ComponentError: it ended, or does not serve after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not self.serves():
            if not self.is_running:
                raise ComponentError(f"{self.name} ended while starting{self.end_of_log()}")
            if time.monotonic() > deadline:
                raise ComponentError(
                    f"{self.name} does not serve after {timeout_s:.0f} s{self.end_of_log()}"
                )
            time.sleep(_POLL_S)

    def serves(self) -> bool:
        """Whether its probe succeeds now."""
        probe = json.loads(self._record.read_text())["probe"]
        return _answers(probe) if "://" in probe else _listens(Path(probe))

    def stop(self, *, grace_s: float = 5.0) -> None:
        """Ask it to end; kill it after `grace_s` (etcd and the API server linger)."""
        self._signal(signal.SIGTERM)
        self.thaw()
        if not self._has_ended(grace_s):
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)
        if not self._has_ended(START_S):
            raise ComponentError(f"{self.name} survives SIGKILL: {self.identity}")

    def freeze(self) -> None:
        """Stop its process in its tracks: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)
        # A thread on another processor runs on for a moment.
        deadline = time.monotonic() + _PROBE_S
        while self.is_running and not self.is_frozen:
            if time.monotonic() > deadline:
                raise ComponentError(f"{self.name} ({self.identity}) does not stop on SIGSTOP")
            time.sleep(_POLL_S)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def restart(self, *, timeout_s: float = START_S) -> None:
        """End it and start it again."""
        self.stop()
        self.start(timeout_s=timeout_s)

    def end_of_log(self) -> str:
        """The last lines of its log, with a heading, to end an error's message."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"; the end of {self.log}:", *lines[-_LAST_LINES:]])

    @property
    def _record(self) -> Path:
        return layout.FOLDER / "components" / f"{self.name}.json"

    @property
    def _identity_file(self) -> Path:
        return layout.FOLDER / "components" / f"{self.name}.process.json"

    def _signal(self, number: int) -> None:
        identity = self.identity
        if identity is not None:
            send(identity, number)

    def _has_ended(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.is_running:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True


def _is_stopped(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


def _answers(url: str) -> bool:
    # Health says nothing secret, and each component signs its own certificate.
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(url, context=context, timeout=_PROBE_S) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_PROBE_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True
