"""Until when an interactive cluster lives, in the words of both who hold it to that. Pure.

KubeRay fails a RayJob in InteractiveMode to which nobody has submitted within
`preRunningDeadlineSeconds` of its start, and removes its cluster. It looks every 3 s, with the
deadline of that moment (read in KubeRay 1.7.0), so a cluster whose `spec.jobId` is never written
lives exactly so long, whatever becomes of us, and moving the deadline moves its end. The annotation
says the same as a time, for people and for the reaper, which also removes what waits in a queue:
KubeRay's clock begins only when that admits it.
"""

import math
from datetime import UTC, datetime
from typing import Any, Final

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.seen import Object, annotation
from ml_platform.errors import InputError

SHORTEST_S: Final = 60.0


def require_ttl(ttl_s: float, *, longest_s: float) -> None:
    """Refuse a time to live that is none.

    Raises:
        InputError: it is under a minute, or over `longest_s`.
    """
    if not SHORTEST_S <= ttl_s <= longest_s:
        raise InputError(
            f"the time to live is {ttl_s / 60:g} min, wanted 1 min to {longest_s / 3600:g} h",
            hint="`limits.running_s` of the clusters' configuration sets the longest; "
            "`mlp cluster extend` moves the end of a cluster that is there.",
        )


def expiry_text(at_s: float) -> str:
    """A time in seconds since 1970 as the annotation has it, rounded up to a second."""
    return datetime.fromtimestamp(math.ceil(at_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry_of(job: Object) -> str:
    """When it expires, as the annotation has it; empty for a cluster that is not interactive."""
    return annotation(job, labels.EXPIRES)


def expires_s(job: Object) -> float | None:
    """The same in seconds since 1970; None if there is none, or none that can be read."""
    return seconds_of(expiry_of(job))


def seconds_of(time: str) -> float | None:
    """A time as Kubernetes writes it, in seconds since 1970; None if it is none.

    One without a zone, as a person writes it, is one of UTC.
    """
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def extension(job: Object, *, ttl_s: float, now_s: float) -> dict[str, Any]:
    """The merge patch by which a RayJob lives `ttl_s` from now on.

    Raises:
        InputError: it would end earlier than it does.
    """
    before_s, end_s = expires_s(job), math.ceil(now_s + ttl_s)
    after = expiry_text(end_s)
    if before_s is not None and end_s <= before_s:
        raise InputError(
            f"{job['metadata']['name']} lives until {expiry_of(job)} already, longer than {after}",
            hint="`mlp cluster down` ends it now.",
        )
    started = (job.get("status") or {}).get("startTime") or job["metadata"]["creationTimestamp"]
    start_s = datetime.fromisoformat(str(started)).timestamp()
    return {
        "metadata": {"annotations": {labels.EXPIRES: after}},
        "spec": {
            "preRunningDeadlineSeconds": int(end_s - start_s),
            # KubeRay asks this one only while it starts, and refuses none that is smaller.
            "activeDeadlineSeconds": int(end_s - start_s),
        },
    }
