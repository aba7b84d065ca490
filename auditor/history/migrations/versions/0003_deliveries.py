"""What was sent to whom.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; nothing is known of what was sent before."""
    op.create_table(
        "deliveries",
        sa.Column("cluster", sa.Text, sa.ForeignKey("clusters.key"), nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("cluster", "period", "audience", "channel", "recipient"),
        sqlite_with_rowid=False,
    )
