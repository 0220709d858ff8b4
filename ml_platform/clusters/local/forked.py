"""What a fork of the fork server does: it runs, and ends, as a fresh interpreter would."""

import atexit
import contextlib
import os
import random
import runpy
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from ml_platform.processes import die_with_parent


def become(wanted: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run in this fork what a fresh interpreter would, and end as it would."""
    os.setsid()
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    _draw_anew()
    sys.argv = list(wanted["argv"])
    code = 1
    try:
        if "module" in wanted:
            sys.path.insert(0, wanted["cwd"])
            runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(wanted["path"]).parent))
            runpy.run_path(wanted["path"], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:  # boundary: what a fresh interpreter would print
        sys.excepthook(*sys.exc_info())
    _shut_down(code)


def _draw_anew() -> None:
    """Give this fork random numbers of its own."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _exit_code(end: SystemExit) -> int:
    if isinstance(end.code, int | None):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def _shut_down(code: int) -> NoReturn:
    """What an interpreter does at its end, without going back to the server's own code."""
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
