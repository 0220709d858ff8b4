import dataclasses
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster import build_init_resource_context
from pydantic import ValidationError

from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits
from ml_platform.clusters.open import kuberay_config, resolved
from ml_platform.clusters.presets import ClusterSection
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import InputError, RegistryError, SettingsError
from ml_platform.features.project import dbt_variables
from ml_platform.kubernetes_config import KubernetesConfig, KubernetesLimits
from ml_platform.registry.registrar import ModelRegistry
from ml_platform.resources import (
    ClustersResource,
    StorageResource,
    resources_from,
)
from ml_platform.settings import Settings
from ml_platform.storage import StorageAccess

SECRET = "http://ann:hunter2@mlflow.example:5000"


def test_the_five_are_known_by_the_names_that_assets_ask_for(tmp_path: Path) -> None:
    assert set(resources_from(Settings(home=tmp_path)).by_key()) == {
        "clusters",
        "dbt",
        "registry",
        "storage",
        "warehouse",
    }


def test_every_field_says_what_it_is_in_a_sentence(tmp_path: Path) -> None:
    unsaid = [
        (key, name)
        for key, resource in resources_from(Settings(home=tmp_path)).by_key().items()
        for name, field in type(resource).model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert unsaid == []


def test_dbt_builds_where_the_warehouse_is(tmp_path: Path) -> None:
    here = resources_from(Settings(home=tmp_path / "here"))
    there = resources_from(Settings(home=tmp_path / "there", sandbox="ann"))

    project = here.dbt.on(there.warehouse)

    assert project.home == tmp_path / "here"
    assert dbt_variables(project)["MLP_DBT_DUCKDB_PATH"] == str(tmp_path / "there/warehouse.duckdb")
    assert dbt_variables(project)["MLP_DBT_SCHEMA"] == "ml_local_ann"


def test_a_run_does_not_begin_on_the_storage_of_another_installation(tmp_path: Path) -> None:
    bucket = (tmp_path / "bucket").as_uri()
    first = Settings(home=tmp_path / "first", storage_uri=bucket)
    second = Settings(home=tmp_path / "second", storage_uri=bucket)
    begin(first)
    begin(first)

    with pytest.raises(dg.DagsterError) as refused:
        begin(second)

    assert isinstance(refused.value.__cause__, SettingsError)
    assert str(first.duckdb_file) in str(refused.value.__cause__)


def begin(settings: Settings) -> None:
    """Run an asset that uses the storage."""

    @dg.asset
    def used(storage: dg.ResourceParam[StorageAccess]) -> None:
        assert storage.root

    resources = {"storage": resources_from(settings).storage}
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([used], resources=resources, instance=instance)


def test_clusters_give_the_provisioner_of_a_spec_and_start_nothing(tmp_path: Path) -> None:
    clusters = resources_from(Settings(home=tmp_path)).clusters

    clusters.provisioner(ClusterSpec(provisioner="local"))

    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_provisioner_is_listed_once(tmp_path: Path) -> None:
    found = resources_from(Settings(home=tmp_path)).clusters.provisioners()

    assert [one.kind for one in found] == ["local"]


def test_an_asset_is_given_the_registry_of_the_namespace(tmp_path: Path) -> None:
    registry = resources_from(Settings(home=tmp_path)).registry

    given = registry.create_resource(build_init_resource_context())

    assert isinstance(given, ModelRegistry)


def test_a_password_is_never_part_of_the_configuration(tmp_path: Path) -> None:
    resources = resources_from(Settings(home=tmp_path, mlflow_tracking_uri=SECRET))
    location = dg.Definitions(resources=resources.by_key())

    registry = location.get_repository_def().get_top_level_resources()["registry"]

    assert "hunter2" not in str(registry.config_schema.default_value)
    assert "MLP_MLFLOW_TRACKING_URI" in str(registry.config_schema.default_value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("local_folder", "ray"),
        ("idle_timeout_s", -1),
        ("start_timeout_s", 0),
        ("job_start_timeout_s", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_is_given(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        ClustersResource(**({"local_folder": "/srv/ray"} | {field: value}))  # type: ignore[arg-type]


def test_a_storage_that_is_no_uri_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match="wanted one such as file:///"):
        StorageResource(root="bucket/mlp")


def test_what_an_error_says_of_the_registry_has_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://ann:hunter2@127.0.0.1:9"
    monkeypatch.setenv("MLP_MLFLOW_TRACKING_URI", address)
    resources = resources_from(Settings(home=tmp_path, mlflow_tracking_uri=address)).by_key()

    @dg.asset
    def names(registry: dg.ResourceParam[ModelRegistry]) -> list[str]:
        return registry.versions.names()

    with pytest.raises(RegistryError, match=r"ann:…@127\.0\.0\.1:9 does not answer") as raised:
        dg.materialize([names], resources=resources)

    assert "hunter2" not in str(raised.value)


def test_clusters_know_the_presets_of_the_file_and_show_them(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("presets: {large: {workers: {count: 3}}}\n")
    settings = Settings(home=tmp_path, clusters_file=file, image="ml:1")
    clusters = resources_from(settings).clusters

    found = clusters.resolved(ClusterSection(preset="large"))

    assert found == resolved(settings, ClusterSection(preset="large"))
    assert (found.worker_count, found.image, found.provisioner) == (3, "ml:1", "local")
    assert clusters.presets.keys() == {"small", "large"}
    assert clusters.kuberay() is None


def test_a_preset_that_there_is_not_names_where_it_would_be(tmp_path: Path) -> None:
    clusters = resources_from(Settings(home=tmp_path, sandbox="ada")).clusters

    with pytest.raises(InputError, match="local_ada has no preset larg") as raised:
        clusters.resolved(ClusterSection(preset="larg"))

    assert "the resource `clusters`" in raised.value.hint


@pytest.mark.parametrize(
    ("shown", "used"), [(KubernetesConfig, KubeRayConfig), (KubernetesLimits, Limits)]
)
def test_what_is_shown_of_kubernetes_is_what_there_is(shown: type[dg.Config], used: Any) -> None:
    assert shown.model_fields.keys() == {field.name for field in dataclasses.fields(used)}
    assert all((one.description or "").endswith(".") for one in shown.model_fields.values())


def test_a_file_with_little_means_the_same_through_the_resource(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("namespace: ray\nenvironment: mine\nlimits: {queue_s: 60}\n")
    settings = Settings(home=tmp_path, clusters_file=file, image="ml:1")

    assert resources_from(settings).clusters.kuberay() == kuberay_config(settings)


def test_a_file_with_all_means_the_same_through_the_resource(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    values = {
        "namespace": "ray",
        "image": "ml:2",
        "env": {"A": "1"},
        "env_from_secrets": ["storage"],
        "image_pull_secrets": ["registry"],
        "pod": {"tolerations": [{"operator": "Exists"}]},
        "catalogue": {"nodes": [{"name": "cpu", "cpus": 7.5, "memory": "30Gi", "count": 3}]},
        "limits": {"running_s": 600, "start_s": 12.5},
    }
    file.write_text(yaml.safe_dump(values))
    settings = Settings(home=tmp_path, clusters_file=file, image="ml:1")

    assert resources_from(settings).clusters.kuberay() == kuberay_config(settings)


def test_a_wrong_key_of_the_file_is_named_when_the_resources_are_made(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("namespace: ray\nlimits: {queue: 60}\n")

    with pytest.raises(SettingsError, match=r"clusters\.yaml: limits\.queue"):
        resources_from(Settings(home=tmp_path, clusters_file=file))


def test_the_launchpad_shows_the_fields_of_kubernetes(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("namespace: ray\n")
    resources = resources_from(Settings(home=tmp_path, clusters_file=file)).by_key()

    found = dg.Definitions(resources=resources).get_repository_def().get_top_level_resources()
    config: Any = found["clusters"].config_schema

    assert config.default_value["kubernetes"]["namespace"] == "ray"
    fields = config.config_type.fields["kubernetes"].config_type.inner_type.fields
    assert fields["limits"].config_type.fields["queue_s"].description.startswith("Seconds")


def test_an_asset_uses_the_kubernetes_that_the_resource_says(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("namespace: ray\nimage: ml:2\ncatalogue: {nodes: []}\n")
    settings = Settings(home=tmp_path, clusters_file=file, image="ml:1")
    seen: list[KubeRayConfig | None] = []

    @dg.asset
    def used(clusters: ClustersResource) -> None:
        seen.append(clusters.kuberay())

    with dg.DagsterInstance.ephemeral() as instance:
        clusters = resources_from(settings).clusters
        dg.materialize([used], resources={"clusters": clusters}, instance=instance)

    assert seen == [kuberay_config(settings)]
