"""The rules, the most telling first, as reports list them: one visible list, no magic."""

from __future__ import annotations

import hashlib

import msgspec

from auditor.rules import (
    database_egress_is_unrestricted,
    database_open_beyond_its_ports,
    database_open_to_all_pods,
    database_open_to_other_environments,
    database_open_to_outside,
    default_deny_is_nullified,
    dns_is_blocked,
    dns_lacks_tcp,
    egress_is_unrestricted,
    egress_to_whole_internet,
    environment_is_unknown,
    environments_can_talk,
    host_network_workload_bypasses_policy,
    ip_block_covers_cluster_addresses,
    metadata_service_is_reachable,
    named_port_resolves_nowhere,
    namespace_lacks_default_deny,
    peer_selects_nothing,
    peers_are_ored,
    policies_are_not_enforced,
    policy_is_redundant,
    policy_kinds_not_evaluated,
    policy_selects_no_pods,
    policy_types_omit_a_direction,
    rule_is_one_sided,
    selector_trusts_a_tenant_label,
    workload_is_not_isolated,
)
from auditor.rules._rule import Rule, read_rule

RULES: tuple[Rule, ...] = tuple(
    read_rule(module)
    for module in (
        policies_are_not_enforced,
        database_open_to_all_pods,
        database_open_to_other_environments,
        database_open_to_outside,
        database_egress_is_unrestricted,
        database_open_beyond_its_ports,
        environments_can_talk,
        selector_trusts_a_tenant_label,
        environment_is_unknown,
        namespace_lacks_default_deny,
        default_deny_is_nullified,
        workload_is_not_isolated,
        host_network_workload_bypasses_policy,
        egress_is_unrestricted,
        egress_to_whole_internet,
        metadata_service_is_reachable,
        dns_is_blocked,
        dns_lacks_tcp,
        policy_types_omit_a_direction,
        peers_are_ored,
        rule_is_one_sided,
        peer_selects_nothing,
        policy_selects_no_pods,
        named_port_resolves_nowhere,
        ip_block_covers_cluster_addresses,
        policy_kinds_not_evaluated,
        policy_is_redundant,
    )
)

ENFORCEMENT: Rule = next(one for one in RULES if one.check is policies_are_not_enforced.check)
"""While this rule has a finding, what passes is declared, and not known to be enforced."""


def digest_rules() -> str:
    """SHA-256 (hex) of what the rules say of themselves: which there are, and their pages."""
    pages = [one.page for one in RULES]
    return hashlib.sha256(msgspec.json.encode(pages, order="sorted")).hexdigest()
