"""The rules, in the order in which reports list them: one visible list, no magic."""

from __future__ import annotations

from auditor.rules import (
    database_open_to_all_pods,
    default_deny_is_nullified,
    dns_is_blocked,
    dns_lacks_tcp,
    egress_is_unrestricted,
    egress_to_whole_internet,
    environment_is_unknown,
    environments_can_talk,
    host_network_workload_bypasses_policy,
    metadata_service_is_reachable,
    namespace_lacks_default_deny,
    policy_types_omit_a_direction,
    selector_trusts_a_tenant_label,
    workload_is_not_isolated,
)
from auditor.rules._rule import Rule, read_rule

RULES: tuple[Rule, ...] = tuple(
    read_rule(module)
    for module in (
        namespace_lacks_default_deny,
        default_deny_is_nullified,
        workload_is_not_isolated,
        host_network_workload_bypasses_policy,
        database_open_to_all_pods,
        egress_is_unrestricted,
        egress_to_whole_internet,
        metadata_service_is_reachable,
        dns_is_blocked,
        dns_lacks_tcp,
        environments_can_talk,
        environment_is_unknown,
        selector_trusts_a_tenant_label,
        policy_types_omit_a_direction,
    )
)
