"""Where an installation keeps things: what tells one from another.

Work may be handed to a server only if it keeps things in the same place: else it is done, and
nothing of it is here.
"""

import json
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.uris import file_uri

OWNER_FILE: Final = "installation.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an installation keeps things.

    Attributes:
        namespace: Environment and sandbox.
        warehouse: The DuckDB file, or the BigQuery project.
        storage: Folder of snapshots and trainings.
        registry: MLflow, without a password.
    """

    namespace: str
    warehouse: str
    storage: str
    registry: str

    def as_dict(self) -> dict[str, str]:
        """Names and values, for JSON."""
        return asdict(self)

    def differences(self, other: "dict[str, str]") -> list[str]:
        """What is not the same in `other`, each as a few words."""
        pairs = [(one.name, getattr(self, one.name), other.get(one.name)) for one in fields(self)]
        return [f"{name} {theirs or 'unknown'}" for name, ours, theirs in pairs if ours != theirs]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """An installation, as it writes itself into what others may use too.

    Attributes:
        warehouse: See `Place`.
        id: Tells two DuckDB files apart that lie at one path on two machines; empty for an engine
            whose name is known everywhere.
    """

    warehouse: str
    id: str


def owner_of(warehouse: str) -> Owner:
    """The installation with this warehouse; a DuckDB file is given its id beside it."""
    return Owner(warehouse=warehouse, id=_identity(warehouse))


def place_of(settings: Settings) -> Place:
    """The place that the settings say."""
    warehouse = str(settings.duckdb_file)
    if settings.warehouse == "bigquery":
        endpoint = settings.bigquery_api_endpoint
        warehouse = f"bigquery {settings.bigquery_project} {endpoint}".rstrip()
    return Place(
        namespace=settings.namespace,
        warehouse=warehouse,
        storage=settings.storage_root,
        registry=_address(settings.tracking_uri),
    )


def claim_storage(settings: Settings) -> None:
    """Let the storage be that of this installation; see `claim_folder`.

    Storage under the home belongs to it and moves with it.

    Raises:
        SettingsError: another installation has it.
    """
    if settings.storage_uri:
        claim_folder(settings.storage_root, place_of(settings).warehouse)


def claim_folder(uri: str, warehouse: str) -> None:
    """Let the folder be that of the installation with this warehouse; the first that comes has it.

    Two installations of one namespace in one bucket would take each other's snapshots for their
    own.

    Raises:
        SettingsError: another installation has it.
    """
    folder = Folder(uri)
    ours = asdict(owner_of(warehouse))
    if folder.create(OWNER_FILE, json.dumps(ours).encode()):
        return
    theirs = folder.read_json(OWNER_FILE)
    if {"id": ours["id"], **theirs} == ours:  # one of before there were ids
        return
    raise SettingsError(
        f"the storage {folder.uri} is that of another installation, whose warehouse is "
        f"{theirs.get('warehouse', 'unknown')}; ours is {warehouse}",
        hint="set MLP_SANDBOX to a name of your own, or another MLP_STORAGE_URI; if it is the same "
        f"warehouse in a new place, remove {folder.uri}/{OWNER_FILE}.",
    )


def _identity(warehouse: str) -> str:
    """See `Owner.id`."""
    file = Path(warehouse)
    if not file.is_absolute():
        return ""
    beside = Folder(file_uri(file.parent))
    name = f"{file.name}.id"
    beside.create(name, uuid.uuid4().hex.encode())
    return beside.read(name).decode()


def _address(uri: str) -> str:
    """Without user and password: two users of one server work in the same place."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")
