"""What the API server would refuse of a pod, once KubeRay makes it, is refused before."""

from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.kuberay.checks import mistakes
from ml_platform.clusters.kuberay.pod_field_checks import pod_field_mistakes
from tests.unit.clusters.kuberay.clusters import CONFIG, CPU, cluster

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
ZONE = "topology.kubernetes.io/zone"


def only(**fields: Any) -> str:
    (mistake,) = pod_field_mistakes("w.pod", fields)
    return mistake


def of_nodes(*expressions: Any) -> dict[str, Any]:
    terms = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"nodeAffinity": {REQUIRED: terms}}


def spread(**changes: Any) -> list[dict[str, Any]]:
    whole = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway", **changes}
    return [{name: value for name, value in whole.items() if value is not None}]


@pytest.mark.parametrize(
    "fields",
    [
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
    ],
)
def test_what_kubernetes_takes_is_taken(fields: dict[str, Any]) -> None:
    assert list(pod_field_mistakes("w.pod", fields)) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"name": "A", "value": 1}], "w.pod.env: A is 1, wanted text; put it in quotes"),
        ([{"name": "A", "value": True}], "A is True, wanted text; put it in quotes"),
        ([{"name": "A", "value": None}], "A is None, wanted text"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "w.pod.env has A twice"),
        ([{"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}}], "A has value and valueFrom"),
        ([{"name": "A", "valueFrom": {"secretRef": {}}}], "did you mean secretKeyRef?"),
        ([{"name": "A", "valueFrom": {}}], "A.valueFrom wants one of"),
        ([{"name": "A", "vale": "1"}], "A.vale cannot be set, did you mean value?"),
    ],
)
def test_variables_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(env=entries)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"name": "a", "emptyDir": {}}, {"name": "a", "secret": {"secretName": "s"}}],
            "w.pod.volumes has a twice",
        ),
        ([{"name": "My_Data", "emptyDir": {}}], "'My_Data' is no name of a volume: wanted lower"),
        ([{"name": "a" * 64, "emptyDir": {}}], "is no name of a volume"),
        ([{"name": "a", "emptyDir": {}, "secret": {}}], "a is of emptyDir and secret, wanted one"),
        ([{"name": "a"}], "a is of nothing; these can be used: configMap"),
        ([{"name": "a", "emptyDir": None}], "a.emptyDir is None, wanted a mapping"),
    ],
)
def test_volumes_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(volumes=entries)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}],
            "w.pod.volumeMounts has /x twice",
        ),
        ([{"name": "a", "mountPath": "/x", "readonly": True}], "did you mean readOnly?"),
        ([{"name": "a", "mountPath": "/x:/y"}], "'/x:/y', wanted a path from the root"),
    ],
)
def test_mounts_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(volumeMounts=entries)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"key": "a", "operator": "Exist"},
            "w.pod.tolerations[0].operator is 'Exist', did you mean Exists?",
        ),
        (
            {"key": "a", "operator": "Exists", "effect": "NoSchedul"},
            "w.pod.tolerations[0].effect is 'NoSchedul', did you mean NoSchedule?",
        ),
        ({"key": "a", "operator": "Exists", "value": "b"}, "Exists takes no value"),
        ({"value": "b"}, "without a key takes operator Exists only"),
        ({"key": "a b", "operator": "Exists"}, "tolerations[0].key is 'a b', wanted `name` or"),
        (
            {"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5},
            "tolerationSeconds is for the effect NoExecute",
        ),
        ({"key": "a", "operator": "Exists", "efect": "x"}, "did you mean effect?"),
        ({"key": "a", "value": True}, "tolerations[0].value is True, wanted text"),
    ],
)
def test_tolerations_that_kubernetes_refuses(entry: dict[str, Any], said: str) -> None:
    assert said in only(tolerations=[entry])


@pytest.mark.parametrize(
    ("affinity", "said"),
    [
        (
            {"nodeAfinity": {}},
            "w.pod.affinity.nodeAfinity cannot be set, did you mean nodeAffinity",
        ),
        ({"nodeAffinity": []}, "affinity.nodeAffinity is [], wanted a mapping"),
        ({"nodeAffinity": {"required": {}}}, "nodeAffinity.required cannot be set"),
        ({"nodeAffinity": {REQUIRED: {}}}, f"{REQUIRED} has no `nodeSelectorTerms`"),
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}, "is empty, wanted at least one"),
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}]}}}, "which no node matches"),
        (of_nodes({"key": ZONE, "operator": "Is", "values": ["b"]}), "operator is 'Is', wanted"),
        (of_nodes({"key": ZONE, "operator": "In", "values": []}), "In wants values"),
        (of_nodes({"key": ZONE, "operator": "In", "values": "b"}), "values is 'b', wanted a list"),
        (of_nodes({"key": ZONE, "operator": "Exists", "values": ["b"]}), "Exists takes no values"),
        (of_nodes({"key": "cores", "operator": "Gt", "values": ["8", "9"]}), "Gt wants one whole"),
        (of_nodes({"operator": "Exists"}), "matchExpressions[0] has no `key`"),
        (
            {"nodeAffinity": {PREFERRED: [{"weight": 0, "preference": {"matchFields": []}}]}},
            "weight is 0, wanted a whole number from 1 to 100",
        ),
        ({"podAffinity": {REQUIRED: [{"labelSelector": {}}]}}, "[0] has no `topologyKey`"),
        ({"podAffinity": {REQUIRED: {}}}, f"podAffinity.{REQUIRED} is {{}}, wanted a list"),
        (
            {"podAntiAffinity": {REQUIRED: [{"topologyKey": ZONE, "labelSelector": {"a": "b"}}]}},
            "labelSelector.a cannot be set; these can: matchLabels, matchExpressions",
        ),
    ],
)
def test_an_affinity_that_kubernetes_refuses(affinity: dict[str, Any], said: str) -> None:
    assert said in only(affinity=affinity)


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        (spread(maxSkew=0), "w.pod.topologySpreadConstraints[0].maxSkew is 0, wanted a whole"),
        (spread(maxSkew=None), "topologySpreadConstraints[0] has no `maxSkew`"),
        (spread(topologyKey=None), "has no `topologyKey`"),
        (
            spread(whenUnsatisfiable="Never"),
            "whenUnsatisfiable is 'Never', wanted DoNotSchedule or",
        ),
        (spread(minDomains=2), "minDomains is for whenUnsatisfiable: DoNotSchedule"),
        (spread(nodeTaintsPolicy="honor"), "nodeTaintsPolicy is 'honor', did you mean Honor?"),
        (spread(maxskew=1), "maxskew cannot be set, did you mean maxSkew?"),
        ([*spread(), *spread(maxSkew=2)], f"has {ZONE} with ScheduleAnyway twice"),
    ],
)
def test_a_spread_that_kubernetes_refuses(constraints: list[Any], said: str) -> None:
    assert said in only(topologySpreadConstraints=constraints)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"envFrom": [{"secretRef": "s"}]}, "envFrom[0].secretRef is 's', wanted a mapping"),
        ({"envFrom": [{"secret": {"name": "s"}}]}, "did you mean secretRef?"),
        ({"imagePullSecrets": [{"nme": "s"}]}, "did you mean name?"),
        (
            {"hostAliases": [{"ip": "10.0.0.1", "hostnames": "a"}]},
            "hostnames is 'a', wanted a list",
        ),
        ({"dnsConfig": {"nameserver": []}}, "did you mean nameservers?"),
        ({"runtimeClassName": "g visor"}, "runtimeClassName is 'g visor', which is no name"),
    ],
)
def test_other_fields_that_kubernetes_refuses(fields: dict[str, Any], said: str) -> None:
    found = list(pod_field_mistakes("w.pod", fields))
    assert said in found[0]


def test_a_scheduler_that_the_configuration_does_not_list_is_refused() -> None:
    spec = cluster(workers={"pod": {"schedulerName": "vulcano"}})
    (said,) = mistakes("a", spec, replace(CONFIG, schedulers=("volcano",)))
    assert said.startswith("workers.pod.schedulerName is 'vulcano', did you mean volcano?")
    assert "`schedulers`" in said


@pytest.mark.parametrize(
    "changes", [{"schedulers": ("volcano",)}, {"pod": {"schedulerName": "volcano"}}]
)
def test_a_scheduler_that_the_configuration_names_is_taken(changes: dict[str, Any]) -> None:
    for name in ("volcano", "default-scheduler"):
        spec = cluster(workers={"pod": {"schedulerName": name}})
        assert mistakes("a", spec, replace(CONFIG, **changes)) == []


def test_a_toleration_of_the_catalogue_is_looked_at_too() -> None:
    kind = CPU.model_copy(update={"tolerations": ({"key": "a", "operator": "Exist"},)})
    (said,) = mistakes("a", cluster(), replace(CONFIG, catalogue=Catalogue(nodes=(kind,))))
    assert said.startswith("the catalogue's cpu-16.tolerations[0].operator is 'Exist'")
