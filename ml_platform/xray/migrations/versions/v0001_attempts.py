"""The first tables: attempts, their events, how far was gathered, what could not be read."""

from typing import Final

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    Text,
)

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "xray_attempts",
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
    )
    op.create_index("xray_attempts_newest", "xray_attempts", ["namespace", "claimed_at_s"])
    op.create_index(
        "xray_attempts_of_status", "xray_attempts", ["namespace", "status", "claimed_at_s"]
    )
    op.create_index(
        "xray_attempts_of_model", "xray_attempts", ["namespace", "model", "claimed_at_s"]
    )
    op.create_index(
        "xray_attempts_of_partition", "xray_attempts", ["namespace", "model", "partition"]
    )
    op.create_index(
        "xray_attempts_of_cause", "xray_attempts", ["namespace", "cause", "claimed_at_s"]
    )
    op.create_index("xray_attempts_of_run", "xray_attempts", ["namespace", "run"])
    op.create_index("xray_attempts_of_root", "xray_attempts", ["namespace", "root"])
    op.create_index("xray_attempts_ended_by", "xray_attempts", ["namespace", "ended_by_run"])
    op.create_index("xray_attempts_of_job", "xray_attempts", ["namespace", "job"])
    op.create_table(
        "xray_events",
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
        PrimaryKeyConstraint("namespace", "training", "partition", "number", "object_name"),
    )
    op.create_table(
        "xray_gathered",
        Column("storage_root", Text, nullable=False),
        Column("newest_day", Text, nullable=False),
        Column("gathered_at_s", Double, nullable=False),
        PrimaryKeyConstraint("storage_root"),
    )
    op.create_table(
        "xray_unreadable",
        Column("object_uri", Text, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("folder_uri", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("reason", Text, nullable=False),
        Column("tried_at_s", Double, nullable=False),
        PrimaryKeyConstraint("object_uri"),
    )
    op.create_index("xray_unreadable_longest_ago", "xray_unreadable", ["namespace", "tried_at_s"])
