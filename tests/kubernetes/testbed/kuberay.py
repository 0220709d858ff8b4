"""KubeRay on the cluster: its definitions, and an operator in a pod with an account of its own.

`KUBERAY` chooses the operator: nothing for our double (no package registry carries the real one),
the path of a real operator's program, or `cluster` for whatever the cluster has already.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.cluster import Cluster, ClusterError

VARIABLE: Final = "KUBERAY"
CLUSTER: Final = "cluster"
NAMESPACE: Final = "kuberay"
NAME: Final = "kuberay-operator"
_DOUBLE: Final = "tests.support.kuberay"
# KubeRay's own are not ours to commit; where a copy lies beside the checkout, they are taken.
_REAL_DEFINITIONS: Final = layout.CHECKOUT.parent / "shared" / "kubernetes" / "crds"
_OUR_DEFINITIONS: Final = Path(__file__).parent / "crds"
_LABELS: Final = {"app.kubernetes.io/name": NAME}
_SELECTOR: Final = f"app.kubernetes.io/name={NAME}"
_READY_S: Final = 90
_POLL_S: Final = 0.2
_LEASE: Final = "ray-operator-leader"
# The one before may have ended without giving it back: 15 s, and the next try.
_LEADS_S: Final = 60
_ALL: Final = ["create", "delete", "get", "list", "patch", "update", "watch"]
_READ: Final = ["get", "list", "watch"]
_RAY: Final = ("rayclusters", "raycronjobs", "rayjobs", "rayservices")
# What the operator's Helm chart grants, so that the double may not do more than the real one.
_RULES: Final[list[tuple[str, list[str], list[str]]]] = [
    ("", ["events", "pods/status", "services"], _ALL),
    ("", ["pods"], [*_ALL, "deletecollection"]),
    ("", ["pods/proxy", "services/status"], ["get", "patch", "update"]),
    ("", ["pods/resize"], ["patch"]),
    ("", ["persistentvolumeclaims"], _ALL),
    ("", ["secrets"], ["create", "delete", "update", *_READ]),
    ("", ["serviceaccounts"], ["create", "delete", *_READ]),
    ("", ["services/proxy"], ["create", "get", "patch", "update"]),
    ("batch", ["jobs"], _ALL),
    ("coordination.k8s.io", ["leases"], ["create", "get", "list", "update"]),
    ("events.k8s.io", ["events"], ["create", "patch"]),
    ("discovery.k8s.io", ["endpointslices"], _READ),
    ("networking.k8s.io", ["ingresses"], _ALL),
    ("networking.k8s.io", ["ingressclasses"], _READ),
    ("networking.k8s.io", ["networkpolicies"], ["create", "delete", "update", *_READ]),
    ("gateway.networking.k8s.io", ["gateways", "httproutes"], [*_READ, "create", "delete"]),
    ("ray.io", list(_RAY), _ALL),
    ("ray.io", [f"{kind}/finalizers" for kind in _RAY], ["update"]),
    ("ray.io", [f"{kind}/status" for kind in _RAY], ["get", "patch", "update"]),
    ("rbac.authorization.k8s.io", ["rolebindings"], ["create", "delete", *_READ]),
    ("rbac.authorization.k8s.io", ["roles"], ["create", "delete", "update", *_READ]),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeRay:
    """The operator on a cluster."""

    cluster: Cluster
    # `double`, the path of a program, or `cluster`.
    which: str

    @property
    def is_real(self) -> bool:
        """Whether it is KubeRay's own operator."""
        return self.which != "double"

    def stop(self) -> None:
        """Take the operator away, and wait until its pod is gone."""
        self._scale(0)
        pods = ("pods", f"--namespace={NAMESPACE}", f"--selector={_SELECTOR}")
        self.cluster.kubectl("wait", *pods, "--for=delete", f"--timeout={_READY_S}s")

    def start(self) -> None:
        """Bring the operator back, and wait until it is ready."""
        self._scale(1)
        self.wait_until_ready()

    def logs(self) -> str:
        """What the operator has written."""
        where = (f"deployment/{NAME}", f"--namespace={NAMESPACE}")
        return self.cluster.kubectl("logs", *where, "--tail=-1")

    def wait_until_ready(self) -> None:
        """Wait until the operator's pod is ready, and leads.

        Raises:
            ClusterError: it is not; with the pod's state and the end of its log.
        """
        where = f"--namespace={NAMESPACE}"
        status = ("rollout", "status", f"deployment/{NAME}", where, f"--timeout={_READY_S}s")
        try:
            self.cluster.kubectl(*status, timeout_s=_READY_S + 30)
        except ClusterError as error:
            seen = [str(error)]
            for look in (
                ("get", "pods", where, "--output=wide"),
                ("get", "events", where, "--field-selector=type=Warning"),
                ("logs", f"deployment/{NAME}", where, "--tail=25"),
            ):
                try:
                    seen.append(self.cluster.kubectl(*look))
                except ClusterError as also:
                    seen.append(str(also))
            raise ClusterError("\n".join(["the operator is not ready:", *seen])) from error
        deadline = time.monotonic() + _LEADS_S
        while self.is_real and not self._leads():
            if time.monotonic() > deadline:
                raise ClusterError(f"the operator does not lead after {_LEADS_S} s")
            time.sleep(_POLL_S)

    def _leads(self) -> bool:
        """Whether the pod that is there has the lease; that of the one before outlives it."""
        where = f"--namespace={NAMESPACE}"
        holder = self.cluster.kubectl(
            "get", f"lease/{_LEASE}", where, "--output=jsonpath={.spec.holderIdentity}"
        )
        pods = self.cluster.get("pods", where)["items"]
        return any(holder.startswith(one["metadata"]["name"]) for one in pods)

    def _scale(self, replicas: int) -> None:
        where = (f"deployment/{NAME}", f"--namespace={NAMESPACE}")
        self.cluster.kubectl("scale", *where, f"--replicas={replicas}")


def chosen() -> str:
    """What `KUBERAY` says: `double`, the full path of a program, or `cluster`.

    Raises:
        ClusterError: it names a program that does not exist.
    """
    said = os.environ.get(VARIABLE, "")
    if said in ("", "double", CLUSTER):
        return said or "double"
    program = Path(said).resolve()
    if not os.access(program, os.X_OK) or not program.is_file():
        raise ClusterError(
            f"{VARIABLE}={said} is no program; give the path of an operator's program, `{CLUSTER}` "
            "for the one that the cluster has, or nothing for the double"
        )
    return str(program)


def install(cluster: Cluster, which: str) -> KubeRay:
    """Definitions and operator; what is there already is brought to this state.

    Args:
        cluster: Where.
        which: What `chosen()` returns.
    """
    kuberay = KubeRay(cluster=cluster, which=which)
    if which == CLUSTER:
        return kuberay
    definitions = _REAL_DEFINITIONS if _REAL_DEFINITIONS.is_dir() else _OUR_DEFINITIONS
    apply = ("apply", "--server-side", "--force-conflicts", "--filename")
    cluster.kubectl(*apply, str(definitions))
    if which != "double":
        # The real operator does nothing at all until it can watch this kind too.
        cluster.kubectl(*apply, str(_OUR_DEFINITIONS / "services" / "rayservices.yaml"))
    _wait_until_established(cluster)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": _objects(cluster, which)})
    cluster.kubectl(*apply, "-", stdin=text)
    kuberay.wait_until_ready()
    return kuberay


def _wait_until_established(cluster: Cluster) -> None:
    names = ("crd/rayclusters.ray.io", "crd/rayjobs.ray.io")
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            cluster.kubectl("wait", *names, "--for=condition=Established", f"--timeout={_READY_S}s")
        except ClusterError:
            # It gives up at once on a definition that has no conditions yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _objects(cluster: Cluster, which: str) -> list[dict[str, Any]]:
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": verbs}
        for group, resources, verbs in _RULES
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    return [
        _object("v1", "Namespace", NAMESPACE, namespace=None),
        _object("v1", "ServiceAccount", NAME),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", NAME, namespace=None, rules=rules),
        _object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            NAME,
            namespace=None,
            roleRef=role,
            subjects=[account],
        ),
        _object("apps/v1", "Deployment", NAME, spec=_deployment(cluster, which)),
    ]


def _deployment(cluster: Cluster, which: str) -> dict[str, Any]:
    double = which == "double"
    return {
        "replicas": 1,
        # Two operators at once would both act; the real one also has its lease.
        "strategy": {"type": "Recreate"},
        # The double has no probe: two seconds tell that it did not end at once.
        "minReadySeconds": 2 if double else 0,
        "selector": {"matchLabels": _LABELS},
        "template": {
            "metadata": {"labels": _LABELS},
            "spec": {
                "serviceAccountName": NAME,
                "securityContext": {"runAsNonRoot": True},
                # The double ends on SIGTERM; a test that takes the operator away does not wait.
                "terminationGracePeriodSeconds": 5,
                "containers": [_double(cluster) if double else _real(cluster)],
                "volumes": []
                if double
                else [{"name": "operator", "hostPath": {"path": which, "type": "File"}}],
            },
        },
    }


def _double(cluster: Cluster) -> dict[str, Any]:
    return {
        **_container(cluster),
        "command": ["python", "-m", _DOUBLE],
        "workingDir": str(layout.CHECKOUT),
    }


def _real(cluster: Cluster) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/metrics", "port": 8080}, "periodSeconds": 1}
    return {
        **_container(cluster),
        "command": ["/operator", "--enable-leader-election=true"],
        "volumeMounts": [{"name": "operator", "mountPath": "/operator", "readOnly": True}],
        "readinessProbe": ready,
    }


def _container(cluster: Cluster) -> dict[str, Any]:
    in_pod = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    return {
        "name": NAME,
        "image": cluster.image,
        "imagePullPolicy": "Never",
        "env": [{"name": "POD_NAMESPACE", "valueFrom": in_pod}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def _object(
    version: str, kind: str, name: str, *, namespace: str | None = NAMESPACE, **content: Any
) -> dict[str, Any]:
    metadata = {"name": name, "labels": _LABELS}
    if namespace is not None:
        metadata |= {"namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
