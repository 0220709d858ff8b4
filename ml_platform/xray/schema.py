"""X-Ray's tables, as this version of the program knows them; `migrations` makes them.

A database may be newer: it then has more columns and tables, which are left alone. So a migration
only adds, and what it adds may be absent or has a default in the database. Each name begins with
`xray_`, so that a database may be shared with Dagster or MLflow.

Times are seconds since 1970 (`…_at_s`), lengths are seconds (`…_s`).
"""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

METADATA: Final = MetaData()
VERSION_TABLE: Final = "xray_version"

ATTEMPTS: Final = Table(
    "xray_attempts",
    METADATA,
    # Two sandboxes may train on equal snapshots: their trainings have one name.
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("folder_uri", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("process", Text, nullable=False),
    # A program that knows them not leaves them empty.
    Column("team", Text, nullable=False, server_default=""),
    Column("backfill", Text, nullable=False, server_default=""),
    Column("provisioner", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("cluster", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_in_words", Text, nullable=False),
    Column("limits", JSON, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("image", Text, nullable=False),
    Column("platform_version", Text, nullable=False),
    Column("worker_restarts_allowed", Integer, nullable=False),
    Column("abandoned_after_s", Double),
    Column("claimed_at_s", Double, nullable=False),
    Column("ready_at_s", Double),
    Column("started_at_s", Double),
    Column("ended_at_s", Double),
    Column("ended_by_run", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("cause_place", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("traceback", Text, nullable=False),
    Column("ran_s", Double),
    Column("progressed", Boolean, nullable=False),
    Column("worker_restarts", Integer, nullable=False),
    Column("checkpoint_attempt", Integer),
    Column("checkpoint_epoch", Integer),
    Column("checkpoint_written_at_s", Double),
    PrimaryKeyConstraint("namespace", "training", "partition", "number"),
    Index("xray_attempts_newest", "namespace", "claimed_at_s"),
    Index("xray_attempts_of_status", "namespace", "status", "claimed_at_s"),
    Index("xray_attempts_of_model", "namespace", "model", "claimed_at_s"),
    Index("xray_attempts_of_partition", "namespace", "model", "partition"),
    Index("xray_attempts_of_cause", "namespace", "cause", "claimed_at_s"),
    Index("xray_attempts_of_run", "namespace", "run"),
    Index("xray_attempts_of_root", "namespace", "root"),
    Index("xray_attempts_ended_by", "namespace", "ended_by_run"),
    Index("xray_attempts_of_job", "namespace", "job"),
    Index("xray_attempts_of_team", "namespace", "team", "claimed_at_s"),
    Index("xray_attempts_of_backfill", "namespace", "backfill", "claimed_at_s"),
    # With the claims, so that where those of a span of time begin is read off the index.
    Index("xray_attempts_ended", "namespace", "ended_at_s", "claimed_at_s"),
)

EVENTS: Final = Table(
    "xray_events",
    METADATA,
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("object_name", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at_s", Double, nullable=False),
    Column("seconds", Double),
    Column("detail", Text, nullable=False),
    # By the object's name, so that whoever gathers it again counts it once.
    PrimaryKeyConstraint("namespace", "training", "partition", "number", "object_name"),
)

STEP_TIMES: Final = Table(
    "xray_step_times",
    METADATA,
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("at_s", Double, nullable=False),
    Column("node", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("data_s", Double, nullable=False),
    Column("step_s", Double, nullable=False),
    Column("cpu_s", Double, nullable=False),
    Column("checkpoint_s", Double, nullable=False),
    # By who measured it and when, so that whoever gathers it again counts it once.
    PrimaryKeyConstraint("namespace", "training", "partition", "number", "rank", "at_s"),
)

NODE_USE: Final = Table(
    "xray_node_use",
    METADATA,
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("at_s", Double, nullable=False),
    Column("is_head", Boolean, nullable=False),
    Column("cpus", Double, nullable=False),
    Column("cpu_used", Double, nullable=False),
    Column("memory_bytes", Double, nullable=False),
    Column("memory_used_bytes", Double, nullable=False),
    Column("object_store_used_bytes", Double, nullable=False),
    Column("disk_free_bytes", Double, nullable=False),
    Column("gpus", Double, nullable=False),
    Column("gpu_used", Double, nullable=False),
    Column("gpu_memory_bytes", Double, nullable=False),
    Column("gpu_memory_used_bytes", Double, nullable=False),
    PrimaryKeyConstraint("namespace", "training", "partition", "number", "node", "at_s"),
)

SAMPLE_OBJECTS: Final = Table(
    "xray_sample_objects",
    METADATA,
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    # One that was read: `worker-3/1795874400000.jsonl`. Forgotten when all of the attempt are.
    Column("object_name", Text, nullable=False),
    PrimaryKeyConstraint("namespace", "training", "partition", "number", "object_name"),
)

SAMPLED: Final = Table(
    "xray_sampled",
    METADATA,
    # An attempt that has ended, and of which all samples were read.
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    # One sample in so many seconds is left; 0 where they are as they were measured.
    Column("every_s", Double, nullable=False),
    PrimaryKeyConstraint("namespace", "training", "partition", "number"),
)

CURVES: Final = Table(
    "xray_curves",
    METADATA,
    # Of an attempt that succeeded: what it reported of its last epoch, and of each.
    Column("namespace", Text, nullable=False),
    Column("training", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("epochs", JSON, nullable=False),
    PrimaryKeyConstraint("namespace", "training", "partition", "number"),
)

GATHERED: Final = Table(
    "xray_gathered",
    METADATA,
    Column("storage_root", Text, nullable=False),
    # The newest day of the journal that was gathered whole.
    Column("newest_day", Text, nullable=False),
    Column("gathered_at_s", Double, nullable=False),
    PrimaryKeyConstraint("storage_root"),
)

UNREADABLE: Final = Table(
    "xray_unreadable",
    METADATA,
    Column("object_uri", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    # Empty for an entry of the journal, which would have said it.
    Column("folder_uri", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tried_at_s", Double, nullable=False),
    PrimaryKeyConstraint("object_uri"),
    Index("xray_unreadable_longest_ago", "namespace", "tried_at_s"),
)
