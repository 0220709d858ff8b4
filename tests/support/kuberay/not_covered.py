"""What the double refuses, though the real operator has it.

These are listed in one place because no other test may lean on them: nothing was recorded of them,
so the double cannot be shown to be true. A refusal looks like an invalid spec of the real operator;
for flags see `settings`, which takes none but its own.
"""

import re
from typing import Final

from tests.support.kuberay.api import Object

COVERED_MODE: Final = "InteractiveMode"
DEVICES: Final = re.compile(r"nvidia\.com/mig-.*|google\.com/tpu|aws\.amazon\.com/neuroncore")
"""Of these KubeRay makes flags of `ray start`."""
VARIABLES: Final = (
    "DELETE_RAYJOB_CR_AFTER_JOB_FINISHES",
    "ENABLE_DETERMINISTIC_HEAD_POD_NAME",
    "ENABLE_GCS_FT_REDIS_CLEANUP",
    "ENABLE_INIT_CONTAINER_INJECTION",
    "ENABLE_LOGIN_SHELL",
    "ENABLE_PROBES_INJECTION",
    "ENABLE_RANDOM_POD_DELETE",
    "ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE",
    "ENABLE_WEBHOOKS",
    "RAYJOB_DEPLOYMENT_STATUS_TRANSITION_GRACE_PERIOD_SECONDS",
    "USE_INGRESS_ON_OPENSHIFT",
)
"""The double does not start where one of these is set."""


def refusal_of_cluster(spec: Object, annotations: dict[str, str]) -> str | None:
    """Why the double does not take this RayCluster spec; None if it does."""
    head = spec.get("headGroupSpec") or {}
    groups = spec.get("workerGroupSpecs") or []
    annotated = {name for name, value in annotations.items() if value.lower() != "false"}
    features = {
        "autoscaling (enableInTreeAutoscaling, autoscalerOptions)": (
            spec.get("enableInTreeAutoscaling") or "autoscalerOptions" in spec
        ),
        "fault tolerance of the GCS (Redis, RocksDB)": (
            "gcsFaultToleranceOptions" in spec or "ray.io/ft-enabled" in annotated
        ),
        "the serve service": "ray.io/enable-serve-service" in annotated,
        "disable-provisioned-head-restart": "ray.io/disable-provisioned-head-restart" in annotated,
        "an ingress (enableIngress)": head.get("enableIngress"),
        "a head service of one's own or another type than ClusterIP": (
            head.get("headService") or head.get("serviceType", "ClusterIP") != "ClusterIP"
        ),
        "upgradeStrategy": (spec.get("upgradeStrategy") or {}).get("type"),
        "tokens of Kubernetes (enableK8sTokenAuth)": (
            (spec.get("authOptions") or {}).get("enableK8sTokenAuth")
        ),
        "mTLS, network policies and the history server": (
            spec.keys() & {"tlsOptions", "networkPolicy", "historyServerOptions"}
        ),
        "groups of several hosts (numOfHosts > 1)": any(g.get("numOfHosts", 1) > 1 for g in groups),
        "suspended worker groups": any(g.get("suspend") for g in groups),
        "workersToDelete": any(
            (g.get("scaleStrategy") or {}).get("workersToDelete") for g in groups
        ),
        "idleTimeoutSeconds and priority of groups": any(
            g.get("idleTimeoutSeconds") or g.get("priority") for g in groups
        ),
        "slices of GPUs, TPUs and Neuron cores": any(
            DEVICES.fullmatch(name) for group in (head, *groups) for name in _resources(group)
        ),
    }
    return refusal([name for name, used in features.items() if used])


def refusal_of_job(spec: Object, annotations: dict[str, str]) -> str | None:
    """Why the double does not take this RayJob spec; None if it does."""
    # The default of the definition, filled in by the API server.
    mode = spec.get("submissionMode", "K8sJobMode")
    features = {
        f"submissionMode {mode}, only {COVERED_MODE}": mode != COVERED_MODE,
        "clusterSelector": spec.get("clusterSelector"),
        "deletionStrategy": spec.get("deletionStrategy"),
        "a rayClusterSpec that is suspended or managed by others": (
            (spec.get("rayClusterSpec") or {}).keys() & {"suspend", "managedBy"}
        ),
    }
    words = refusal([name for name, used in features.items() if used])
    return words or refusal_of_cluster(spec.get("rayClusterSpec") or {}, annotations)


def refusal(features: list[str]) -> str | None:
    """The words with which it does not take something; None if there is nothing."""
    if not features:
        return None
    return f"this is the double of KubeRay's operator, which does not cover {'; '.join(features)}"


def _resources(group: Object) -> list[str]:
    """What the containers of a head or a group ask for."""
    pod = (group.get("template") or {}).get("spec") or {}
    bounds = [
        (container.get("resources") or {}).get(bound) or {}
        for container in pod.get("containers") or []
        for bound in ("limits", "requests")
    ]
    return [name for bound in bounds for name in bound]
