"""What a pod does when it is told to end: one that works on nothing ends at once.

`ray start` is deaf to SIGTERM while Python starts, and while a worker waits for a head's answer,
so that a cluster which is stopped as it starts would stay for all of its grace. Where a job or a
worker of Ray works, nothing is done: it has the grace to write what it holds.
"""

from typing import Any, Final

OF_RAY_ITSELF: Final = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Titles of Ray's processes that work on nothing; what works is called `ray::<task or actor>`."""
PROGRAM: Final = f"""\
import os, signal

def title(process):
    try:
        with open("/proc/" + process + "/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""

processes = [one for one in os.listdir("/proc") if one.isdigit() and one != str(os.getpid())]
titles = [title(one) for one in processes]
if not any(one.startswith("ray::") and not one.startswith({OF_RAY_ITSELF!r}) for one in titles):
    for process in processes:
        try:
            os.kill(int(process), signal.SIGKILL)
        except OSError:
            pass
"""


def pre_stop() -> dict[str, Any]:
    """The hook of the container with Ray.

    Needs a process namespace that the pod's containers share: nobody may kill the first process of
    his own.
    """
    return {"exec": {"command": ["python", "-I", "-S", "-c", PROGRAM]}}
