"""The rules, in the order in which reports list them: one visible list, no magic."""

from __future__ import annotations

from auditor.rules import (
    database_open_to_all_pods,
    default_deny_is_nullified,
    egress_is_unrestricted,
    egress_to_whole_internet,
    environments_can_talk,
    ip_block_covers_cluster_addresses,
    named_port_resolves_nowhere,
    namespace_lacks_default_deny,
    peer_selects_nothing,
    peers_are_ored,
    policy_is_redundant,
    policy_kinds_not_evaluated,
    policy_selects_no_pods,
    rule_is_one_sided,
    workload_is_not_isolated,
)
from auditor.rules._rule import Rule, read_rule

RULES: tuple[Rule, ...] = tuple(
    read_rule(module)
    for module in (
        namespace_lacks_default_deny,
        default_deny_is_nullified,
        workload_is_not_isolated,
        database_open_to_all_pods,
        egress_is_unrestricted,
        egress_to_whole_internet,
        environments_can_talk,
        policy_selects_no_pods,
        peer_selects_nothing,
        rule_is_one_sided,
        peers_are_ored,
        named_port_resolves_nowhere,
        ip_block_covers_cluster_addresses,
        policy_is_redundant,
        policy_kinds_not_evaluated,
    )
)
