"""Runs, with their rule results, findings and snapshots.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "clusters",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("uid", sa.Text),
    )
    op.create_table(
        "snapshots",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("stored_at", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("cluster", sa.Text, sa.ForeignKey("clusters.key"), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text),
        sa.Column("snapshot", sa.Text, sa.ForeignKey("snapshots.digest"), nullable=False),
        sa.Column("header", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
        sa.UniqueConstraint("cluster", "sequence"),
    )
    op.create_index("runs_snapshot", "runs", ["snapshot"])
    op.create_table(
        "rule_results",
        sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "rule"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "records",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_table(
        "findings",
        sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("finding", sa.Text, nullable=False),
        sa.Column("record", sa.Text, sa.ForeignKey("records.digest"), nullable=False),
        sa.PrimaryKeyConstraint("run", "finding", "record"),
        sqlite_with_rowid=False,
    )
    op.create_index("findings_record", "findings", ["record"])
    op.create_table(
        "sightings",
        sa.Column("cluster", sa.Text, sa.ForeignKey("clusters.key"), nullable=False),
        sa.Column("finding", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Text, nullable=False),
        sa.Column("last_seen", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("cluster", "finding"),
        sqlite_with_rowid=False,
    )
