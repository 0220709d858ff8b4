"""Labels and annotations by which our objects are known, and KubeRay's own."""

import hashlib
import re
from typing import Final

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
US: Final = "ml-platform"
ENVIRONMENT: Final = "ml-platform/environment"
CLUSTER: Final = "ml-platform/cluster"
SPEC: Final = "ml-platform/spec"
"""Annotation: the cluster spec as JSON."""
SPEC_HASH: Final = "ml-platform/spec-hash"
HOLDER: Final = "ml-platform/holder"
"""Annotation: who uses it."""
RUN: Final = "ml-platform/run"
"""Annotation: the Dagster run that works on it."""
INCARNATION: Final = "ml-platform/incarnation"
"""Annotation: the life of the head that was ready first; any other is not the one in use."""
OWNER: Final = "ml-platform/owner"
"""Annotation: the person whose interactive cluster it is."""
EXPIRES: Final = "ml-platform/expires"
"""Annotation: when an interactive cluster ends, as `2026-01-02T12:00:00Z`."""
UNUSED: Final = "ml-platform/unused-warned"
"""Annotation: when it was warned that nothing runs on an interactive cluster, as a time."""
REMINDED: Final = "ml-platform/reminded"
"""Annotation: when KubeRay was last made to look at it again, in seconds since 1970."""
CALL: Final = "ml-platform/call"
"""Annotation: the call that made an interactive cluster, known to nobody else."""
QUEUE: Final = "kueue.x-k8s.io/queue-name"
NODE_TYPE: Final = "ray.io/node-type"
GROUP: Final = "ray.io/group"
RAY_CLUSTER: Final = "ray.io/cluster"

LONGEST: Final = 63
_VALID: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def label_value(text: str) -> str:
    """`text` as the value of a label: itself if it may be one, else cut, with a hash of it."""
    if not text or (len(text) <= LONGEST and _VALID.fullmatch(text)):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[: LONGEST - 9].strip("-_.")
    return f"{kept}-{digest}" if kept else digest


def selector(environment: str) -> str:
    """The label selector of all that is ours in an environment."""
    return f"{MANAGED_BY}={US},{ENVIRONMENT}={label_value(environment)}"
