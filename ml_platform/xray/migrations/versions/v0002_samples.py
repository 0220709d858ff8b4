"""What attempts measure while they run, and which objects of it were read."""

from typing import Final

from alembic import op
from sqlalchemy import Boolean, Column, Double, Integer, PrimaryKeyConstraint, Text

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "xray_step_times",
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
        PrimaryKeyConstraint("namespace", "training", "partition", "number", "rank", "at_s"),
    )
    op.create_table(
        "xray_node_use",
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
    op.create_table(
        "xray_sample_objects",
        Column("namespace", Text, nullable=False),
        Column("training", Text, nullable=False),
        Column("partition", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("object_name", Text, nullable=False),
        PrimaryKeyConstraint("namespace", "training", "partition", "number", "object_name"),
    )
    op.create_table(
        "xray_sampled",
        Column("namespace", Text, nullable=False),
        Column("training", Text, nullable=False),
        Column("partition", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("every_s", Double, nullable=False),
        PrimaryKeyConstraint("namespace", "training", "partition", "number"),
    )
