"""Variables that Kubernetes would refuse, or that are secrets in clear text, are refused before."""

from typing import Any

import pytest

from ml_platform.clusters.kuberay.checks.pod_fields import pod_field_mistakes
from tests.support.kuberay.pod_fields import NAME, claimed, labelled

HF = "hf" + "_" + "abcD" * 8


def csi(**attributes: str) -> dict[str, Any]:
    """A volume of a driver with these attributes."""
    driver = {"driver": "a.example", "volumeAttributes": attributes}
    return {"volumes": [{"name": "a", "csi": driver}]}


def claimed_with(annotations: dict[str, str]) -> dict[str, Any]:
    """A volume whose claim has these annotations."""
    template = claimed()["volumeClaimTemplate"] | {"metadata": {"annotations": annotations}}
    return {"volumes": [{"name": "a", "ephemeral": {"volumeClaimTemplate": template}}]}


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


@pytest.mark.parametrize("value", ["1", "0", None])
def test_bytecode_is_not_to_be_kept_from_being_written(value: str | None) -> None:
    # Python asks only whether it is set: KubeRay's init container, at a fifth of a CPU, and each
    # worker would compile anew what the image brings without bytecode.
    said = only(env=[variable(value)])
    assert said.startswith("w.pod.env sets PYTHONDONTWRITEBYTECODE")
    assert "leave it out" in said


def variable(value: str | None) -> dict[str, Any]:
    """The variable with a value, or with one from elsewhere."""
    source: dict[str, Any] = {"value": value} if value is not None else {"valueFrom": NAME}
    return {"name": "PYTHONDONTWRITEBYTECODE", **source}


@pytest.mark.parametrize("entry", [variable(""), {"name": "PYTHONDONTWRITEBYTECODE"}])
def test_bytecode_may_be_asked_for(entry: dict[str, Any]) -> None:
    assert list(pod_field_mistakes("w.pod", {"env": [entry]})) == []


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
    ("fields", "where"),
    [
        ({"annotations": {"token": "hunter2"}}, "w.pod.annotations has token in clear text"),
        ({"labels": {"a.example/of": HF}}, "w.pod.labels has a.example/of in clear text"),
        (
            {"annotations": {"a.example/of": f"Bearer {HF}"}},
            "has a.example/of in clear",
        ),
        (csi(password="hunter2"), "w.pod.volumes[a].csi.volumeAttributes has password in clear"),
        (csi(mountOptions=f"token={HF}"), "volumeAttributes has mountOptions in clear text"),
        (claimed_with({"apiKey": "hunter2"}), "metadata.annotations has apiKey in clear text"),
    ],
)
def test_a_secret_in_clear_outside_of_variables(fields: dict[str, Any], where: str) -> None:
    said = only(**fields)
    assert where in said
    assert HF not in said


@pytest.mark.parametrize(
    "fields",
    [
        {"annotations": {"vault.hashicorp.com/agent-inject-secret-db": "secret/data/db"}},
        {"annotations": {"cert-manager.io/tls-secret": "tls", "why": "a test of passes"}},
        {"labels": {"team": "pricing", "cost-key": "42"}},
        csi(secretProviderClass="vault-hf", bucketName="b", usePodIdentity="false"),
        csi(**{"csi.storage.k8s.io/node-stage-secret": "nfs"}),
    ],
)
def test_what_names_a_secret_is_none(fields: dict[str, Any]) -> None:
    # Keys with a domain are a tool's, which has secrets looked up by them.
    assert list(pod_field_mistakes("w.pod", fields)) == []


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
