"""One `dbt build` in a process of its own, whose results are read as they come."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ml_platform.features.project import (
    RUN_FOLDER,
    SAVED_PARSE,
    DbtSettings,
    dbt_executable,
    dbt_variables,
    target_folder,
)

# Which nodes are built is said by a list of results that "succeeded" before: dbt's own way to name
# nodes by their unique ids. A name may be that of two nodes, and a folder's that of a model; and
# dbt compares each name with each node, which takes minutes for hundreds of models of thousands.
_SELECTED: Final = "selected"
_RESULTS: Final = ("LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult")
_GRACE_S: Final = 25.0
"""Seconds that dbt is given to cancel its queries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeResult:
    """How one node of an invocation ended, in dbt's words.

    Attributes:
        unique_id: The node or test.
        status: `success`, `error`, `pass`, `fail`, `warn`, …
        invocation_id: The invocation.
        seconds: How long it took.
        failures: Rows that break a test; None for what is no test.
    """

    unique_id: str
    status: str
    invocation_id: str
    seconds: float
    failures: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it is there, or the test passed."""
        return self.status in ("success", "pass", "no-op", "reused")


@dataclass(kw_only=True)
class Invocation:
    """One `dbt build`, which begins when its results are read.

    Attributes:
        folder: Its artifacts and its log.
        project_dir: The project.
        command: The command line.
        environment: The environment of its process.
        code: The exit code, once it has ended.
        errors: What dbt said of errors, in order.
    """

    folder: Path
    project_dir: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    code: int | None = None
    errors: list[str] = field(default_factory=list)

    def results(self) -> Iterator[NodeResult]:
        """The results of nodes as they end, until dbt has; what dbt says goes to standard output.

        If the reader goes away before, dbt is interrupted, so that it cancels its queries.
        """
        process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.environment),
            cwd=self.project_dir,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                result = self._read(line.decode(errors="replace").strip())
                if result is not None:
                    yield result
            process.wait()
        finally:
            if process.poll() is None:
                _end(process)
            process.stdout.close()
            self.code = process.returncode

    def run_results(self) -> Mapping[str, Any]:
        """Dbt's own `run_results.json`; empty if it stopped before it ran anything."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "run_results.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def _read(self, line: str) -> NodeResult | None:
        try:
            event = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, KeyError, TypeError):  # a warning of Python, a word of an adapter
            sys.stdout.write(f"{line}\n")
            return None
        sys.stdout.write(f"{info['msg']}\n")
        if info["level"] == "error":
            self.errors.append(info["msg"])
        node = data.get("node_info") or {}
        if info["name"] not in _RESULTS or "unique_id" not in node:
            return None
        # A model in batches has no status of its own there.
        status = node.get("node_status")
        if status in (None, "", "None"):
            status = data.get("status") or ""
        return NodeResult(
            unique_id=node["unique_id"],
            status=str(status).lower(),
            invocation_id=info["invocation_id"],
            seconds=float(data.get("execution_time") or 0.0),
            failures=data.get("num_failures"),
        )


def build(
    settings: DbtSettings,
    unique_ids: Collection[str],
    flags: Sequence[str],
    variables: Mapping[str, str],
) -> Invocation:
    """A `dbt build` of exactly these nodes and tests, with the project's saved parse.

    Args:
        settings: The project, and where it builds.
        unique_ids: Models, seeds, snapshots and tests.
        flags: More flags of dbt.
        variables: More environment variables.
    """
    kept = target_folder(settings)
    folder = kept / f"{RUN_FOLDER}{uuid.uuid4().hex[:12]}"
    selected = folder / _SELECTED
    selected.mkdir(parents=True)
    (selected / "run_results.json").write_text(_as_results(unique_ids))
    with contextlib.suppress(FileNotFoundError):  # then dbt parses the whole project
        (folder / SAVED_PARSE).write_bytes((kept / SAVED_PARSE).read_bytes())
    selection = ["--select", "result:success", "--state", str(selected)]
    return Invocation(
        folder=folder,
        project_dir=settings.project_dir,
        command=[
            *(dbt_executable(), "--log-format", "json", "--no-use-colors", "build"),
            *selection,
            *("--indirect-selection", "empty"),
            *flags,
        ],
        environment={
            **os.environ,
            **dbt_variables(settings),
            **variables,
            "DBT_TARGET_PATH": str(folder),
            "DBT_LOG_PATH": str(folder),
            "PYTHONUNBUFFERED": "1",
        },
    )


def _as_results(unique_ids: Collection[str]) -> str:
    """A `run_results.json` in which these nodes succeeded."""
    nothing = {
        "status": "success",
        "timing": [],
        "thread_id": "",
        "execution_time": 0.0,
        "adapter_response": {},
        "message": None,
        "failures": None,
        "compiled": False,
        "compiled_code": None,
        "relation_name": None,
    }
    return json.dumps(
        {
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"
            },
            "results": [{"unique_id": one} | nothing for one in sorted(unique_ids)],
            "elapsed_time": 0.0,
            "args": {},
        }
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
