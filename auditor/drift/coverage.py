"""Whether a run would have stated a finding that it does not state: what it evaluated, and saw."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property

from auditor.drift.compared import Compared
from auditor.drift.unseen import HIDING, find_gaps_alone, namespace_of
from auditor.model.findings import RuleStatus
from auditor.model.objects import Reference
from auditor.model.report import FindingRecord, RuleRecord
from auditor.model.selector_syntax import parse_selector
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Blind, Gap
from auditor.model.workloads import index_owners, workload_of
from auditor.sources.unevaluated import unevaluated_gaps

_ENVIRONMENTS = "Environments"


class Coverage:
    """What a run covers, asked about findings of another.

    ``side`` is `previous` or `current`, for the reasons in words.
    """

    def __init__(self, run: Compared, other: Compared, side: str) -> None:
        self._run = run
        self._side = side
        self._rules: Mapping[str, RuleRecord] = {one.id: one for one in run.rules}
        self._judged = frozenset(run.judged)
        self._excluded = {one.name: one.reason for one in run.scope.namespaces.excluded}
        self._namespaces = {one.name for one in run.snapshot.namespaces}
        # Policies of a kind that is not evaluated, the same on both sides, set nothing apart.
        alike = set(unevaluated_gaps(run.snapshot.unevaluated_policies)).intersection(
            unevaluated_gaps(other.snapshot.unevaluated_policies)
        )
        self._gaps: dict[str | None, list[Gap]] = {}
        for one in run.snapshot.gaps:
            if one.blind in HIDING and one not in alike:
                self._gaps.setdefault(namespace_of(one), []).append(one)
        self._gaps_alone = find_gaps_alone(run.snapshot, other.snapshot)
        self._unjudged: dict[str, _Unjudged] = {}

    def reason_against(self, finding: FindingRecord) -> str | None:
        """Why the run's silence about a finding says nothing; None: it would have stated it."""
        reason = self._find_reason(finding.rule, finding.subject.reference)
        return None if reason is None else f"in the {self._side} run {reason}"

    def reason_to_doubt(self, finding: FindingRecord) -> str | None:
        """Why the run may state a finding only for what it did not read; None: it read what counts.

        A policy that was not read looks like one that is gone. What the other run did not read
        either tells them not apart.
        """
        subject = finding.subject
        if subject.kind == _ENVIRONMENTS:
            namespaces = self._namespaces_of(subject.reference)
        else:
            namespaces = frozenset({subject.namespace} if subject.namespace else ())
        for namespace in (None, *sorted(namespaces)):
            if (gap := self._gaps_alone.get(namespace)) is not None:
                return (
                    f"the {self._side} run may state it only because not everything was read: "
                    f"{_say_gap(gap)}"
                )
        return None

    def _find_reason(self, rule: str, subject: Reference) -> str | None:
        if subject.namespace and subject.namespace not in self._namespaces:
            unread = self._first_gap(subject.namespace, {Blind.NAMESPACE_LABELS, Blind.OBJECTS})
            # what stood in a namespace that is gone is gone, whatever else was not evaluated
            return None if unread is None else f"namespaces were not all read: {unread}"
        return (
            self._rule_failed(rule)
            or self._out_of_scope(subject)
            or self._hidden(subject)
            or self._unevaluated(self._rules[rule], subject)
        )

    def _rule_failed(self, rule: str) -> str | None:
        record = self._rules.get(rule)
        if record is None:
            return "the rule was not there"
        match record.status:
            case RuleStatus.ERROR:
                return record.reason or "the rule failed"
            case RuleStatus.DISABLED:
                return f"the rule was disabled: {record.reason}"
            case RuleStatus.NOT_EVALUATED if not record.not_evaluated:
                return record.reason or "the rule was not evaluated"
        return None

    def _out_of_scope(self, subject: Reference) -> str | None:
        if subject.kind == _ENVIRONMENTS:
            members = self._namespaces_of(subject)
            if members and not members & self._judged:
                return f"no namespace of {subject.name} was judged"
            return None
        if not subject.namespace:
            return None
        if subject.namespace not in self._judged:
            reason = self._excluded.get(subject.namespace)
            why = f": {reason}" if reason else ""
            return f"namespace {subject.namespace} was not judged{why}"
        if subject in self._left_out_by_labels:
            return f"{subject} was not judged: its pods do not bear the labels asked for"
        return None

    @cached_property
    def _left_out_by_labels(self) -> frozenset[Reference]:
        """The workloads and policies that are there and that `-l` leaves out."""
        if self._run.scope.selector is None:
            return frozenset()
        selector = parse_selector(self._run.scope.selector)
        snapshot, owners = self._run.snapshot, index_owners(self._run.snapshot.owners)
        endpoints = [one for one in snapshot.pods if one.is_endpoint]
        bearers = [one for one in endpoints if selector.matches(one.labels)]
        workloads = {workload_of(one, owners) for one in endpoints}
        selectable: dict[str, list[Mapping[str, str]]] = {}
        for pod in bearers:
            if not pod.spec.host_network:
                selectable.setdefault(pod.namespace, []).append(pod.labels)
        policies = {
            one.reference
            for one in snapshot.policies
            if not _selects_any(one.spec.pod_selector, selectable.get(one.namespace, []))
        }
        return frozenset(policies | (workloads - {workload_of(one, owners) for one in bearers}))

    def _unevaluated(self, rule: RuleRecord, subject: Reference) -> str | None:
        if rule.id not in self._unjudged:
            self._unjudged[rule.id] = _Unjudged(rule)
        key = self._unjudged[rule.id].covering(subject)
        return None if key is None else f"{key} was not evaluated"

    def _hidden(self, subject: Reference) -> str | None:
        if subject.kind != _ENVIRONMENTS:
            gap = self._first_gap(subject.namespace, HIDING)
            return None if gap is None else f"not everything was read: {gap}"
        for namespace in sorted(self._namespaces_of(subject)) or [""]:
            if (gap := self._first_gap(namespace, HIDING)) is not None:
                return f"not everything was read: {gap}"
        return None

    def _namespaces_of(self, environments: Reference) -> frozenset[str]:
        ends = environments.name.split("→")
        known = self._run.recognition.environments
        return frozenset(name for name, one in known.items() if one.name in ends)

    def _first_gap(self, namespace: str, kinds: AbstractSet[Blind]) -> str | None:
        """A gap that hides any of the kinds in a namespace, in words; empty: in the cluster."""
        for one in (*self._gaps.get(None, ()), *self._gaps.get(namespace or None, ())):
            if one.blind in kinds:
                return _say_gap(one)
        return None


def _say_gap(gap: Gap) -> str:
    where = "/".join(part for part in (gap.namespace, gap.kind, gap.name) if part)
    return f"{where}: {gap.reason}" if where else gap.reason


class _Unjudged:
    """The subjects that a rule could not judge, and what they cover."""

    def __init__(self, rule: RuleRecord) -> None:
        self._keys = frozenset(rule.not_evaluated)
        self._cluster: str | None = None
        self._namespace: str | None = None
        self._of_end: dict[str, str] = {}
        for key in rule.not_evaluated:
            if key.startswith("Cluster/"):
                self._cluster = key
            elif key.startswith(f"{_ENVIRONMENTS}/"):
                ends = key.removeprefix(f"{_ENVIRONMENTS}/").split("→")
                self._of_end.update(dict.fromkeys(ends, key))
            elif "/Namespace/" in key:
                self._namespace = key

    def covering(self, subject: Reference) -> str | None:
        """The key among them that is the subject's own, or covers it."""
        own = str(subject)
        if own in self._keys:
            return own
        if subject.kind == _ENVIRONMENTS:
            ends = (self._of_end.get(one) for one in subject.name.split("→"))
            # a namespace may belong to any environment
            return self._cluster or self._namespace or next((one for one in ends if one), None)
        whole = f"{subject.namespace}/Namespace/{subject.namespace}"
        return whole if whole in self._keys else self._cluster


def _selects_any(selector: LabelSelector, labels: list[Mapping[str, str]]) -> bool:
    return any(selector.matches(one) for one in labels)
