"""Names that we use and no library has promised, each with a row.

The row says where the library has the name and what for we need it; `test_borrowed_names` looks.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Borrowed:
    """One name.

    Attributes:
        name: As it stands in our own source.
        user: Our file that has it.
        home: The library's file that defines it, from the folder of installed packages.
        text: What defines it there; the name itself unless given, nothing for a whole module.
        why: What for, and what happens without it.
    """

    name: str
    user: str
    home: str
    why: str
    text: str


_RAY_PROCESS = "ml_platform/clusters/local/ray_process.py"
_RUNTIME = "ml_platform/clusters/jobs/runtime.py"
_IN_PODS = "ml_platform/clusters/kuberay/environment.py"
_FAILURE = "ml_platform/training/failure.py"
_RUNS = "ml_platform/backfill/runner.py"
_BACKEND = "ml_platform/training/torch_backend.py"
_INVOCATION = "ml_platform/features/invocation.py"
_SERVER = "ml_platform/clusters/local/fork_server.py"
_CLIENT = "ml_platform/clusters/local/fork_client.py"
_FORKED = "ml_platform/clusters/local/forked.py"
_LOG = "ml_platform/training/log_reader.py"
_STORE = "ml_platform/registry/store.py"
_GRAPHQL = "ml_platform/backfill/on_server.py"

_RAYLET = "ray/_raylet.so"
_RAY_SCRIPTS = "ray/scripts/scripts.py"
_TRAIN_ERRORS = "ray/train/v2/api/exceptions.py"
_TRAIN_INNER = "ray/train/v2/_internal/exceptions.py"
_TRAIN_SETTINGS = "ray/train/v2/_internal/constants.py"
_DBT_SCHEMA_CHANGE = (
    "dbt/include/global_project/macros/materializations/models/incremental/on_schema_change.sql"
)
_EVENT_LOG = "dagster/_core/storage/event_log/base.py"
_TAGS = "dagster/_core/storage/tags.py"
_MLFLOW_SETTINGS = "mlflow/environment_variables.py"


def _row(name: str, user: str, home: str, why: str, text: str | None = None) -> Borrowed:
    return Borrowed(name=name, user=user, home=home, why=why, text=name if text is None else text)


DAGSTER = (
    _row(
        "dagster._core.storage.noop_compute_log_manager",
        "deploy/dagster.yaml",
        "dagster/_core/storage/noop_compute_log_manager.py",
        "in production pods print, and keep no files",
        "class NoOpComputeLogManager(",
    ),
    _row(
        "dagster_meta",
        _RUNS,
        "dagster/_core/log_manager.py",
        "a run in this process tells its events through log records alone",
        'LOG_RECORD_METADATA_ATTR: Final = "dagster_meta"',
    ),
    _row("orig_message", _RUNS, "dagster/_core/log_manager.py", "a message without its prefix"),
    _row("event_specific_data", _RUNS, "dagster/_core/events/__init__.py", "what a check found"),
    _row(
        ".dagster/mlp_process",
        _RUNS,
        _TAGS,
        "the UI hides tags of this prefix",
        'HIDDEN_TAG_PREFIX = ".dagster/"',
    ),
    _row(
        "dagster/asset_partition_range_start",
        _RUNS,
        _TAGS,
        "a run of many days",
        'ASSET_PARTITION_RANGE_START_TAG = f"{SYSTEM_TAG_PREFIX}asset_partition_range_start"',
    ),
    _row(
        "dagster/asset_partition_range_end",
        _RUNS,
        _TAGS,
        "a run of many days",
        'ASSET_PARTITION_RANGE_END_TAG = f"{SYSTEM_TAG_PREFIX}asset_partition_range_end"',
    ),
    _row(
        "supports_global_concurrency_limits", _RUNS, _EVENT_LOG, "pools of a killed run are freed"
    ),
    _row(
        "free_concurrency_slots_for_run",
        _RUNS,
        _EVENT_LOG,
        "pools of a killed run are freed",
        "def free_concurrency_slots_for_run(self, run_id: str)",
    ),
    _row(
        "set_concurrency_slots",
        _RUNS,
        _EVENT_LOG,
        "`--max-parallel` limits a pool",
        "def set_concurrency_slots(self, concurrency_key: str, num: int)",
    ),
    _row(
        "dagster_webserver_version",
        "ml_platform/backfill/dagster_client.py",
        "dagster_webserver/webserver.py",
        "how a Dagster webserver is told from another server",
    ),
    _row(
        "partitionsByAssets",
        _GRAPHQL,
        "dagster_graphql/schema/inputs.py",
        "a backfill whose assets have different days",
        "partitionsByAssets = ",
    ),
    _row(
        "setConcurrencyLimit",
        _GRAPHQL,
        "dagster_graphql/schema/roots/mutation.py",
        "`--max-parallel` limits a server's pool",
        "setConcurrencyLimit = ",
    ),
)

DBT = (
    _row(
        "partial_parse.msgpack",
        "ml_platform/features/project.py",
        "dbt/constants.py",
        "the saved parse, without which each parse reads the whole project",
        'PARTIAL_PARSE_FILE_NAME = "partial_parse.msgpack"',
    ),
    _row(
        "result:success",
        _INVOCATION,
        "dbt/graph/selector_methods.py",
        "exactly the selected nodes are built: they are told as results of an earlier run",
        "result.unique_id for result in self.previous_state.results if result.status == selector",
    ),
    _row(
        "run-results/v6.json",
        _INVOCATION,
        "dbt/artifacts/schemas/run/v5/run.py",
        "the same: the file's schema",
        '@schema_version("run-results", 6)',
    ),
    _row(
        "LogSnapshotResult",
        _INVOCATION,
        "dbt/events/types.py",
        "events that say how a node ended",
        "class LogSnapshotResult(",
    ),
    _row(
        "source and target schemas on this incremental model are out of sync",
        "ml_platform/features/schema_change.py",
        _DBT_SCHEMA_CHANGE,
        "a model with other columns than its table is told from other errors",
    ),
    _row(
        "dbt.default__process_schema_changes",
        "dbt_project/macros/schema_changes.sql",
        _DBT_SCHEMA_CHANGE,
        "a build that was asked to appends columns",
        "macro default__process_schema_changes(on_schema_change,",
    ),
    _row(
        "dbt.bigquery__process_schema_changes",
        "dbt_project/macros/schema_changes.sql",
        "dbt/include/bigquery/macros/materializations/models/incremental/on_schema_change.sql",
        "a build that was asked to appends columns",
        "macro bigquery__process_schema_changes(on_schema_change,",
    ),
    _row(
        "get_pool_limits",
        "ml_platform/backfill/pools.py",
        _EVENT_LOG,
        "which pools have a limit of their own",
        "def get_pool_limits(self)",
    ),
)

RAY_TRAIN = (
    _row(
        "_TorchBackend",
        _BACKEND,
        "ray/train/torch/config.py",
        "mended: a dead worker at the shutdown hides the cause",
        "class _TorchBackend(Backend):",
    ),
    _row(
        "on_shutdown",
        _BACKEND,
        "ray/train/torch/config.py",
        "what is mended of it",
        "def on_shutdown(self, worker_group: BaseWorkerGroup, backend_config)",
    ),
    _row(
        "backend_cls",
        _BACKEND,
        "ray/train/torch/config.py",
        "how Ray Train is given the mended backend",
        "def backend_cls(self)",
    ),
    *(
        _row(name, _FAILURE, "ray/exceptions.py", "a death, by its class's name", f"class {name}(")
        for name in (
            "ActorDiedError",
            "ActorUnavailableError",
            "NodeDiedError",
            "OutOfMemoryError",
            "RayActorError",
            "WorkerCrashedError",
        )
    ),
    _row(
        "WorkerGroupStartupTimeoutError",
        _FAILURE,
        _TRAIN_INNER,
        "workers that did not join, by its class's name",
        "class WorkerGroupStartupTimeoutError(",
    ),
    _row(
        "WorkerHealthCheckTimeoutError",
        _FAILURE,
        _TRAIN_INNER,
        "a death, by its class's name",
        "class WorkerHealthCheckTimeoutError(",
    ),
    _row(
        "controller_failure",
        _FAILURE,
        _TRAIN_ERRORS,
        "holds the cause",
        "self.controller_failure = ",
    ),
    _row("worker_failures", _FAILURE, _TRAIN_ERRORS, "holds the cause", "self.worker_failures = "),
    _row(
        "health_check_failure",
        _FAILURE,
        _TRAIN_INNER,
        "holds the cause",
        "self.health_check_failure = ",
    ),
    _row("_base_exc", _FAILURE, _TRAIN_INNER, "holds the cause", "self._base_exc = "),
    _row('"cause"', _FAILURE, "ray/exceptions.py", "holds the cause", "self.cause = cause"),
    _row(
        "RayTrainWorker",
        _LOG,
        "ray/train/v2/_internal/execution/worker_group/worker.py",
        "whose lines in a job's log are train.py's own",
        "class RayTrainWorker",
    ),
    *(
        _row(text, _LOG, f"ray/train/{home}", "a line of Ray Train's among those of train.py")
        for text, home in (
            ("Setting up process group for", "torch/config.py"),
            ("Moving model to device", "v2/torch/train_loop_utils.py"),
            ("Wrapping provided model in", "v2/torch/train_loop_utils.py"),
            ("Reporting training result", "v2/_internal/execution/context.py"),
            ("Checkpoint successfully created", "v2/_internal/execution/storage.py"),
        )
    ),
    _row(
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S",
        _RAY_PROCESS,
        _TRAIN_SETTINGS,
        "every report would wait two seconds",
    ),
    _row(
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S",
        _IN_PODS,
        _TRAIN_SETTINGS,
        "every report would wait two seconds",
    ),
    _row(
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S",
        _IN_PODS,
        _TRAIN_SETTINGS,
        "workers that come late, or come back, would be waited for for a minute only",
    ),
    _row(
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER",
        _RAY_PROCESS,
        _TRAIN_SETTINGS,
        "a process less on a laptop",
    ),
)

RAY = (
    _row(
        "already exists",
        "ml_platform/clusters/jobs/api.py",
        "ray/dashboard/modules/job/job_manager.py",
        "the Jobs API answers 500 for an id that is taken; only its text tells",
        "Job with submission_id {submission_id} already exists.",
    ),
    *(
        _row(
            name,
            "ml_platform/clusters/jobs/api.py",
            "ray/dashboard/modules/job/common.py",
            "a job that Ray could not start is no driver that died",
            f'{name} = "{name}"',
        )
        for name in (
            "RUNTIME_ENV_SETUP_FAILURE",
            "JOB_SUPERVISOR_ACTOR_START_TIMEOUT",
            "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE",
        )
    ),
    _row(
        "/logs/tail",
        "ml_platform/clusters/jobs/api.py",
        "ray/dashboard/modules/job/job_head.py",
        "the stream of a job's log, which the REST reference leaves out",
    ),
    _row(
        "/api/packages/gcs/",
        "ml_platform/clusters/jobs/api.py",
        "ray/dashboard/modules/job/job_head.py",
        "where a folder is brought to a head, which the REST reference leaves out",
        '"/api/packages/{protocol}/{package_name}"',
    ),
    _row(
        "_ray_pkg_",
        "ml_platform/clusters/jobs/package.py",
        "ray/_private/runtime_env/packaging.py",
        "what a folder's archive has to be called",
        'RAY_PKG_PREFIX = "_ray_pkg_"',
    ),
    _row(
        "RAY_prestart_worker_first_driver",
        _RUNTIME,
        _RAYLET,
        "workers started ahead serve none of our jobs",
        "prestart_worker_first_driver",
    ),
    _row("RAY_DEDUP_LOGS", _RUNTIME, "ray/_private/ray_constants.py", "metrics are lines"),
    _row("RAY_AUTH_MODE", _RAY_PROCESS, _RAYLET, "nobody else may submit jobs"),
    _row("RAY_AUTH_TOKEN_PATH", _RAY_PROCESS, _RAYLET, "nobody else may submit jobs"),
    _row(
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        _RAY_PROCESS,
        "ray/_private/ray_constants.py",
        "otherwise Ray listens on all interfaces",
    ),
    _row(
        "RAY_START_HOOK",
        _RAY_PROCESS,
        _RAY_SCRIPTS,
        "calls `before_ray_starts` in `ray start`",
        "RAY_START_HOOK",
    ),
    _row(
        "RAY_USAGE_STATS_ENABLED",
        _RUNTIME,
        "ray/_common/usage/usage_constants.py",
        "nothing is sent from here",
    ),
    _row(
        "RAY_ADDRESS",
        "ml_platform/clusters/jobs/api.py",
        "ray/_private/ray_constants.py",
        "why Ray's own client of the Jobs API is not used",
        'RAY_ADDRESS_ENVIRONMENT_VARIABLE = "RAY_ADDRESS"',
    ),
    _row(
        "ray_client_server_port",
        _RAY_PROCESS,
        "ray/_private/parameter.py",
        "no Ray Client server",
        "self.ray_client_server_port = ",
    ),
    _row(
        "setup_worker_path",
        _RAY_PROCESS,
        "ray/_private/parameter.py",
        "workers come from the fork server",
        "self.setup_worker_path = ",
    ),
    _row(
        "ray.scripts.scripts",
        "ml_platform/clusters/local/ray_command.py",
        _RAY_SCRIPTS,
        "`ray` as a module, without Ray Serve",
        "def main():",
    ),
    _row(
        "ray.serve",
        "ml_platform/clusters/local/ray_command.py",
        _RAY_SCRIPTS,
        "`ray start` goes on without Ray Serve, which takes half of its import",
        "Integrating ray serve command line tool failed",
    ),
    *(
        _row(option, _RAY_PROCESS, _RAY_SCRIPTS, "an option that `ray start --help` does not show")
        for option in ("--no-monitor", "--dashboard-agent-listen-port")
    ),
)

FORK_SERVER = (
    *(
        _row(
            module, _SERVER, f"{module.replace('.', '/')}{end}", "imported ahead of a training", ""
        )
        for module, end in (("torch._dynamo", "/__init__.py"), ("torch._inductor.config", ".py"))
    ),
    _row(
        "--serialized-runtime-env-context=",
        _CLIENT,
        "ray/_private/workers/setup_worker.py",
        "the environment that a worker is to have",
        '"--serialized-runtime-env-context"',
    ),
    _row(
        "--language=",
        _CLIENT,
        "ray/_private/workers/setup_worker.py",
        "only Python's workers are forked",
        '"--language"',
    ),
    _row("threading._shutdown", _FORKED, "threading.py", "the end of a fork", "def _shutdown():"),
)

OTHERS = (
    _row(
        "_properties",
        "ml_platform/warehouse/bigquery_jobs.py",
        "google/cloud/bigquery/job/base.py",
        "how many files an export has written has no public name",
        "self._properties = ",
    ),
    _row(
        "registered_models",
        _STORE,
        "mlflow/store/model_registry/dbmodels/models.py",
        "`mlp doctor` counts the models without MLflow, which takes seconds",
        '__tablename__ = "registered_models"',
    ),
    _row(
        "creation_time",
        _STORE,
        "mlflow/store/tracking/dbmodels/models.py",
        "`mlp doctor` tells our MLflow's pages from a stranger's",
        "creation_time = Column(",
    ),
    _row("mlflow.store.db.utils", _STORE, "mlflow/store/db/utils.py", "two lines that alarm", ""),
    _row(
        "mlflow.experimentKind",
        "ml_platform/registry/runs.py",
        "mlflow/demo/generators/traces.py",
        "which of MLflow's pages an experiment has",
    ),
    *(
        _row(name, _STORE, _MLFLOW_SETTINGS, "MLflow is quiet", f"{name} = _BooleanEnvironment")
        for name in (
            "MLFLOW_DISABLE_TELEMETRY",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
        )
    ),
    _row(
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION",
        "Makefile",
        _MLFLOW_SETTINGS,
        "`make dev` starts no job runner",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION = _BooleanEnvironment",
    ),
)

ALL = (*DAGSTER, *DBT, *RAY_TRAIN, *RAY, *FORK_SERVER, *OTHERS)
