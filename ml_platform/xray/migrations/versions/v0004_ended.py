"""Which attempts have lived since a moment, without a look at all that are older."""

from typing import Final

from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Make the index; a program that does not know it is as quick as before."""
    op.create_index(
        "xray_attempts_ended", "xray_attempts", ["namespace", "ended_at_s", "claimed_at_s"]
    )
