"""What the operator finds wrong with a RayCluster, in its order.

Its own words are those that were recorded; where nothing was recorded the words are ours.
"""

import re
from dataclasses import dataclass
from typing import Final

from tests.support.kuberay import names
from tests.support.kuberay.api import Object
from tests.support.kuberay.cluster_status import SUSPENDED, SUSPENDING
from tests.support.kuberay.conditions import is_true
from tests.support.kuberay.not_covered import refusal_of_cluster
from tests.support.kuberay.spec import version, wants_token

INVALID_STATUS: Final = "InvalidRayClusterStatus"
"""The one reason for which the operator looks again by itself."""
RESOURCE_PARAMS: Final = ("num-cpus", "num-gpus", "memory", "resources")
TOKEN_SINCE: Final = (2, 52, 0)
LABEL_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_KEY: Final = re.compile(r"([a-z0-9.-]{1,253}/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
DNS_1035_RULE: Final = (
    "[a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')]"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invalid:
    """The Event's reason, and what the operator says."""

    reason: str
    message: str


def validate_cluster(cluster: Object) -> Invalid | None:
    """The first rule that a RayCluster breaks; the message is the whole note of the Event."""
    meta = cluster["metadata"]
    full_name = f"{meta['namespace']}/{meta['name']}"
    if wrong := name_error("RayCluster", meta["name"], names.MAX_CLUSTER_NAME):
        message = f"The RayCluster metadata is invalid {full_name}: {wrong}"
        return Invalid(reason="InvalidRayClusterMetadata", message=message)
    annotations = meta.get("annotations") or {}
    wrong = spec_error(cluster["spec"]) or refusal_of_cluster(cluster["spec"], annotations)
    if wrong:
        message = f"The RayCluster spec is invalid {full_name}: {wrong}"
        return Invalid(reason="InvalidRayClusterSpec", message=message)
    conditions = (cluster.get("status") or {}).get("conditions") or []
    if is_true(conditions, SUSPENDING) and is_true(conditions, SUSPENDED):
        message = f"The RayCluster status is invalid {full_name}: both suspended and suspending"
        return Invalid(reason=INVALID_STATUS, message=message)
    return None


def name_error(kind: str, name: str, limit: int) -> str | None:
    """Too long, or no DNS label."""
    if len(name) > limit:
        return f"{kind} name should be no more than {limit} characters"
    if not names.is_dns_1035(name):
        return f"{kind} name should be a valid DNS1035 label: {DNS_1035_RULE}"
    return None


def spec_error(spec: Object) -> str | None:
    """The first rule that a RayCluster's spec breaks."""
    head = spec["headGroupSpec"]
    if not head["template"]["spec"].get("containers"):
        return "headGroupSpec should have at least one container"
    if wrong := _group_error("Head", head):
        return wrong
    for group in spec.get("workerGroupSpecs") or []:
        if wrong := _worker_group_error(group):
            return wrong
    return _head_error(head) or _token_error(spec)


def _worker_group_error(group: Object) -> str | None:
    name = group["groupName"]
    if not group["template"]["spec"].get("containers"):
        return f"worker group {name} has no container"
    low, high = group.get("minReplicas"), group.get("maxReplicas")
    if low is None or high is None:
        return f"worker group {name} lacks minReplicas or maxReplicas, and there is no autoscaler"
    if low < 0:
        return f"minReplicas of worker group {name} is {low}, below 0"
    if high < 0:
        return f"maxReplicas of worker group {name} is {high}, below 0"
    if low > high:
        return f"worker group {name} has minReplicas {low} greater than maxReplicas {high}"
    return _group_error(name, group)


def _group_error(name: str, group: Object) -> str | None:
    params = group.get("rayStartParams") or {}
    if group.get("resources") and any(params.get(key) for key in RESOURCE_PARAMS):
        return (
            f"resource fields should not be set in both rayStartParams and Resources for {name} "
            "group; please use only one"
        )
    if "labels" in params:
        return f"labels of group {name} stand in its rayStartParams, not in its field of that name"
    for key, value in (group.get("labels") or {}).items():
        if not LABEL_KEY.fullmatch(key):
            return f"group {name} has a label with a bad key: {key}"
        if len(value) > names.MAX_LABEL or not LABEL_VALUE.fullmatch(value):
            return f"label {key} of group {name} has a bad value: {value}"
    return None


def _head_error(head: Object) -> str | None:
    environment = {v["name"]: v for v in head["template"]["spec"]["containers"][0].get("env") or []}
    if "RAY_REDIS_ADDRESS" in environment:
        return "the head's RAY_REDIS_ADDRESS needs gcsFaultToleranceOptions"
    params = head.get("rayStartParams") or {}
    if params.get("redis-username") or "REDIS_USERNAME" in environment:
        return "a user name for Redis belongs into gcsFaultToleranceOptions"
    autoscaler = environment.get("RAY_enable_autoscaler_v2", {}).get("value")
    if autoscaler in ("1", "true"):
        return (
            f"the head's RAY_enable_autoscaler_v2={autoscaler} contradicts "
            "enableInTreeAutoscaling, which is off"
        )
    return None


def _token_error(spec: Object) -> str | None:
    if not wants_token(spec):
        return None
    ray = spec.get("rayVersion")
    if not ray:
        return (
            "authOptions.mode is 'token' but RayVersion was not specified. "
            "Ray version 2.52.0 or later is required"
        )
    numbers = version(ray)
    if numbers is None:
        return f"authOptions.mode is 'token' but RayVersion is no version: {ray}"
    if numbers < TOKEN_SINCE:
        return f"authOptions.mode is 'token' but RayVersion is {ray}, older than 2.52.0"
    return None
