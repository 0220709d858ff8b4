"""What the API server would refuse of a pod, once KubeRay makes it, is refused before."""

from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.kuberay.checks.pod_fields import pod_field_mistakes
from ml_platform.clusters.kuberay.checks.valid import mistakes
from tests.support.kuberay.pod_fields import TAKEN
from tests.unit.clusters.kuberay.clusters import CONFIG, CPU, cluster


@pytest.mark.parametrize("fields", TAKEN)
def test_what_kubernetes_takes_is_taken(fields: dict[str, Any]) -> None:
    assert list(pod_field_mistakes("w.pod", fields)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"envFrom": [{"secretRef": "s"}]}, "envFrom[0].secretRef is text, wanted a mapping"),
        ({"envFrom": [{"secret": {"name": "s"}}]}, "did you mean secretRef?"),
        ({"imagePullSecrets": [{"nme": "s"}]}, "did you mean name?"),
        (
            {"hostAliases": [{"ip": "10.0.0.1", "hostnames": "a"}]},
            "hostnames is text, wanted a list",
        ),
        ({"dnsConfig": {"nameserver": []}}, "did you mean nameservers?"),
        (
            {"dnsConfig": {"nameservers": ["foo"]}},
            "nameservers[0] is other text, wanted an IP address",
        ),
        ({"dnsConfig": {"nameservers": ["1.1.1.1"] * 4}}, "has 4 entries, wanted at most 3"),
        ({"dnsConfig": {"searches": ["a b"]}}, "searches[0] is other text, wanted a domain"),
        ({"dnsConfig": {"searches": ["a"] * 33}}, "has 33 entries, wanted at most 32"),
        ({"dnsConfig": {"searches": ["a" * 200] * 11}}, "has 2210 characters together"),
        (
            {"dnsConfig": {"options": [{"name": ""}]}},
            "options[0].name is empty text, wanted a name",
        ),
        (
            {"hostAliases": [{"ip": "foo", "hostnames": ["a"]}]},
            "ip is other text, wanted an IP address",
        ),
        ({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["A_B"]}]}, "hostnames[0] is other text"),
        ({"envFrom": [{}]}, "envFrom[0] has none of secretRef, configMapRef; wanted one"),
        (
            {"envFrom": [{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]},
            "envFrom[0] has secretRef and configMapRef of",
        ),
        (
            {"envFrom": [{"prefix": "a b", "secretRef": {"name": "a"}}]},
            "prefix is other text, wanted",
        ),
        (
            {"annotations": {"container.apparmor.security.beta.kubernetes.io/x": "unconfined"}},
            "which the pod's security context says already",
        ),
        (
            {"runtimeClassName": "g visor"},
            "runtimeClassName is other text, wanted the name of an object",
        ),
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
