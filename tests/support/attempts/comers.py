"""Who comes for a training, in a process of their own that can be killed between two acts."""

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import fsspec

from ml_platform.clusters.interface import Provisioner
from ml_platform.storage import Folder
from ml_platform.training.attempts import AttemptLoop
from ml_platform.training.checkpoints import write_checkpoint
from ml_platform.training.launch import Trained, train
from ml_platform.training.listeners import EndedReport, Listeners
from ml_platform.training.record import Owner
from ml_platform.training.request import TrainingRequest
from tests.support.attempts.audit import broken_by_claim
from tests.support.attempts.clusters import FileProvisioner

CHANGES = ("os.link", "os.rename", "os.remove")
"""How Python itself names what changes a folder; its audit hooks are called before each of them."""


def soon(seconds: float) -> None:
    """As `time.sleep`, for those who have no time."""
    time.sleep(min(seconds, 0.02))


def fast_loop(*args: Any, **kwargs: Any) -> AttemptLoop:
    return AttemptLoop(*args, sleep=soon, **kwargs)


@dataclass(kw_only=True)
class Heard:
    """What a comer was told."""

    failed: list[EndedReport] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def listeners(self) -> Listeners:
        return Listeners(
            on_log=self.lines.append,
            on_attempt=self.failed.append,
            on_decision=lambda decision: self.decisions.append(decision.action.name),
        )


def come(
    request: TrainingRequest,
    provisioner: Provisioner,
    *,
    run: str = "second",
    root: str = "",
    heard: Heard | None = None,
    loop: Callable[..., AttemptLoop] = fast_loop,
) -> Trained:
    """Train, or go on with what is there."""
    return train(
        request,
        lambda spec: provisioner,
        owner=Owner(run=run, root=root or run, process=str(os.getpid())),
        listeners=(heard or Heard()).listeners(),
        code=Path(request.code),
        loop=loop,
    )


@dataclass(frozen=True, kw_only=True)
class Comer:
    """What a process needs to know; picklable.

    Attributes:
        request: What it wants.
        home: Folder of the clusters.
        url: Address of the head.
        stops_at: Before which act on the file system it is stopped, from 1; 0 for never.
        how: Killed, or interrupted as by Ctrl-C.
        run: Its run.
        environ: Added to its environment.
        starts_when: A file; it begins when that is there.
    """

    request: TrainingRequest
    home: Path
    url: str
    stops_at: int = 0
    how: Literal["kill", "interrupt"] = "kill"
    run: str = "first"
    environ: Mapping[str, str] = field(default_factory=dict)
    starts_when: Path | None = None
    place: str = "here"
    abandoned_after_s: float = float("inf")


def write_checkpoints(training: str, stops_at: int, report: Path) -> None:
    """Run in a child: write checkpoint after checkpoint, killed before the chosen act."""
    acts = 0
    folder = Folder(training)

    def before_act(event: str, args: tuple[Any, ...]) -> None:
        nonlocal acts
        if event in CHANGES and training.removeprefix("file://") in os.fsdecode(args[0]):
            acts += 1
            if acts == stops_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before_act)
    for epoch in range(4):
        with tempfile.TemporaryDirectory() as scratch:
            for name in ("progress.json", "tensors"):
                (Path(scratch) / name).write_text(f"epoch {epoch}")
            write_checkpoint(
                folder, attempt=1, epoch=epoch, finished=epoch == 3, source=Path(scratch)
            )
        report.write_text(str(epoch))


def main(comer: Comer) -> None:
    """Run in a child: come, and be stopped before the chosen act."""
    os.environ.update(comer.environ)
    fsspec.config.set_conf_env(fsspec.config.conf)  # read at import, which was before the fork
    # A parent in a shell's background ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    training = comer.request.folder_uri
    provisioner = FileProvisioner(
        comer.home,
        comer.url,
        training,
        place=comer.place,
        abandoned_after_s=comer.abandoned_after_s,
    )
    watched = (training.removeprefix("file://"), str(comer.home))
    sys.addaudithook(partial(_before_act, comer, watched, provisioner, {"acts": 0, "busy": 0}))
    deadline = time.monotonic() + 60
    while comer.starts_when is not None and not comer.starts_when.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(comer.starts_when)
    try:
        come(comer.request, provisioner, run=comer.run)
    except KeyboardInterrupt:
        os._exit(130)


def _before_act(
    comer: Comer,
    watched: tuple[str, ...],
    provisioner: FileProvisioner,
    state: dict[str, int],
    event: str,
    args: tuple[Any, ...],
) -> None:
    if event not in CHANGES or state["busy"]:
        return
    path = os.fsdecode(args[1] if event != "os.remove" else args[0])
    # Events decide nothing, and a half-written file that is not removed is there before too.
    if not path.startswith(watched) or path.endswith(".partial") or "/events/" in path:
        return
    if threading.current_thread() is not threading.main_thread():
        return
    state["acts"] += 1
    if event == "os.link" and path.endswith("/claim.json") and not Path(path).exists():
        state["busy"] = 1
        folder = Path(path).parents[2]
        names = [str(one.relative_to(folder)) for one in folder.rglob("*.json")]
        provisioner.note(*broken_by_claim(names, path))
        state["busy"] = 0
    if state["acts"] != comer.stops_at:
        return
    if comer.how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise KeyboardInterrupt
