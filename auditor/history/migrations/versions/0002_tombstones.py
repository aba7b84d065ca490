"""What remains of pruned runs, and signatures.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table; the runs that are there are unsigned."""
    op.add_column("runs", sa.Column("signature", sa.Text))
    op.add_column("runs", sa.Column("key_id", sa.Text))
    op.create_table(
        "tombstones",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("cluster", sa.Text, sa.ForeignKey("clusters.key"), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
        sa.Column("signature", sa.Text),
        sa.Column("key_id", sa.Text),
        sa.Column("pruned_at", sa.Text, nullable=False),
        sa.UniqueConstraint("cluster", "sequence"),
    )
