"""Random pairs of small clusters."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from auditor.model.recognition import Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Side
from tests.drift.comparing import Comparison
from tests.oracle.clusters import snapshots
from tests.oracle.edits import edits

# Examples are big by nature. In CI, Hypothesis' own profile makes them the same at every run.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)

ASKED = ({"app": "a"}, {"tier": "b"})
"""Labels that a recognition may ask for."""


def pairs(number: int) -> settings:
    """The settings for a test that looks at so many pairs of clusters."""
    return settings(max_examples=number, deadline=None, suppress_health_check=_slow_checks)


def _side(draw: st.DrawFn, snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> Side:
    """A side; now and then a recognition asks for labels, or the reading of no is not known."""
    asked = draw(st.sampled_from([()] * 6 + [(one,) for one in ASKED]))
    unknown = not ip_blocks_match_pods and draw(st.booleans())
    recognition = Recognition(dns_pod_labels=asked)
    return Side(snapshot, recognition, None if unknown else ip_blocks_match_pods)


@st.composite
def edited(draw: st.DrawFn) -> Comparison:
    """A cluster, and the same after one to four edits."""
    before, reading = draw(snapshots()), draw(st.booleans())
    after = draw(edits(before, ip_blocks_match_pods=reading))
    return Comparison(
        _side(draw, before, ip_blocks_match_pods=reading),
        _side(draw, after.snapshot, ip_blocks_match_pods=after.ip_blocks_match_pods),
    )


@st.composite
def unrelated(draw: st.DrawFn) -> Comparison:
    """Two clusters that have no more in common than the few names that all have."""
    return Comparison(
        *(_side(draw, draw(snapshots()), ip_blocks_match_pods=draw(st.booleans())) for _ in "ab")
    )
