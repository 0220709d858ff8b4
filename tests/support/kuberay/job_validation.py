"""What the operator finds wrong with a RayJob, in its order; for its words see there."""

import yaml

from tests.support.kuberay import names
from tests.support.kuberay.api import Object
from tests.support.kuberay.cluster_validation import Invalid, name_error, spec_error
from tests.support.kuberay.not_covered import COVERED_MODE, refusal_of_job

PREFIX = "The RayJob spec is invalid: "


def validate_job(job: Object) -> Invalid | None:
    """The first rule that a RayJob breaks; the message becomes that of its status."""
    meta, spec = job["metadata"], job["spec"]
    if wrong := name_error("RayJob", meta["name"], names.MAX_JOB_NAME):
        message = f"The RayJob metadata is invalid: {wrong}"
        return Invalid(reason="InvalidRayJobMetadata", message=message)
    wrong = _spec_error(spec) or _refusal(spec, meta.get("annotations") or {})
    if wrong:
        return Invalid(reason="InvalidRayJobSpec", message=wrong)
    return None


def _spec_error(spec: Object) -> str | None:
    return _life_error(spec) or _cluster_error(spec) or _run_error(spec)


def _life_error(spec: Object) -> str | None:
    shutdown = spec.get("shutdownAfterJobFinishes", False)
    ttl = spec.get("ttlSecondsAfterFinished", 0)
    never = f"{PREFIX}a RayJob with shutdownAfterJobFinishes set to false"
    if spec.get("suspend") and not shutdown:
        return f"{never} is not allowed to be suspended"
    if ttl < 0:
        return f"{PREFIX}ttlSecondsAfterFinished is {ttl}, below 0"
    if ttl > 0 and not shutdown and not spec.get("deletionStrategy"):
        return f"{never} cannot have TTLSecondsAfterFinished"
    return None


def _cluster_error(spec: Object) -> str | None:
    if not spec.get("rayClusterSpec") and not spec.get("clusterSelector"):
        return f"{PREFIX}one of RayClusterSpec or ClusterSelector must be set"
    if spec.get("submissionMode") == COVERED_MODE and spec.get("backoffLimit", 0) > 0:
        return f"{PREFIX}there are no retries (backoffLimit) in InteractiveMode"
    cluster = spec.get("rayClusterSpec")
    if cluster and (wrong := spec_error(cluster)):
        return PREFIX + wrong
    return None


def _run_error(spec: Object) -> str | None:
    if wrong := _runtime_env_error(spec.get("runtimeEnvYAML", "")):
        return wrong
    for field in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        if spec.get(field) is not None and spec[field] <= 0:
            return f"{PREFIX}{field} must be a positive integer"
    if spec.get("backoffLimit", 0) < 0:
        return f"{PREFIX}backoffLimit must be a positive integer"
    return None


def _runtime_env_error(text: str) -> str | None:
    failed = f"failed to unmarshal RuntimeEnvYAML: {text}: "
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return f"{failed}error converting YAML to JSON: yaml: {error}"
    if value is not None and not isinstance(value, dict):
        return f"{failed}cannot unmarshal {type(value).__name__} into a mapping"
    return None


def _refusal(spec: Object, annotations: dict[str, str]) -> str | None:
    wrong = refusal_of_job(spec, annotations)
    return PREFIX + wrong if wrong else None
