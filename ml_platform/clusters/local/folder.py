"""What users and keeper of a local Ray tell each other: files in one folder per cluster spec.

<home>/<spec hash>/
    lock            held while somebody makes, adopts or gives up the cluster
    keeper.lock     held by the keeper for as long as it lives
    launch.json      what the keeper is to start
    state.json      what the keeper has started
    token           the Ray's token, readable by its owner only
    leases/         one file per use, naming the process that uses it
    keeper.log, ray.out
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ml_platform.file_lock import file_lock, file_lock_if_free
from ml_platform.processes import Identity, is_alive, myself

KeeperPhase = Literal["starting", "ready", "stopping", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchRequest:
    """What a keeper is to start, and for how long; `cpus` are logical, for all jobs together.

    `fork_server`: whether Ray's workers and drivers are forks of a process that has imported torch.
    """

    spec_hash: str
    spec: dict[str, Any]
    cpus: int
    object_store_bytes: int
    idle_timeout_s: float
    orphan_grace_s: float
    start_timeout_s: float
    fork_server: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What a keeper has started.

    Attributes:
        phase: Where the cluster is in its life.
        keeper: The keeper's process.
        mark: What marks the cluster's processes, see `processes`.
        temp_dir: Ray's temporary folder, to be removed with it.
        url: Address of the dashboard.
        ray: The cluster's first process, once it is started.
        reason: Why the cluster failed.
        quiet_since: since when nobody uses it, seconds since 1970; 0 while somebody does.
    """

    phase: KeeperPhase
    keeper: Identity
    mark: str
    temp_dir: str
    url: str
    ray: Identity | None = None
    reason: str = ""
    quiet_since: float = 0.0


class ClusterFolder:
    """The folder of one local Ray."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.leases = path / "leases"
        self.keeper_log = path / "keeper.log"
        self.ray_out = path / "ray.out"
        self.token_file = path / "token"

    def make(self) -> None:
        """Create the folder, for its owner only."""
        self.leases.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among those who make, adopt or give up this cluster; released by death too."""
        with file_lock(self.path / "lock"):
            yield

    @contextmanager
    def locked_if_free(self) -> Iterator[bool]:
        """As `locked`, but says at once whether it got it."""
        with file_lock_if_free(self.path / "lock") as got:
            yield got

    @contextmanager
    def kept(self) -> Iterator[bool]:
        """The keeper's right to be the only one; says whether it got it."""
        with file_lock_if_free(self.path / "keeper.lock") as got:
            yield got

    def launch_request(self) -> LaunchRequest | None:
        """What was asked for last."""
        values = _read(self.path / "launch.json")
        return None if values is None else LaunchRequest(**values)

    def write_launch_request(self, request: LaunchRequest) -> None:
        """Ask for a cluster."""
        _write(self.path / "launch.json", asdict(request))

    def state(self) -> State | None:
        """What is known of the cluster; None before the first and after the end of the last."""
        values = _read(self.path / "state.json")
        if values is None:
            return None
        values["keeper"] = Identity(**values["keeper"])
        values["ray"] = Identity(**values["ray"]) if values["ray"] else None
        return State(**values)

    def write_state(self, state: State) -> None:
        """Publish what the keeper knows."""
        _write(self.path / "state.json", asdict(state))

    def forget(self, state: State) -> None:
        """Remove what a cluster leaves behind once its processes are gone."""
        shutil.rmtree(state.temp_dir, ignore_errors=True)
        self.token_file.unlink(missing_ok=True)
        (self.path / "state.json").unlink(missing_ok=True)

    def write_token(self, token: str) -> None:
        """Keep the token where only its owner reads it."""
        _write_text(self.token_file, token)

    def take_lease(self, holder: str) -> Path:
        """Say that this process uses the cluster; returns the file to remove when it is done."""
        me = myself()
        handle, name = tempfile.mkstemp(prefix=f"{me.pid}-", suffix=".tmp", dir=self.leases)
        os.close(handle)
        lease = Path(name).with_suffix(".json")
        Path(name).write_text(json.dumps({**asdict(me), "holder": holder}))
        return Path(name).rename(lease)

    def live_leases(self) -> list[str]:
        """Who uses the cluster; leases of dead processes are removed on the way."""
        holders = []
        for lease in sorted(self.leases.glob("*.json")):
            values = _read(lease)
            if values is None:
                continue
            holder = values.pop("holder")
            if is_alive(Identity(**values)):
                holders.append(f"{holder} (process {values['pid']})")
            else:
                lease.unlink(missing_ok=True)
        return holders


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads(path.read_text()))
    return None


def _write(path: Path, values: dict[str, Any]) -> None:
    _write_text(path, json.dumps(values, indent=1))


def _write_text(path: Path, text: str) -> None:
    # mkstemp makes the file readable by its owner only; the rename makes it whole or absent.
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(name).replace(path)
