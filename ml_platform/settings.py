"""The only module that reads environment variables: `MLP_*`, with defaults for a laptop.

Values are read when `load_settings()` is called, never at import, so a test or a command that sets
a variable is believed.
"""

import re
from datetime import date
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ml_platform.errors import SettingsError
from ml_platform.uris import file_uri, local_path, sqlite_uri

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
SANDBOX_PATTERN: Final = re.compile(r"^[a-z][a-z0-9_]{0,23}$")
DEMO_START: Final = date(2013, 1, 1)
DEMO_END: Final = date(2013, 12, 31)
# Dagster and dbt make addresses of paths without encoding them; DuckDB takes `\\` for a slash.
UNUSABLE_IN_PATHS: Final = re.compile(r"[#?\\]|%[0-9A-Fa-f]{2}")
PASSWORD_IN_URI: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+@")
XRAY_DATABASES: Final = ("postgresql://", "postgresql+psycopg2://", "sqlite:///")
LOCAL_MLFLOW_PAGES: Final = "http://127.0.0.1:5000"

Environment = Literal["local", "ci", "prod"]
ProvisionerKind = Literal["local", "ephemeral"]
"""Who makes clusters."""
WarehouseKind = Literal["duckdb", "bigquery"]


class Settings(BaseSettings):
    """Where this installation keeps things and what it talks to. Each field is `MLP_<FIELD>`."""

    model_config = SettingsConfigDict(
        # A variable that is set to nothing, as an env file or a config map does, is not set.
        env_prefix="MLP_",
        env_ignore_empty=True,
        # Some addresses have a password in them.
        hide_input_in_errors=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )

    environment: Environment = Field(
        default="local", description="Which world this is; every table, path and model carries it."
    )
    sandbox: str = Field(
        default="",
        description="A name of one's own within the environment, so that work in progress touches "
        "nobody else's tables; empty for none.",
    )
    home: Path = Field(
        default=PROJECT_ROOT / ".mlp",
        validate_default=True,
        description="Folder for everything that is kept on this machine.",
    )
    project_dir: Path = Field(
        default=PROJECT_ROOT / "dbt_project", description="The dbt project's folder."
    )
    dbt_target: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Target of the dbt project's profile. Empty: the one that is called as the "
        "warehouse is, or else the profile's own default.",
    )
    storage_uri: str = Field(
        default="",
        description="Where training sets, checkpoints and results live: `file://…` or `gs://…`. "
        "Empty: a folder under `home`.",
    )
    warehouse: WarehouseKind = Field(default="duckdb", description="The warehouse's engine.")
    duckdb_path: Path | None = Field(
        default=None, description="The DuckDB file. Empty: a file under `home`."
    )
    bigquery_project: str = Field(default="", description="Google Cloud project of the warehouse.")
    bigquery_location: str = Field(default="US", description="Location of the datasets.")
    bigquery_maximum_bytes_billed: int = Field(
        default=1_099_511_627_776, gt=0, description="Bytes one query may scan at most."
    )
    bigquery_api_endpoint: str = Field(
        default="", description="Another BigQuery API than Google's: an emulator's address."
    )
    bigquery_storage_endpoint: str = Field(
        default="", description="`host:port` of another Storage Read API than Google's, plaintext."
    )
    mlflow_tracking_uri: str = Field(
        default="", description="MLflow server. Empty: an sqlite file under `home`."
    )
    mlflow_ui_url: str = Field(
        default="",
        description="Where people open MLflow's pages. Empty: at the MLflow server; without one, "
        "where `make dev` opens them.",
    )
    xray_uri: str = Field(
        default="",
        description="Database of X-Ray, one for each installation: "
        "`postgresql://user:password@host/name`. Empty: an sqlite file under `home`.",
    )
    xray_findings: str = Field(
        default="",
        description="Findings of X-Ray that are told without being asked for: names with commas "
        "between them, or `all`. Empty: none, only `mlp xray findings` tells them.",
    )
    xray_url: str = Field(
        default="http://127.0.0.1:9729", description="Where people open X-Ray's pages."
    )
    xray_token: SecretStr | None = Field(
        default=None,
        description="What people log in to X-Ray's pages with, 16 characters or more. Empty: no "
        "login, and pages on this machine alone.",
    )
    xray_operator_token: SecretStr | None = Field(
        default=None,
        description="Whoever logs in to X-Ray's pages with this one, and says who they are, may "
        "stop and extend clusters there, 16 characters or more. Empty: nobody may by a token.",
    )
    xray_operators: str = Field(
        default="",
        description="Who else may do so: names as the proxy of MLP_XRAY_USER_HEADER says them, "
        "with commas between them. Empty: nobody.",
    )
    xray_user_header: str = Field(
        default="",
        description="The header in which a proxy before X-Ray's pages says who has logged in, such "
        "as `X-Forwarded-User`; nobody may reach them but through that proxy. Empty: none.",
    )
    dagster_url: str = Field(
        default="http://127.0.0.1:3000", description="Where people open the Dagster UI."
    )
    dagster_home: Path | None = Field(
        default=None,
        validation_alias="DAGSTER_HOME",
        description="Where Dagster keeps its state; read from DAGSTER_HOME, as Dagster does. "
        "Empty: a folder under `home`.",
    )
    partitions_start: date = Field(
        default=DEMO_START, description="The first day of all partitions."
    )
    partitions_end: date | None = Field(
        default=None,
        description="The last day of all partitions. Default: the demo's last day in `local`, "
        "else open-ended; `none` says open-ended.",
    )
    provisioner: ProvisionerKind = Field(
        default="local",
        description="Where models train whose `defs.yaml` does not say: on this machine, or on a "
        "cluster of Kubernetes for each attempt.",
    )
    clusters_file: Path | None = Field(
        default=None,
        description="YAML that says where and how clusters on Kubernetes are made. Empty: none.",
    )
    image: str = Field(
        default="", description="Container image of this code location, recorded with each model."
    )
    price_cpu_hour: float = Field(
        default=0.0, ge=0.0, description="Price of a CPU for an hour; 0 is unknown."
    )
    price_gpu_hour: float = Field(
        default=0.0, ge=0.0, description="Price of a GPU for an hour; 0 is unknown."
    )
    price_gib_hour: float = Field(
        default=0.0,
        ge=0.0,
        description="Price of a GiB of memory for an hour; 0 where that of a CPU has it in.",
    )

    @field_validator("home", "duckdb_path", "dagster_home")
    @classmethod
    def _others_can_open_it(cls, value: Path | None) -> Path | None:
        found = value and UNUSABLE_IN_PATHS.search(str(value.resolve()))
        if found:
            msg = f"{found[0]!r} in its path would be read as part of an address by Dagster or dbt"
            raise ValueError(msg)
        return value

    @field_validator("storage_uri")
    @classmethod
    def _one_spelling(cls, value: str) -> str:
        path = local_path(value)
        if value and path is None and "://" not in value:
            msg = f"{value!r} is no URI: wanted one such as file:///srv/mlp or gs://bucket/mlp"
            raise ValueError(msg)
        return value if path is None else file_uri(path)

    @field_validator("xray_uri")
    @classmethod
    def _is_a_database_we_know(cls, value: str) -> str:
        if value and not value.startswith(XRAY_DATABASES):
            msg = f"{value!r} is none of {', '.join(f'{one}…' for one in XRAY_DATABASES)}"
            raise ValueError(msg)
        _ = urlsplit(value).port  # raises if it is none
        return value

    @field_validator("partitions_end", mode="before")
    @classmethod
    def _open_ended(cls, value: object) -> object:
        return None if value in ("", "none") else value

    @field_validator("sandbox")
    @classmethod
    def _sandbox_is_a_name(cls, value: str) -> str:
        if value and not SANDBOX_PATTERN.match(value):
            msg = f"{value!r} is no sandbox name: a lower-case letter, then up to 23 of a-z 0-9 _"
            raise ValueError(msg)
        return value

    @model_validator(mode="before")
    @classmethod
    def _the_demo_ends(cls, values: dict[str, object]) -> dict[str, object]:
        if values.get("environment", "local") == "local" and "partitions_end" not in values:
            return values | {"partitions_end": DEMO_END}
        return values

    @property
    def namespace(self) -> str:
        """`environment` or `environment_sandbox`: the prefix of tables, models and paths."""
        return f"{self.environment}_{self.sandbox}" if self.sandbox else self.environment

    @property
    def storage_root(self) -> str:
        """URI of this namespace's folder in object storage, without a slash at the end."""
        base = self.storage_uri or file_uri(self.home.resolve() / "storage")
        return f"{base.rstrip('/')}/{self.namespace}"

    @property
    def duckdb_file(self) -> Path:
        """Absolute path of the DuckDB file."""
        return (self.duckdb_path or self.home / "warehouse.duckdb").resolve()

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI."""
        return self.mlflow_tracking_uri or sqlite_uri(self.home.resolve() / "mlflow.db")

    @property
    def mlflow_pages(self) -> str:
        """Where people open MLflow's pages, without a slash at the end and without a password."""
        if self.mlflow_ui_url:
            return self.mlflow_ui_url.rstrip("/")
        server = urlsplit(self.tracking_uri)
        if server.scheme not in ("http", "https"):
            return LOCAL_MLFLOW_PAGES
        host = server.netloc.rpartition("@")[2]
        return f"{server.scheme}://{host}{server.path}".rstrip("/")

    @property
    def mlflow_artifact_root(self) -> str:
        """Where an embedded MLflow keeps its artifacts; empty where a server decides."""
        return "" if self.mlflow_tracking_uri else file_uri(self.home.resolve() / "mlflow")

    @property
    def xray_database(self) -> str:
        """Address of X-Ray's database, as SQLAlchemy reads it."""
        return self.xray_uri or sqlite_uri(self.home.resolve() / "xray" / "xray.db")

    @property
    def dagster_folder(self) -> Path:
        """Absolute path of the folder where Dagster keeps its state."""
        return (self.dagster_home or self.home / "dagster").resolve()

    @property
    def feature_schema(self) -> str:
        """Schema (BigQuery: dataset) of the feature tables."""
        return f"ml_{self.namespace}"

    def registered_name(self, model: str) -> str:
        """Name under which the registry knows `model` in this namespace."""
        return f"{self.namespace}.{model}"


def without_passwords(text: str) -> str:
    """`text` with `…` for each password in an address, for whatever people get to see."""
    return PASSWORD_IN_URI.sub(r"\1:…@", text)


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable has a value that cannot be; names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "settings"
        variable = field if field == "DAGSTER_HOME" else f"MLP_{field.upper()}"
        raise SettingsError(
            without_passwords(
                f"{variable}={str(first.get('input'))!r} is not usable: {first['msg']}"
            ),
            hint=f"set {variable} to another value or unset it; `mlp doctor` shows all.",
        ) from error
