"""The Dagster resources: what a person sees of this code location's surroundings, and replaces.

Assets take them as parameters and read nothing else, so a test, a branch deployment or somebody's
own `Definitions` hands in others:

    mine = resources_from(settings)
    dg.Definitions.merge(assets, dg.Definitions(resources=mine.by_key()))

Fields keep the names of the settings that they come from.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import dagster as dg
from pydantic import Field

from ml_platform.clusters.interface import JOB_START_S, Provisioner
from ml_platform.clusters.kuberay.config import KubeRayConfig, config_from
from ml_platform.clusters.local.provisioner import (
    IDLE_TIMEOUT_S,
    ORPHAN_GRACE_S,
    START_TIMEOUT_S,
)
from ml_platform.clusters.open import (
    kuberay_config,
    local_home,
    provisioner_for,
    read_clusters_file,
)
from ml_platform.clusters.presets import Presets
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.config_types import AbsolutePath, Name, Uri
from ml_platform.features.project import DbtSettings
from ml_platform.kubernetes_config import KubernetesConfig
from ml_platform.place import claim_folder, place_of
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.owner import NamespaceClaim
from ml_platform.registry.registrar import ModelRegistry
from ml_platform.settings import ProvisionerKind, Settings, without_passwords
from ml_platform.warehouse.interface import Warehouse, WarehouseAccess
from ml_platform.warehouse.open import open_warehouse


class ClustersResource(dg.ConfigurableResource[Any]):
    """Where training runs: what every cluster is given that its spec leaves open, and limits."""

    image: str = Field(
        default="",
        description="Container image for clusters whose spec names none, recorded with each model.",
    )
    default_provisioner: ProvisionerKind = Field(
        default="local",
        description="Where models train whose `defs.yaml` does not say: on this machine, or on a "
        "cluster of Kubernetes for each attempt.",
    )
    kubernetes: KubernetesConfig | None = Field(
        default=None,
        description="Where and how clusters on Kubernetes are made, as the file says that "
        "MLP_CLUSTERS_FILE names; none where there are none.",
    )
    presets: dict[str, Any] = Field(
        default_factory=dict,
        description="Cluster specs by name, which a model's `defs.yaml` may choose in place of "
        "fields of its own, as `cluster: small`.",
    )
    environment: str = Field(
        default="local",
        description="Environment and sandbox, which each cluster on Kubernetes carries as a label.",
    )
    local_folder: AbsolutePath = Field(
        description="Folder in which the provisioner `local` keeps state, locks and logs of the "
        "Rays on this machine."
    )
    idle_timeout_s: float = Field(
        default=IDLE_TIMEOUT_S,
        ge=0,
        description="Seconds for which a Ray on this machine is kept when nobody uses it.",
    )
    orphan_grace_s: float = Field(
        default=ORPHAN_GRACE_S,
        ge=0,
        description="Seconds for which a job whose step has died is kept, so that a retry of the "
        "step can adopt it.",
    )
    start_timeout_s: float = Field(
        default=START_TIMEOUT_S,
        gt=0,
        description="Seconds that a Ray on this machine may take to start.",
    )
    job_start_timeout_s: float = Field(
        default=JOB_START_S,
        gt=0,
        description="Seconds for which a job on this machine may be pending after its submission; "
        "on Kubernetes, `limits.job_start_s` says it.",
    )
    fork_server: bool = Field(
        default=False,
        description="Whether a Ray on this machine forks its workers from a process that has "
        "imported torch: a training begins sooner, by means of private parts of Ray and Python.",
    )

    def resolved(self, spec: ClusterSpec) -> ClusterSpec:
        """What `spec` is in this environment: presets, provisioner and image filled in.

        Raises:
            InputError: it names a preset that there is not.
            SettingsError: the preset is not usable.
        """
        presets = Presets(
            environment=self.environment,
            where="the file that MLP_CLUSTERS_FILE names, or in the resource `clusters`",
            values=self.presets,
        )
        found = presets.resolved(spec)
        return found.completed(provisioner=self.default_provisioner, image=self.image)

    def provisioner(self, spec: ClusterSpec) -> Provisioner:
        """The provisioner that `spec` names; nothing is started or written yet.

        Raises:
            SettingsError: it is to be on Kubernetes, and nothing says on which.
        """
        return provisioner_for(
            spec.completed(provisioner=self.default_provisioner, image=self.image),
            local_folder=Path(self.local_folder),
            idle_timeout_s=self.idle_timeout_s,
            orphan_grace_s=self.orphan_grace_s,
            start_timeout_s=self.start_timeout_s,
            job_start_timeout_s=self.job_start_timeout_s,
            fork_server=self.fork_server,
            kuberay=self.kuberay(),
        )

    def kuberay(self) -> KubeRayConfig | None:
        """How clusters on Kubernetes are made; None where nothing says so.

        Raises:
            SettingsError: a key or a value is wrong.
        """
        if self.kubernetes is None:
            return None
        return config_from(
            self.kubernetes.values(),
            environment=self.environment,
            image=self.image,
            where="the resource `clusters`, kubernetes",
        )

    def provisioners(self) -> list[Provisioner]:
        """One of each kind that a spec may name and that can be had here."""
        kinds = [kind for kind in get_args(ProvisionerKind) if kind == "local" or self.kubernetes]
        return [self.provisioner(ClusterSpec(provisioner=kind)) for kind in kinds]


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The engine that holds raw tables and feature tables, and where it is."""

    engine: Literal["duckdb", "bigquery"] = Field(
        default="duckdb", description="The engine: DuckDB in a file, or BigQuery."
    )
    feature_schema: Name = Field(
        description="Schema (BigQuery: dataset) of the feature tables; it carries the environment "
        "and the sandbox.",
    )
    duckdb_path: AbsolutePath = Field(description="The file of DuckDB, if that is the engine.")
    bigquery_project: str = Field(
        default="", description="Google Cloud project of the tables, which pays for queries."
    )
    bigquery_location: str = Field(default="US", description="Location of the BigQuery datasets.")
    bigquery_maximum_bytes_billed: int = Field(
        default=1_099_511_627_776,
        gt=0,
        description="Bytes that one BigQuery query may scan at most.",
    )
    bigquery_api_endpoint: str = Field(
        default="", description="Address of a BigQuery emulator; empty means Google's own BigQuery."
    )
    bigquery_storage_endpoint: str = Field(
        default="",
        description="Host and port of the emulator's Storage Read API; empty means Google's own.",
    )
    environment: str = Field(
        default="local", description="Environment that is written on each query as a label."
    )
    sandbox: str = Field(
        default="", description="Sandbox that is written on each query; empty when there is none."
    )

    @property
    def warehouse(self) -> str:
        """The engine, by the name of its setting."""
        return self.engine

    @property
    def duckdb_file(self) -> Path:
        """DuckDB's file."""
        return Path(self.duckdb_path)

    def open(self) -> Warehouse:
        """The engine, not yet connected where that costs something.

        Raises:
            SettingsError: the engine needs a setting or an extra that is missing.
        """
        return open_warehouse(self)


class DbtResource(dg.ConfigurableResource[Any]):
    """The dbt project whose models are the staging views and feature tables."""

    project_dir: AbsolutePath = Field(description="Folder of the dbt project.")
    dbt_target: str = Field(
        default="",
        description="Target of the project's profile; empty for the one that is called as the "
        "warehouse is, or else the profile's own default.",
    )
    home: AbsolutePath = Field(
        description="Folder on this machine in which the parsed project and dbt's logs are kept, "
        "under `dbt_target`."
    )

    def on(self, warehouse: WarehouseAccess) -> DbtSettings:
        """The project, building in `warehouse`."""
        return _DbtOnWarehouse(
            project_dir=Path(self.project_dir),
            dbt_target=self.dbt_target,
            home=Path(self.home),
            warehouse=warehouse.warehouse,
            feature_schema=warehouse.feature_schema,
            duckdb_file=warehouse.duckdb_file,
            bigquery_project=warehouse.bigquery_project,
            bigquery_location=warehouse.bigquery_location,
            bigquery_maximum_bytes_billed=warehouse.bigquery_maximum_bytes_billed,
            bigquery_api_endpoint=warehouse.bigquery_api_endpoint,
            bigquery_storage_endpoint=warehouse.bigquery_storage_endpoint,
            environment=warehouse.environment,
            sandbox=warehouse.sandbox,
        )


class StorageResource(dg.ConfigurableResource[Any]):
    """Object storage for training sets, checkpoints and results."""

    root: Uri = Field(
        description="Folder of this environment and sandbox, as `file://…` or `gs://…`; the "
        "cluster must reach the same."
    )
    warehouse: str = Field(
        default="",
        description="The warehouse whose snapshots are kept there: the first that comes has the "
        "folder, another is refused. Empty for a folder that nobody else can have.",
    )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse the folder of another installation before anything is read from it.

        Raises:
            SettingsError: it is that of another warehouse.
        """
        del context
        if self.warehouse:
            claim_folder(self.root, self.warehouse)


class RegistryResource(dg.ConfigurableResource[ModelRegistry]):
    """The MLflow that keeps model versions, their curves and the champion alias."""

    namespace: Name = Field(
        description="Environment and sandbox, which come before the name of each registered model.",
    )
    tracking_uri: Uri = Field(
        description="MLflow's tracking URI, a server or an sqlite file; a password in it belongs "
        "into an environment variable, as everybody sees this page."
    )
    mlflow_artifact_root: str = Field(
        default="",
        description="Where an MLflow without a server keeps files; empty when a server decides.",
    )
    mlflow_pages: str = Field(description="Where people open the pages of MLflow.")
    home: AbsolutePath = Field(
        description="Folder on this machine for downloaded models and for the lock of the registry."
    )

    warehouse: str = Field(
        default="",
        description="The warehouse whose models are kept on a server: the first that comes has the "
        "namespace there, another is refused. Empty for a registry that nobody else can have.",
    )

    def create_resource(self, context: dg.InitResourceContext) -> ModelRegistry:
        """The registry of the namespace, not yet connected; then it has to be ours."""
        del context
        if not self.warehouse:
            return ModelRegistry(Registry(self), self.namespace)
        claim = NamespaceClaim(
            namespace=self.namespace, warehouse=self.warehouse, server=self.tracking_uri
        )
        return ModelRegistry(Registry(self, claim=claim), self.namespace)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """The five; a name of a field is the key of the resource."""

    clusters: ClustersResource
    warehouse: WarehouseResource
    dbt: DbtResource
    storage: StorageResource
    registry: RegistryResource

    def by_key(self) -> dict[str, Any]:
        """As `Definitions` and `materialize` take them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def resources_from(settings: Settings) -> Resources:
    """The resources as `settings` say."""
    home = str(settings.home.resolve())
    presets, kubernetes = read_clusters_file(settings)
    kuberay_config(settings)  # says in our own words what is wrong with it
    return Resources(
        clusters=ClustersResource(
            image=settings.image,
            default_provisioner=settings.provisioner,
            kubernetes=KubernetesConfig(**kubernetes) if kubernetes else None,
            presets=presets,
            environment=settings.namespace,
            local_folder=str(local_home(settings).resolve()),
            fork_server=settings.environment == "local",
        ),
        warehouse=WarehouseResource(
            engine=settings.warehouse,
            feature_schema=settings.feature_schema,
            duckdb_path=str(settings.duckdb_file),
            bigquery_project=settings.bigquery_project,
            bigquery_location=settings.bigquery_location,
            bigquery_maximum_bytes_billed=settings.bigquery_maximum_bytes_billed,
            bigquery_api_endpoint=settings.bigquery_api_endpoint,
            bigquery_storage_endpoint=settings.bigquery_storage_endpoint,
            environment=settings.environment,
            sandbox=settings.sandbox,
        ),
        dbt=DbtResource(
            project_dir=str(settings.project_dir.resolve()),
            dbt_target=settings.dbt_target,
            home=home,
        ),
        storage=StorageResource(
            root=settings.storage_root,
            warehouse=place_of(settings).warehouse if settings.storage_uri else "",
        ),
        registry=RegistryResource(
            namespace=settings.namespace,
            tracking_uri=_shown(settings.tracking_uri, "MLP_MLFLOW_TRACKING_URI"),
            mlflow_artifact_root=settings.mlflow_artifact_root,
            mlflow_pages=settings.mlflow_pages,
            warehouse=place_of(settings).warehouse if settings.mlflow_tracking_uri else "",
            home=home,
        ),
    )


def _shown(uri: str, variable: str) -> str:
    """`uri`, or the name of its variable if it has a password: configuration is shown to all."""
    return uri if without_passwords(uri) == uri else dg.EnvVar(variable)


@dataclass(frozen=True, kw_only=True, slots=True)
class _DbtOnWarehouse:
    """A dbt project and the warehouse that it builds in, as `features` wants to know them."""

    project_dir: Path
    dbt_target: str
    home: Path
    warehouse: str
    feature_schema: str
    duckdb_file: Path
    bigquery_project: str
    bigquery_location: str
    bigquery_maximum_bytes_billed: int
    bigquery_api_endpoint: str
    bigquery_storage_endpoint: str
    environment: str
    sandbox: str
