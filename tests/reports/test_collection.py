"""How a cluster was read, as reports tell it."""

from auditor.model.report import CollectionRecord, ListedRecord
from reports.collection import describe_collection


def listed(kind: str, namespace: str | None, *, inconsistent: bool) -> ListedRecord:
    """A list of two pages."""
    return ListedRecord(
        kind=kind,
        namespace=namespace,
        resource_version="7",
        pages=2,
        items=501,
        started_at="2026-01-01T00:00:01Z",
        finished_at="2026-01-01T00:00:02Z",
        inconsistent=inconsistent,
    )


def test_lists_of_several_moments_are_named() -> None:
    """With the time of the whole reading; names are inert, and many are counted."""
    broken = [listed("Pod", f"n{number}\n", inconsistent=True) for number in range(14)]
    lists = (listed("Service", None, inconsistent=False), *broken)
    record = CollectionRecord("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", lists)
    facts = {one.label: one.value for one in describe_collection(record)}
    assert "2026-01-01 00:00:00 UTC" == facts["Cluster read from"]
    assert "2026-01-01 00:01:00 UTC" == facts["Cluster read until"]
    assert "15 lists, each of a moment of its own" == facts["Lists read"]
    assert facts["Consistency"].startswith("14 lists of several moments: Pod in n0\\n, Pod in n1")
    assert facts["Consistency"].endswith(" and 2 more")


def test_lists_of_one_moment_each_are_said_to_be() -> None:
    """What an auditor wants to read."""
    lists = (listed("Pod", None, inconsistent=False),)
    record = CollectionRecord("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", lists)
    facts = {one.label: one.value for one in describe_collection(record)}
    assert "each list shows one moment" == facts["Consistency"]
