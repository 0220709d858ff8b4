"""Ray's autoscaler, which KubeRay puts beside the head where a group has `min` and `max`.

It asks the API server for more or fewer workers, so it alone of all containers is given a token.
KubeRay makes the role for it, and the account too unless the configuration names one.
"""

from typing import Any, Final

from ml_platform.clusters.kuberay.config import KubeRayConfig

CPUS: Final = 0.5
MEMORY: Final = "1Gi"
"""KubeRay's own choice, 512Mi, is little for a process that imports Ray."""
TOKEN: Final = "autoscaler-token"
_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_LIVES_S: Final = 3607
"""As Kubernetes has it; the kubelet writes a new one in time, and Ray reads it each minute."""


def autoscaler_fields(config: KubeRayConfig) -> dict[str, Any]:
    """The fields of a RayCluster that switch it on."""
    bounded = {"memory": MEMORY}
    return {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            # The second one knows why a worker is not there, and is no alpha any more.
            "version": "v2",
            "idleTimeoutSeconds": config.limits.idle_s,
            "resources": {
                "requests": {"cpu": f"{round(CPUS * config.cpu_request_share * 1000)}m", **bounded},
                "limits": bounded,
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": TOKEN, "mountPath": _TOKEN_PATH, "readOnly": True}],
            **({"imagePullPolicy": config.image_pull_policy} if config.image_pull_policy else {}),
        },
    }


def token_volume() -> dict[str, Any]:
    """What Kubernetes would mount into every container, were it not switched off for the pod."""
    token = {"path": "token", "expirationSeconds": _TOKEN_LIVES_S}
    authority = {
        "name": "kube-root-ca.crt",
        "items": [{"key": "ca.crt", "path": "ca.crt"}],
    }
    namespace = {
        "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}],
    }
    return {
        "name": TOKEN,
        "projected": {
            "sources": [
                {"serviceAccountToken": token},
                {"configMap": authority},
                {"downwardAPI": namespace},
            ]
        },
    }
