"""The tables as the newest migration leaves them.

Text columns named ``header``, ``seal`` and ``record`` hold canonical JSON. It is stored once and
never re-encoded: hashes are taken over the text as it stands, so that a later version of the
program, with more fields, still verifies old runs.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

CLUSTERS = Table(
    "clusters",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("name", Text),
    Column("uid", Text),
)

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("stored_at", Text, nullable=False),
    Column("content", LargeBinary),
)
"""Every snapshot that this store put somewhere; ``content`` is null where that is elsewhere."""

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("cluster", ForeignKey("clusters.key"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("previous_hash", Text),
    Column("snapshot", ForeignKey("snapshots.digest"), nullable=False),
    Column("header", Text, nullable=False),
    Column("seal", Text, nullable=False),
    Column("signature", Text),
    Column("key_id", Text),
    UniqueConstraint("cluster", "sequence"),
    Index("runs_snapshot", "snapshot"),
)

RULE_RESULTS = Table(
    "rule_results",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("record", Text, nullable=False),
    PrimaryKeyConstraint("run", "rule"),
    sqlite_with_rowid=False,
)

RECORDS = Table(
    "records",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("record", Text, nullable=False),
)
"""What findings say, each once however many runs have it."""

FINDINGS = Table(
    "findings",
    METADATA,
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("finding", Text, nullable=False),
    Column("record", ForeignKey("records.digest"), nullable=False),
    # Ids are short hashes: whoever makes two of them meet must not keep a run from being stored.
    PrimaryKeyConstraint("run", "finding", "record"),
    Index("findings_record", "record"),
    sqlite_with_rowid=False,
)

SIGHTINGS = Table(
    "sightings",
    METADATA,
    Column("cluster", ForeignKey("clusters.key"), nullable=False),
    Column("finding", Text, nullable=False),
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    PrimaryKeyConstraint("cluster", "finding"),
    sqlite_with_rowid=False,
)
"""When a finding was seen: what later runs change, and no hash covers."""

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("cluster", ForeignKey("clusters.key"), nullable=False),
    Column("period", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("state", Text, nullable=False),
    # No reference: what was sent stays sent when the run is pruned.
    Column("run", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("size", Integer),
    Column("error", Text),
    PrimaryKeyConstraint("cluster", "period", "audience", "channel", "recipient"),
    sqlite_with_rowid=False,
)
"""What was sent to whom: no evidence, and no hash covers it."""

TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("cluster", ForeignKey("clusters.key"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("previous_hash", Text),
    Column("report", Text, nullable=False),
    Column("seal", Text, nullable=False),
    Column("signature", Text),
    Column("key_id", Text),
    Column("pruned_at", Text, nullable=False),
    UniqueConstraint("cluster", "sequence"),
)
"""What remains of runs whose content was pruned. ``report`` is the digest of the report."""
