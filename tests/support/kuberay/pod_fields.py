"""Fields of a pod that people may add, of every kind, as Kubernetes takes them."""

from typing import Any, Final

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
ZONE: Final = "topology.kubernetes.io/zone"
NAME: Final = {"fieldRef": {"fieldPath": "metadata.name"}}
SECRET: Final = {"secretName": "s"}
CLAIM: Final = {"kind": "PersistentVolumeClaim", "name": "data"}
ITEM_A: Final = {"name": "s", "items": [{"key": "k", "path": "a"}]}
MOUNT: Final = {"name": "a", "mountPath": "/a"}


def of_nodes(*expressions: Any) -> dict[str, Any]:
    terms = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"nodeAffinity": {REQUIRED: terms}}


def node_named(*names: str, key: str = "metadata.name") -> dict[str, Any]:
    return {"matchFields": [{"key": key, "operator": "In", "values": list(names)}]}


def near(**more: Any) -> dict[str, Any]:
    return {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"team": "a"}}, **more}


def labelled(path: str) -> dict[str, Any]:
    return {"fieldRef": {"fieldPath": path}}


def claimed(**changes: Any) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
    return {"volumeClaimTemplate": {"spec": {**spec, **changes}}}


def spread(**changes: Any) -> list[dict[str, Any]]:
    whole = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway", **changes}
    return [{name: value for name, value in whole.items() if value is not None}]


TAKEN: Final[list[dict[str, Any]]] = [
    {"env": [{"name": "A"}, {"name": "B", "value": ""}, {"name": "C", "value": "1"}]},
    {"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
    {
        "envFrom": [
            {"secretRef": {"name": "s"}},
            {"prefix": "X_", "configMapRef": {"name": "c"}},
        ]
    },
    {"imagePullSecrets": [{"name": "registry"}]},
    {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a.example"]}]},
    {"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}},
    {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {"secretName": "s"}}]},
    {"volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "a", "mountPath": "/b"}]},
    {"tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b"}]},
    {
        "tolerations": [
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}
        ]
    },
    {"affinity": of_nodes({"key": ZONE, "operator": "In", "values": ["b"]})},
    {"affinity": of_nodes({"key": "cores", "operator": "Gt", "values": ["8"]})},
    {"affinity": of_nodes({"key": "gpu", "operator": "Exists"})},
    {
        "affinity": {
            "podAntiAffinity": {
                PREFERRED: [
                    {
                        "weight": 50,
                        "podAffinityTerm": {
                            "topologyKey": ZONE,
                            "labelSelector": {"matchLabels": {"team": "pricing"}},
                        },
                    }
                ]
            }
        }
    },
    {"topologySpreadConstraints": spread(labelSelector={"matchLabels": {"team": "a"}})},
    {"topologySpreadConstraints": spread(whenUnsatisfiable="DoNotSchedule", minDomains=2)},
    {"runtimeClassName": "gvisor", "priorityClassName": "low"},
    {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [node_named("n.example")]}}}},
    {"affinity": {"podAffinity": {REQUIRED: [near(matchLabelKeys=["run"])]}}},
    {
        "dnsConfig": {
            "nameservers": ["1.1.1.1", "2001:db8::1"],
            "searches": ["a_b.example", "."],
        }
    },
    {"env": [{"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]},
    {"env": [{"name": "M", "valueFrom": labelled("metadata.labels['ray.io/group']")}]},
    *(
        {"volumes": [{"name": "a", kind: value}]}
        for kind, value in {
            "configMap": {"name": "c", "items": [{"key": "a.b", "path": "c/d", "mode": 0o400}]},
            "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"a": "b"}},
            "downwardAPI": {"items": [{"path": "labels", **labelled("metadata.labels")}]},
            "emptyDir": {"medium": "Memory", "sizeLimit": "1.5Gi"},
            "ephemeral": claimed(),
            "persistentVolumeClaim": {"claimName": "data", "readOnly": True},
            "projected": {
                "sources": [
                    {"secret": {"name": "s", "optional": True}},
                    {"serviceAccountToken": {"path": "token", "audience": "vault"}},
                ]
            },
            "secret": {"secretName": "s", "defaultMode": 0o400},
        }.items()
    ),
    {"volumes": [{"name": "a", "emptyDir": {"sizeLimit": 1073741824}}]},
    {"volumeMounts": [{**MOUNT, "subPath": "a/..b", "readOnly": True}]},
    {"volumeMounts": [{**MOUNT, "readOnly": True, "recursiveReadOnly": "IfPossible"}]},
]
