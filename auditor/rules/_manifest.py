"""Manifests as text: whole policies, every field explicit.

An apply keeps fields that a manifest does not name, so `ingress: []` is written, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import yaml

from auditor.model.addresses import parse_cidr
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Peer, PolicyPort
from auditor.model.selectors import LabelSelector
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.vocabulary import Rule

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's where PyYAML has it."""

_NO_WIDTH = (1 << 31) - 1
"""Nothing is folded: the largest number that libyaml takes."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9.]+/[0-9]+")
"""Names, label keys and CIDRs: what every reader takes for a string, but for some words."""

_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
"""What YAML 1.1 takes for a boolean or for null, as kubectl does."""

_NUMBER = re.compile(r"[-+.]?[0-9][A-Za-z0-9_.+-]*")
"""What YAML 1.1 or 1.2 may take for a number or a date: PyYAML does not quote `1e3` or `0o17`."""

_LONGEST_KEY = 128
"""Characters of a key on one line with its value: parsers seek its end within 1,024."""


def write_manifest(
    policies: Iterable[NetworkPolicy], *, emptied: Collection[Direction] = ()
) -> str:
    """The policies as YAML documents, as kubectl reads them.

    ``emptied``: directions that lose their rules, although policyTypes does not list them.
    """
    # line by line: PyYAML takes many times as long, and manifests are many
    return "---\n".join("\n".join((*_policy(one, emptied), "")) for one in policies)


def _policy(policy: NetworkPolicy, emptied: Collection[Direction]) -> list[str]:
    lines = [
        "apiVersion: networking.k8s.io/v1",
        "kind: NetworkPolicy",
        "metadata:",
        f"  name: {_text(policy.metadata.name)}",
        f"  namespace: {_text(policy.metadata.namespace)}",
    ]
    if policy.metadata.labels:
        lines.append("  labels:")
        lines += _labels(policy.metadata.labels, "    ")
    lines.append("spec:")
    lines += _selector("podSelector", policy.spec.pod_selector, "  ")
    isolated = isolated_directions(policy)
    lines += _items("policyTypes", [[f"  - {one.capitalize()}"] for one in isolated], "  ")
    for direction in Direction:
        rules = rules_of(policy, direction)
        if direction in isolated or rules or direction in emptied:
            lines += _items(direction, [_rule(direction, one) for one in rules], "  ")
    return lines


def _rule(direction: Direction, rule: Rule) -> list[str]:
    field = "from" if direction is Direction.INGRESS else "to"
    first, *further = _items(field, [_peer(one) for one in rule.peers], "    ")
    return [
        f"  - {first.lstrip()}",
        *further,
        *_items("ports", [_port(one) for one in rule.ports], "    "),
    ]


def _port(port: PolicyPort) -> list[str]:
    lines = [f"    - protocol: {_text(port.protocol)}"]
    if port.port is not None:
        lines.append(f"      port: {_text(port.port) if isinstance(port.port, str) else port.port}")
    if port.end_port is not None:
        lines.append(f"      endPort: {port.end_port}")
    return lines


def _peer(peer: Peer) -> list[str]:
    if peer.ip_block is not None:
        lines = ["      ipBlock:", f"        cidr: {_text(_cidr(peer.ip_block.cidr))}"]
        if peer.ip_block.excepts:
            lines.append("        except:")
            lines += [f"        - {_text(_cidr(one))}" for one in peer.ip_block.excepts]
    else:
        lines = []
        if peer.namespace_selector is not None:
            lines += _selector("namespaceSelector", peer.namespace_selector, "      ")
        if peer.pod_selector is not None:
            lines += _selector("podSelector", peer.pod_selector, "      ")
    if not lines:
        return ["    - {}"]
    lines[0] = f"    - {lines[0].lstrip()}"
    return lines


def _cidr(text: str) -> str:
    """The CIDR as a new object may spell it: what an API server took once may hold host bits."""
    whole = parse_cidr(text)
    bits = 32 if whole.family == 4 else 128
    first, _, _ = str(whole).partition("-")
    return f"{first}/{bits - (whole.last - whole.first).bit_length()}"


def _selector(field: str, selector: LabelSelector, indent: str) -> list[str]:
    lines = [f"{indent}{field}:"]
    if selector.match_labels:
        lines.append(f"{indent}  matchLabels:")
        lines += _labels(selector.match_labels, f"{indent}    ")
    if selector.match_expressions:
        lines.append(f"{indent}  matchExpressions:")
        for one in selector.match_expressions:
            lines.append(f"{indent}  - key: {_text(one.key)}")
            lines.append(f"{indent}    operator: {one.operator}")
            if one.values:
                lines.append(f"{indent}    values:")
                lines += [f"{indent}    - {_text(each)}" for each in one.values]
    if len(lines) == 1:
        lines[0] += " {}"
    return lines


def _labels(labels: Mapping[str, str], indent: str) -> list[str]:
    return [f"{indent}{_key(key, indent)} {_text(labels[key])}" for key in sorted(labels)]


def _items(field: str, items: Sequence[list[str]], indent: str) -> list[str]:
    """A list, empty ones too, with the lines of its items."""
    if not items:
        return [f"{indent}{field}: []"]
    return [f"{indent}{field}:", *(line for each in items for line in each)]


@lru_cache(maxsize=65536)
def _key(text: str, indent: str) -> str:
    written = _text(text)
    return f"{written}:" if len(written) <= _LONGEST_KEY else f"? {written}\n{indent}:"


@lru_cache(maxsize=65536)
def _text(text: str) -> str:
    """A string on one line, quoted where a reader of YAML might take it for anything else."""
    is_word = text.lower() in _WORDS
    if _PLAIN.fullmatch(text) and not is_word:
        return text
    style = '"' if "\n" in text else "'" if is_word or _NUMBER.fullmatch(text) else None
    written: str = yaml.dump(
        text, Dumper=_DUMPER, default_style=style, allow_unicode=False, width=_NO_WIDTH
    )
    return written.removesuffix("\n").removesuffix("\n...")
