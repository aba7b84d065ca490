"""Two snapshots and what was judged of them → what changed from one to the other."""

from __future__ import annotations

from auditor.drift.compared import Compared

__all__ = ["Compared"]
