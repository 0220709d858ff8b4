"""The init container of workers: it waits until the head's GCS takes connections.

KubeRay appends one of its own, `wait-gcs-ready`, unless it is told not to: a loop of `ray
health-check` at a fifth of a CPU with pauses of 5 s, which does not hear SIGTERM. Behind this one
it finds the head at once.
"""

import copy
from typing import Any, Final

NAME: Final = "wait-for-head"
"""Any but KubeRay's own."""
GCS_PORT: Final = 6379
PROGRAM: Final = f"""\
import os, signal, socket, threading, time

def wait():
    pause = 0.2
    while True:
        try:
            socket.create_connection((host, {GCS_PORT}), timeout=5).close()
            return
        except OSError:
            time.sleep(pause)
            # A head that is late is waited for by hundreds, who all ask the name server.
            pause = min(pause * 1.01, 1.0)

# As the first process of its container it would not hear SIGTERM without a handler. A thread waits,
# because looking up a name is deaf to signals.
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
host = os.environ["FQ_RAY_IP"]
print("waiting for the head at " + host + ":{GCS_PORT}", flush=True)
waiting = threading.Thread(target=wait, daemon=True)
waiting.start()
waiting.join()
"""


def wait_for_head(ray: dict[str, Any]) -> dict[str, Any]:
    """The container that waits, for a worker whose Ray container is `ray`.

    KubeRay gives it the head's name as `FQ_RAY_IP`. Its CPUs and memory are those of Ray's
    container: a pod takes the larger of the two, so they cost nothing and it starts at full speed.
    """
    cpu, memory = ray["resources"]["requests"]["cpu"], ray["resources"]["limits"]["memory"]
    kept = {key: ray[key] for key in ("image", "imagePullPolicy", "securityContext") if key in ray}
    return {
        "name": NAME,
        **copy.deepcopy(kept),
        # Isolated from the image's own packages, of which none is needed: 20 ms instead of seconds.
        "command": ["python", "-I", "-S", "-c", PROGRAM],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
    }
