"""A real Dagster, webserver and daemon, on a platform home: started, waited for and ended.

with dagster_server(home, log) as server:
    server.ask("{ version }")
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from ml_platform.clusters.local.ray_process import free_port
from ml_platform.settings import PROJECT_ROOT
from tests.support.commands import environment
from tests.support.servers import served

BIN: Final = Path(sys.executable).parent
# The two ways that the README and `workspace.yaml` promise.
DG_DEV: Final = (str(BIN / "dg"), "dev")
DAGSTER_DEV: Final = (str(BIN / "dagster"), "dev", "-w", "workspace.yaml")

READY_WITHIN_S: Final = 240.0
END_WITHIN_S: Final = 60.0
ANSWER_WITHIN_S: Final = 30.0
LOG_TAIL_CHARS: Final = 4000

LOCATIONS: Final = """
{
  workspaceOrError {
    __typename
    ... on PythonError { message }
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        locationOrLoadError { __typename ... on PythonError { message } }
      }
    }
  }
}
"""


class ServerNotReadyError(AssertionError):
    """Dagster did not start; has the end of its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagsterServer:
    """A Dagster that answers.

    Attributes:
        url: Its address, without a slash at the end.
        home: The platform home that it shows.
        log: What its processes print.
    """

    url: str
    home: Path
    log: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data that answers a GraphQL query."""
        answer = httpx.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            timeout=ANSWER_WITHIN_S,
        ).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def end_of_log(self) -> str:
        """What it printed last, for the message of a failure."""
        return self.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]


@contextmanager
def dagster_server(
    home: Path, log: Path, *, command: Sequence[str] = DG_DEV
) -> Iterator[DagsterServer]:
    """Run Dagster on `home`, and end all of its processes afterwards.

    Args:
        home: A platform home; the daemon writes into it.
        log: File for what Dagster prints.
        command: What starts it; host and port are added.

    Raises:
        ServerNotReadyError: it does not answer in time, or the code location does not load.
    """
    url = f"http://127.0.0.1:{free_port()}"
    env = {**environment(home), "MLP_DAGSTER_URL": url, "DO_NOT_TRACK": "1"}
    with dagster_at(url, log, home=home, cwd=PROJECT_ROOT, env=env, command=command) as server:
        yield server


@contextmanager
def dagster_at(
    url: str,
    log: Path,
    *,
    home: Path,
    cwd: Path,
    env: Mapping[str, str],
    command: Sequence[str] = DG_DEV,
) -> Iterator[DagsterServer]:
    """Run Dagster at `url` from the checkout `cwd`, and end all of its processes afterwards.

    Args:
        url: `http://127.0.0.1:<port>`; `env` has to have it.
        log: File for what Dagster prints.
        home: The platform home that `env` says.
        cwd: A checkout.
        env: Its environment.
        command: What starts it; host and port are added.

    Raises:
        ServerNotReadyError: it does not answer in time, or the code location does not load.
    """
    server = DagsterServer(url=url, home=home, log=log)
    host, port = url.removeprefix("http://").split(":")
    with served(
        [*command, "--host", host, "--port", port],
        url=url,
        log=log,
        cwd=cwd,
        env=env,
        end_within_s=END_WITHIN_S,
    ) as process:
        _wait_until_loaded(server, process)
        yield server


def _wait_until_loaded(server: DagsterServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    found: Any = "no answer yet"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            found = f"it ended with code {process.returncode}"
            break
        try:
            found = server.ask(LOCATIONS)["workspaceOrError"]
        except (httpx.HTTPError, ValueError) as error:
            found = repr(error)
        else:
            entries = found.get("locationEntries", [])
            loaded = [entry["locationOrLoadError"] for entry in entries]
            if loaded and all(one and one["__typename"] == "RepositoryLocation" for one in loaded):
                return
            if any(one and one["__typename"] == "PythonError" for one in loaded):
                break
        time.sleep(0.5)
    raise ServerNotReadyError(
        f"Dagster at {server.url} has not loaded the code location: {found}\n"
        f"the end of {server.log}:\n{server.end_of_log()}"
    )
