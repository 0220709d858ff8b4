"""Who pays for an attempt, and of which backfill it was; empty for those from before."""

from typing import Final

from alembic import op
from sqlalchemy import Column, Text

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Add them."""
    for name in ("team", "backfill"):
        op.add_column("xray_attempts", Column(name, Text, nullable=False, server_default=""))
        op.create_index(
            f"xray_attempts_of_{name}", "xray_attempts", ["namespace", name, "claimed_at_s"]
        )
