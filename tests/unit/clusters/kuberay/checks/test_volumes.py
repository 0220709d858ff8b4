"""Volumes and mounts that no pod starts with are refused before."""

from typing import Any

import pytest

from ml_platform.clusters.kuberay.checks.pod_fields import pod_field_mistakes
from tests.support.kuberay.pod_fields import CLAIM, ITEM_A, MOUNT, SECRET, claimed


def only(**fields: Any) -> str:
    (mistake,) = pod_field_mistakes("w.pod", fields)
    return mistake


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"name": "a", "emptyDir": {}}, {"name": "a", "secret": {"secretName": "s"}}],
            "w.pod.volumes has a twice",
        ),
        (
            [{"name": "My_Data", "emptyDir": {}}],
            "volumes[My_Data].name is other text, wanted lower",
        ),
        ([{"name": "a" * 64, "emptyDir": {}}], ".name is other text"),
        ([{"name": "a", "emptyDir": {}, "secret": SECRET}], "[a] has emptyDir and secret of"),
        ([{"name": "a"}], "volumes[a] has none of configMap, csi"),
        ([{"name": "a", "emptyDir": None}], "volumes[a].emptyDir is nothing, wanted a mapping"),
    ],
)
def test_volumes_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(volumes=entries)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("secret", {}, "volumes[a].secret has no `secretName`"),
        ("secret", {**SECRET, "name": "x"}, "secret.name cannot be set; these can: secretName"),
        ("secret", {"secretName": "Bad_Name"}, "secretName is other text, wanted the name of an"),
        ("secret", {**SECRET, "defaultMode": 0o1000}, "defaultMode is 512, wanted a whole number"),
        ("secret", {**SECRET, "items": [{"key": "k"}]}, "items[0] has no `path`"),
        (
            "secret",
            {**SECRET, "items": [{"key": "k", "path": "../k"}]},
            "path is other text, wanted a file, without",
        ),
        (
            "secret",
            {**SECRET, "items": [{"key": "k", "path": ""}]},
            "path is empty text, wanted a file, without",
        ),
        ("configMap", {}, "configMap has no `name`"),
        ("persistentVolumeClaim", {}, "persistentVolumeClaim has no `claimName`"),
        ("persistentVolumeClaim", {"claimName": "a b"}, "claimName is other text"),
        ("emptyDir", {"medium": "foo"}, "medium is 'foo', wanted Memory"),
        ("emptyDir", {"medium": "HugePages"}, "medium is 'HugePages', wanted Memory"),
        ("emptyDir", {"sizeLimit": "abc"}, "sizeLimit is other text, wanted an amount, as 512Mi"),
        ("emptyDir", {"sizeLimit": "1.2.3Gi"}, "sizeLimit is other text, wanted an amount"),
        ("emptyDir", {"sizeLimit": "-1Gi"}, "sizeLimit is -1Gi, wanted an amount"),
        ("emptyDir", {"sizeLimit": "1e3Gi"}, "sizeLimit is other text, wanted an amount"),
        ("csi", {}, "csi has no `driver`"),
        ("csi", {"driver": "a_b"}, "driver is other text, wanted the name of a driver"),
        ("ephemeral", {}, "ephemeral has no `volumeClaimTemplate`"),
        ("ephemeral", {"volumeClaimTemplate": {}}, "volumeClaimTemplate has no `spec`"),
        ("ephemeral", claimed(accessModes=[]), "accessModes is empty, wanted at least one"),
        (
            "ephemeral",
            claimed(accessModes=["RWO"]),
            "accessModes[0] is 'RWO', wanted ReadWriteOnce",
        ),
        (
            "ephemeral",
            claimed(accessModes=["ReadWriteOncePod", "ReadOnlyMany"]),
            "ReadWriteOncePod goes with no other",
        ),
        ("ephemeral", claimed(resources={}), "resources has no `requests`"),
        (
            "ephemeral",
            claimed(resources={"requests": {"storage": "0"}}),
            "storage is 0, wanted some",
        ),
        (
            "ephemeral",
            claimed(resources={"requests": {"storage": "x"}}),
            "storage is other text, wanted",
        ),
        ("ephemeral", claimed(volumeMode="Block"), "volumeMode is 'Block', wanted Filesystem"),
        (
            "ephemeral",
            claimed(dataSource={"kind": "VolumeSnapshot", "name": "s"}),
            "of another kind than PersistentVolumeClaim, which has an apiGroup",
        ),
        (
            "ephemeral",
            claimed(dataSource=CLAIM, dataSourceRef=CLAIM),
            "has dataSource and dataSourceRef, wanted one of them",
        ),
        ("projected", {}, "projected has no `sources`"),
        (
            "projected",
            {"sources": [{"serviceAccountToken": {"path": "a"}}, {"secret": ITEM_A}]},
            "sources has a twice",
        ),
        ("projected", {"sources": [{}]}, "sources[0] has none of secret, configMap"),
        ("projected", {"sources": [{"secret": {}}]}, "sources[0].secret has no `name`"),
        (
            "projected",
            {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]},
            "expirationSeconds is 60, wanted a whole number from 600",
        ),
        (
            "downwardAPI",
            {"items": [{"path": "a"}]},
            "items[0] has none of fieldRef, resourceFieldRef",
        ),
        (
            "downwardAPI",
            {"items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}}]},
            "resourceFieldRef has no `containerName`",
        ),
    ],
)
def test_a_volume_of_each_kind_that_no_pod_starts_with(
    kind: str, value: dict[str, Any], said: str
) -> None:
    assert said in only(volumes=[{"name": "a", kind: value}])


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}],
            "w.pod.volumeMounts has /x twice",
        ),
        ([{"name": "a", "mountPath": "/x", "readonly": True}], "did you mean readOnly?"),
        ([{"name": "a", "mountPath": "/x:/y"}], "is other text, wanted a path from the root"),
    ],
)
def test_mounts_that_kubernetes_refuses(entries: list[Any], said: str) -> None:
    assert said in only(volumeMounts=entries)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subPath": "../x"}, "volumeMounts[/a].subPath is other text, wanted a path without"),
        ({"subPath": "/x"}, "subPath is other text, wanted a path without"),
        ({"subPath": "a", "subPathExpr": "b"}, "has subPath and subPathExpr, wanted one of them"),
        (
            {"mountPropagation": "Bidirectional"},
            "is 'Bidirectional', wanted None or HostToContainer",
        ),
        ({"recursiveReadOnly": "Enabled"}, "recursiveReadOnly is for mounts with readOnly: true"),
        (
            {
                "readOnly": True,
                "recursiveReadOnly": "Enabled",
                "mountPropagation": "HostToContainer",
            },
            "recursiveReadOnly goes with no mountPropagation",
        ),
        ({"mountPath": "/dev/shm/"}, "mountPath has `.`, `..`, `//` or a `/` at its end"),
        ({"mountPath": "/a/../b"}, "mountPath has `.`, `..`, `//` or a `/`"),
    ],
)
def test_a_mount_that_no_pod_starts_with(changes: dict[str, Any], said: str) -> None:
    assert said in only(volumeMounts=[MOUNT | changes])
