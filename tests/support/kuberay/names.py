"""Names and labels: what the operator calls things, where it cuts them, what it finds them by."""

import random
import re
from typing import Final

from tests.support.kuberay.api import Object, Resource

SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes draws random suffixes from: no vowels, so no words."""

MAX_CLUSTER_NAME: Final = 53
MAX_JOB_NAME: Final = 47
MAX_POD_PREFIX: Final = 50
MAX_LABEL: Final = 63

CLUSTER: Final = "ray.io/cluster"
NODE_TYPE: Final = "ray.io/node-type"
GROUP: Final = "ray.io/group"
IDENTIFIER: Final = "ray.io/identifier"
IS_RAY_NODE: Final = "ray.io/is-ray-node"
REPLICA_INDEX: Final = "ray.io/worker-group-replica-index"
APP_NAME: Final = "app.kubernetes.io/name"
CREATED_BY: Final = "app.kubernetes.io/created-by"
ORIGIN_NAME: Final = "ray.io/originated-from-cr-name"
ORIGIN_KIND: Final = "ray.io/originated-from-crd"
SUBMISSION_MODE: Final = "ray.io/job-submission-mode"
FINALIZER: Final = "ray.io/rayjob-finalizer"
HEAD_GROUP: Final = "headgroup"
TOKEN_KEY: Final = "auth_token"

VERSION: Final = "v1.7.0"
OPERATOR: Final = "kuberay-operator"
POD_SELECTOR: Final = f"{NODE_TYPE} in (head,worker,redis-cleanup)"
"""The operator sees no other pods."""

DNS_1035: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def suffixed(name: str) -> str:
    """`name` with a random suffix, as Kubernetes makes them."""
    return f"{name}-{''.join(random.choices(SUFFIX_ALPHABET, k=5))}"


def clip_name(name: str) -> str:
    """The last 50 characters; a first one that may not be there becomes `r`."""
    return _letter_first(name[-MAX_POD_PREFIX:], forbid_digit=True)


def clip_label(value: str) -> str:
    """The last 63 characters of a label's value."""
    return _letter_first(value[-MAX_LABEL:], forbid_digit=False)


def pod_prefix(owner: str, node_type: str) -> str:
    """`generateName` of a pod: the first 50 characters of its cluster (and group)."""
    return f"{owner[:MAX_POD_PREFIX]}-{node_type}-".lower()


def head_service(owner: str) -> str:
    """The head service of a RayCluster, or of a RayJob."""
    return f"{owner}-head-svc"


def head_address(cluster: str, namespace: str, domain: str) -> str:
    """The full name by which the head is found."""
    return f"{head_service(cluster)}.{namespace}.svc.{domain}"


def pod_labels(cluster: str, node_type: str, group: str, overlay: dict[str, str]) -> dict[str, str]:
    """Labels of a pod; the user's may replace all but three."""
    fixed = {NODE_TYPE, GROUP, CLUSTER}
    return {
        IS_RAY_NODE: "yes",
        CLUSTER: cluster,
        NODE_TYPE: node_type,
        GROUP: group,
        IDENTIFIER: clip_label(f"{cluster}-{node_type}"),
        APP_NAME: "kuberay",
        CREATED_BY: OPERATOR,
        **{key: value for key, value in overlay.items() if key not in fixed},
    }


def head_service_labels(cluster: str) -> dict[str, str]:
    """Labels and selector of a RayCluster's head service."""
    return {
        CLUSTER: cluster,
        NODE_TYPE: "head",
        IDENTIFIER: clip_label(f"{cluster}-head"),
        APP_NAME: "kuberay",
        CREATED_BY: OPERATOR,
    }


def owned_by(owner: Object, resource: Resource) -> list[Object]:
    """The reference by which the garbage collector follows the owner."""
    return [
        {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def is_dns_1035(name: str) -> bool:
    """Whether a name is a label that starts with a letter."""
    return len(name) <= MAX_LABEL and DNS_1035.fullmatch(name) is not None


def _letter_first(text: str, *, forbid_digit: bool) -> str:
    first = text[:1]
    allowed = first.isalpha() or (first.isdigit() and not forbid_digit)
    return text if allowed else "r" + text[1:]
