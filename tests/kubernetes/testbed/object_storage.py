"""Object storage that pods and this machine share: a server that the real `gcsfs` speaks to."""

import uuid

from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.components import Component
from tests.kubernetes.testbed.programs import Programs

NAME = "object-storage"
# For gcsfs: `STORAGE_EMULATOR_HOST`, in pods and on this machine alike.
URL = f"http://{layout.NODE_ADDRESS}:{layout.OBJECT_STORAGE_PORT}"


def make_bucket(prefix: str) -> str:
    """A fresh bucket; returns its name."""
    import httpx

    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    httpx.post(f"{URL}/storage/v1/b", json={"name": name}).raise_for_status()
    return name


def define(programs: Programs) -> Component:
    """The server; its objects are in the node's folder and go with it."""
    component = Component(name=NAME)
    component.define(
        [
            str(programs.path("fake-gcs-server")),
            "-scheme=http",
            f"-host={layout.NODE_ADDRESS}",
            f"-port={layout.OBJECT_STORAGE_PORT}",
            # In its answers it names itself, for uploads in parts.
            f"-external-url={URL}",
            f"-public-host={layout.NODE_ADDRESS}:{layout.OBJECT_STORAGE_PORT}",
            "-backend=filesystem",
            f"-filesystem-root={layout.FOLDER}/objects",
            "-log-level=warn",
        ],
        probe=f"{URL}/_internal/healthcheck",
    )
    return component
