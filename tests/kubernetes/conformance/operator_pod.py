"""The operator's pod, whichever operator it is."""

import time
from typing import Final

from tests.support.kuberay.api import POD, Api, Object

OPERATOR_SELECTOR: Final = "app.kubernetes.io/name=kuberay-operator"
TIMEOUT_S: Final = 60.0


def restart_operator(api: Api) -> None:
    """Delete the operator's pod and wait until its successor is ready.

    Raises:
        AssertionError: there is no operator, or no successor in time.
    """
    (old,) = operator_pods(api)
    meta = old["metadata"]
    api.delete(POD, meta["namespace"], meta["name"])
    end = time.monotonic() + TIMEOUT_S
    while not any(_is_ready(pod, not_called=meta["name"]) for pod in operator_pods(api)):
        assert time.monotonic() < end, f"no new operator is ready after {TIMEOUT_S:.0f} s"
        time.sleep(0.2)


def operator_pods(api: Api) -> list[Object]:
    """Pods of the operator in any namespace."""
    pods, _ = api.list(POD, selector=OPERATOR_SELECTOR)
    return pods


def _is_ready(pod: Object, *, not_called: str) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return pod["metadata"]["name"] != not_called and any(s.get("ready") for s in statuses)
