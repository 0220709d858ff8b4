"""What `train.py` reported of each epoch, of attempts that succeeded from now on."""

from typing import Final

from alembic import op
from sqlalchemy import JSON, Column, Integer, PrimaryKeyConstraint, Text

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "xray_curves",
        Column("namespace", Text, nullable=False),
        Column("training", Text, nullable=False),
        Column("partition", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("metrics", JSON, nullable=False),
        Column("epochs", JSON, nullable=False),
        PrimaryKeyConstraint("namespace", "training", "partition", "number"),
    )
