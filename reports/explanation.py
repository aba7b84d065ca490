"""An explanation in words: the verdict first, then what each side says, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.explanation import AllowingRule, Answer, EndRecord, Explanation, SideRecord
from auditor.model.findings import Direction
from auditor.model.ports import PortSet, describe_ports
from reports.conclusion import describe_gap
from reports.json import format_json
from reports.paint import Paint
from reports.text import count, show_name, show_text


def render_json(explanation: Explanation) -> bytes:
    """The document of `netpol-auditor/explanation/v1`."""
    return format_json(explanation)


def render_text(explanation: Explanation, paint: Paint) -> str:
    """The explanation for a terminal: every fact of the JSON document, in words."""
    return "".join(f"{line}\n" for line in _lines(explanation, paint))


def _lines(explanation: Explanation, paint: Paint) -> Iterator[str]:
    several = len(explanation.answers) > 1
    if several:
        yield (
            f"{len(explanation.answers)} answers: "
            "not every pair of pods and ports that was asked for is treated alike"
        )
        yield ""
    for number, answer in enumerate(explanation.answers):
        if number:
            yield ""
        yield from _answer(answer, paint)
    remarks = [
        *(end.note for end in (explanation.source, explanation.destination) if end.note),
        *explanation.notes,
    ]
    if remarks:
        yield ""
    yield from (f"note: {show_text(one)}" for one in remarks)


def _answer(answer: Answer, paint: Paint) -> Iterator[str]:
    word = paint("allowed", "green") if answer.allowed else paint("denied", "red")
    ends = f"{_name(answer.source)} → {_name(answer.destination)}"
    nodes = f", {answer.nodes}" if answer.nodes else ""
    yield f"{word}: {ends} on {_question(answer)}{nodes}"
    if answer.always:
        yield f"  always: {show_text(answer.always)}; no policy is asked"
    yield from _side(answer.egress, answer.source, answer)
    yield from _side(answer.ingress, answer.destination, answer)
    for gap in answer.gaps:
        yield f"  {paint('not certain', 'yellow')}: {describe_gap(gap)}; {show_text(gap.effect)}"


def _question(answer: Answer) -> str:
    """The port that was asked for, or the ports that the answer is about."""
    if answer.protocol is not None:
        return f"{answer.protocol} {answer.port}"
    return describe_ports(answer.ports) if answer.allowed else "every port"


def _name(end: EndRecord) -> str:
    name = show_name(end.name)
    if end.kind == "host-network pod":
        name = f"{name} (host network)"
    return f"{name} (one of {count(end.alike, 'pod')} alike)" if end.alike > 1 else name


def _side(side: SideRecord, end: EndRecord, answer: Answer) -> Iterator[str]:
    yield f"  {side.direction} of {show_name(end.name)}: {_isolation(side, end)}"
    if not side.isolated:
        return
    for rule in side.allowing:
        yield f"    allowed by {_rule(rule)}"
    if answer.protocol is None and side.allowing:
        yield f"    on {_allowed_ports(side.ports)}"
    if not side.allowing:
        yield "    no rule of these allows it: denied"


def _isolation(side: SideRecord, end: EndRecord) -> str:
    if side.isolated:
        return f"isolated by {', '.join(map(show_name, side.isolated_by))}"
    if end.kind == "address":
        peers = "to" if side.direction is Direction.EGRESS else "from"
        return f"not isolated: policies do not bind an external address, all is allowed {peers} it"
    if end.kind == "host-network pod":
        return "not isolated: no policy selects a pod of the host network, so all is allowed"
    return f"not isolated: no policy selects it for {side.direction}, so all is allowed"


def _rule(rule: AllowingRule) -> str:
    return f"{show_name(rule.policy)} {rule.path}"


def _allowed_ports(ports: PortSet) -> str:
    return describe_ports(ports)
