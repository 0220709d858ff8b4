"""Dagster runs in this process: each is recorded in the instance as one that the UI started.

No server is needed. A run that was killed with its process is settled by the next one, so that it
neither looks as if it ran nor keeps its place in a pool.
"""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import dagster as dg

from ml_platform.errors import ChecksFailedError, PlatformError, RunFailedError
from ml_platform.processes import Identity, is_alive, myself
from ml_platform.settings import Settings

# The UI hides tags that begin with this.
PROCESS_TAG: Final = ".dagster/mlp_process"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFound:
    """What an asset check said in a run."""

    asset: str
    check: str
    passed: bool
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """A run that has ended; `error` says why it did not succeed.

    Attributes:
        run_id: The run.
        url: Its page in the Dagster UI, for whoever opens that.
        seconds: How long it took.
        error: None if it succeeded.
        checks: What the checks said, in order.
        metadata: By asset key, what its last materialization recorded, as plain values.
    """

    run_id: str
    url: str
    seconds: float
    error: PlatformError | None = None
    checks: tuple[CheckFound, ...] = ()
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether every asset of the run was made."""
        return self.error is None


class Runner:
    """Runs assets of this code location.

    Args:
        definitions: The code location.
        instance: Where runs are recorded.
        settings: For links.
        on_message: Called with what the running assets say.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        definitions: dg.Definitions,
        instance: dg.DagsterInstance,
        settings: Settings,
        *,
        on_message: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._settings = settings
        self._on_message = on_message
        self._clock = clock
        self._events: list[dg.DagsterEvent] = []
        self._run_id = ""
        # Under the name of Dagster's own logger, so that the run can be repeated from the UI.
        loggers = {"console": _listening_logger(self._listen)}
        whole = dg.Definitions.merge(definitions, dg.Definitions(loggers=loggers))
        self._job = whole.resolve_implicit_global_asset_job_def()

    def run(
        self,
        assets: Sequence[str],
        days: Sequence[str] = (),
        *,
        config: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> RunOutcome:
        """Materialize `assets` on the range of `days`, in one run.

        Args:
            assets: Asset keys.
            days: Neighbouring partitions, oldest first; none for assets without partitions.
            config: Configuration of assets by key.
            tags: More tags of the run.

        Raises:
            KeyboardInterrupt: somebody interrupted it; the run is recorded as failed.
        """
        began = self._clock()
        self._events, self._run_id = [], ""
        run_tags = {PROCESS_TAG: _this_process()} | (tags or {})
        if len(days) > 1:
            run_tags |= {RANGE_START_TAG: days[0], RANGE_END_TAG: days[-1]}
        ops = {key.replace("/", "__"): {"config": one} for key, one in (config or {}).items()}
        error: PlatformError | None = None
        try:
            self._job.execute_in_process(
                instance=self._instance,
                asset_selection=[dg.AssetKey.from_user_string(key) for key in assets],
                partition_key=days[0] if len(days) == 1 else None,
                run_config={"loggers": {"console": {}}} | ({"ops": ops} if ops else {}),
                tags=run_tags,
            )
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            raise KeyboardInterrupt from None
        except PlatformError as raised:
            error = raised
        except dg.DagsterError as raised:
            error = self._named(raised)
        except Exception as raised:  # boundary: an asset's defect is reported as that of its run
            error = RunFailedError(
                f"{type(raised).__name__}: {raised}",
                hint=f"the traceback is with the run: {self._url()}.",
            )
        return RunOutcome(
            run_id=self._run_id,
            url=self._url(),
            seconds=self._clock() - began,
            error=error,
            checks=tuple(self._checks()),
            metadata=self._metadata(),
        )

    def _named(self, raised: dg.DagsterError) -> PlatformError:
        failing = [check for check in self._checks() if not check.passed]
        if failing:
            sentences = "; ".join(f"{one.asset}: {one.sentence}" for one in failing)
            return ChecksFailedError(
                sentences, hint=f"the checks are on the page of the run: {self._url()}."
            )
        return RunFailedError(str(raised).strip(), hint=f"see the run: {self._url()}.")

    def _checks(self) -> list[CheckFound]:
        found = []
        for event in self._events:
            if event.event_type_value == dg.DagsterEventType.ASSET_CHECK_EVALUATION.value:
                data: Any = event.event_specific_data
                found.append(
                    CheckFound(
                        asset=data.asset_key.to_user_string(),
                        check=data.check_name,
                        passed=data.passed or data.severity is dg.AssetCheckSeverity.WARN,
                        sentence=data.description or data.check_name,
                    )
                )
        return found

    def _metadata(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for event in self._events:
            if event.event_type_value == dg.DagsterEventType.ASSET_MATERIALIZATION.value:
                data: Any = event.event_specific_data
                made = data.materialization
                found[made.asset_key.to_user_string()] = {
                    name: value.value
                    for name, value in made.metadata.items()
                    # Pictures and tables are for the UI.
                    if isinstance(value.value, str | int | float)
                    and not isinstance(value, dg.MarkdownMetadataValue)
                }
        return found

    def _url(self) -> str:
        return f"{self._settings.dagster_url.rstrip('/')}/runs/{self._run_id}"

    def _listen(self, record: logging.LogRecord) -> None:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        self._run_id = meta.get("run_id") or self._run_id
        event = meta.get("dagster_event")
        if event is not None:
            self._events.append(event)
        elif record.levelno >= logging.INFO:
            self._on_message(str(meta.get("orig_message", record.getMessage())))


def settle_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Record runs whose process on this machine is gone as failed, and free their pools."""
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED]
    settled = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished)):
        host, _, process = run.tags.get(PROCESS_TAG, "").rpartition(" ")
        pid, _, started = process.partition("@")
        if host != socket.gethostname() or not pid:
            continue
        if not is_alive(Identity(pid=int(pid), started=float(started))):
            instance.report_run_failed(run, "The process that ran it was killed.")
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            settled.append(run.run_id)
    return settled


def limit_pool(instance: dg.DagsterInstance, pool: str, limit: int) -> None:
    """Let at most `limit` steps of `pool` run at once, from now on."""
    instance.event_log_storage.set_concurrency_slots(pool, limit)


def _this_process() -> str:
    me = myself()
    return f"{socket.gethostname()} {me.pid}@{me.started}"


def _listening_logger(listen: Callable[[logging.LogRecord], None]) -> dg.LoggerDefinition:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            listen(record)

    @dg.logger(None, "Hands what a run says to the command line.")
    def console(context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("mlp", logging.DEBUG)
        logger.addHandler(Handler())
        return logger

    return console
