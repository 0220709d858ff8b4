"""Variables that Kubernetes would refuse, or that are secrets in clear text, are refused before."""

from typing import Any

import pytest

from ml_platform.clusters.kuberay.pod_field_checks import pod_field_mistakes
from tests.support.kuberay.pod_fields import NAME, labelled


def only(**fields: Any) -> str:
    (mistake,) = pod_field_mistakes("w.pod", fields)
    return mistake


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"name": "A", "value": 1}],
            "w.pod.env[A].value is a number, wanted text; put it in quotes",
        ),
        ([{"name": "A", "value": True}], "env[A].value is a truth value"),
        ([{"name": "A", "value": None}], "env[A].value is nothing"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "w.pod.env has A twice"),
        ([{"name": "A", "value": "1", "valueFrom": NAME}], "env[A] has value and valueFrom"),
        ([{"name": "A", "valueFrom": {"secretRef": {}}}], "did you mean secretKeyRef?"),
        (
            [{"name": "A", "valueFrom": {}}],
            "env[A].valueFrom has none of secretKeyRef, configMapKeyRef",
        ),
        ([{"name": "A", "vale": "1"}], "env[A].vale cannot be set, did you mean value?"),
    ],
)
def test_variables_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(env=entries)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"secretKeyRef": {}}, "secretKeyRef has no `name`"),
        ({"secretKeyRef": {"name": "s"}}, "secretKeyRef has no `key`"),
        (
            {"secretKeyRef": {"name": "S_", "key": "k"}},
            "name is other text, wanted the name of an object",
        ),
        (
            {"configMapKeyRef": {"name": "c", "key": "a b"}},
            "key is other text, wanted the key of an",
        ),
        (
            {"secretKeyRef": {"name": "s", "key": ".."}},
            "key is other text, wanted the key of an entry",
        ),
        ({"fieldRef": {}}, "fieldRef has no `fieldPath`"),
        (labelled("nope"), "fieldPath is other text, wanted one of metadata.name"),
        (labelled("metadata.labels"), "fieldPath is other text, wanted one of"),
        (labelled("metadata.labels['a b']"), "fieldPath is"),
        (NAME | {"secretKeyRef": {"name": "s", "key": "k"}}, "has secretKeyRef and fieldRef of"),
        ({"resourceFieldRef": {"resource": "limits.gpu"}}, "resource is 'limits.gpu', did you"),
        (
            {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Mi"}},
            "divisor is '1Mi': 1m is for CPUs",
        ),
        (
            {"resourceFieldRef": {"resource": "limits.cpu", "containerName": "main"}},
            "containerName is 'main', wanted ray-head or ray-worker",
        ),
    ],
)
def test_sources_of_a_variable_that_kubernetes_refuses(source: dict[str, Any], said: str) -> None:
    found = list(pod_field_mistakes("w.pod", {"env": [{"name": "A", "valueFrom": source}]}))
    assert said in found[0]
    assert found[0].startswith("w.pod.env[A].valueFrom")


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "PGPASSWORD", "value": 12345678},
        {"nme": "PGPASSWORD", "value": "12345678"},
        {"name": "PGPASSWORD", "value": "12345678"},
        {"name": "A", "value": "postgres://me:12345678@db"},
        "PGPASSWORD=12345678",
    ],
)
def test_no_message_has_the_value_of_a_variable(entry: object) -> None:
    found = list(pod_field_mistakes("w.pod", {"env": [entry]}))
    assert found
    assert not [said for said in found if "12345678" in said]
