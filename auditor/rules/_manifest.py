"""Manifests as text: whole policies, every field explicit.

An apply keeps fields that a manifest does not name, so `ingress: []` is written, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import yaml

from auditor.model.addresses import parse_cidr
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Peer
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
    documents: list[str] = []
    for one in policies:
        lines: list[str] = []
        _add_mapping(lines, _document(one, emptied), "")
        documents.append("\n".join((*lines, "")))
    return "---\n".join(documents)


def _document(policy: NetworkPolicy, emptied: Collection[Direction]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "podSelector": _selector(policy.spec.pod_selector),
        "policyTypes": [one.value.capitalize() for one in isolated_directions(policy)],
    }
    for direction in Direction:
        rules = rules_of(policy, direction)
        if direction in isolated_directions(policy) or rules or direction in emptied:
            spec[direction.value] = [_rule(direction, one) for one in rules]
    metadata: dict[str, Any] = {
        "name": policy.metadata.name,
        "namespace": policy.metadata.namespace,
    }
    if policy.metadata.labels:
        metadata["labels"] = dict(sorted(policy.metadata.labels.items()))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": spec,
    }


def _rule(direction: Direction, rule: Rule) -> dict[str, Any]:
    ports = [
        {"protocol": one.protocol}
        | ({} if one.port is None else {"port": one.port})
        | ({} if one.end_port is None else {"endPort": one.end_port})
        for one in rule.ports
    ]
    return {
        "from" if direction is Direction.INGRESS else "to": [_peer(one) for one in rule.peers],
        "ports": ports,
    }


def _peer(peer: Peer) -> dict[str, Any]:
    if peer.ip_block is not None:
        block: dict[str, Any] = {"cidr": _cidr(peer.ip_block.cidr)}
        if peer.ip_block.excepts:
            block["except"] = [_cidr(one) for one in peer.ip_block.excepts]
        return {"ipBlock": block}
    selectors = {
        "namespaceSelector": peer.namespace_selector,
        "podSelector": peer.pod_selector,
    }
    return {key: _selector(one) for key, one in selectors.items() if one is not None}


def _cidr(text: str) -> str:
    """The CIDR as a new object may spell it: what an API server took once may hold host bits."""
    whole = parse_cidr(text)
    bits = 32 if whole.family == 4 else 128
    first, _, _ = str(whole).partition("-")
    return f"{first}/{bits - (whole.last - whole.first).bit_length()}"


def _selector(selector: LabelSelector) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if selector.match_labels:
        written["matchLabels"] = dict(sorted(selector.match_labels.items()))
    if selector.match_expressions:
        written["matchExpressions"] = [
            {"key": one.key, "operator": one.operator}
            | ({"values": list(one.values)} if one.values else {})
            for one in selector.match_expressions
        ]
    return written


# YAML's block style, as PyYAML has it; PyYAML takes ten times as long for a whole document.


def _add_mapping(lines: list[str], mapping: dict[str, Any], indent: str) -> None:
    for key, value in mapping.items():
        lead = f"{indent}{_key(key, indent)}"
        if isinstance(value, str):
            lines.append(f"{lead} {_text(value)}")
        elif isinstance(value, int) or not value:
            lines.append(f"{lead} {value}")  # empty ones are spelled alike: {} and []
        else:
            lines.append(lead)
            if isinstance(value, list):
                _add_list(lines, value, indent)
            else:
                _add_mapping(lines, value, f"{indent}  ")


def _add_list(lines: list[str], items: list[Any], indent: str) -> None:
    """Items are strings or mappings: manifests hold no lists of anything else."""
    for one in items:
        if isinstance(one, str):
            lines.append(f"{indent}- {_text(one)}")
        elif not one:
            lines.append(f"{indent}- {{}}")
        else:
            first = len(lines)
            _add_mapping(lines, one, f"{indent}  ")
            lines[first] = f"{indent}- {lines[first][len(indent) + 2 :]}"


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
