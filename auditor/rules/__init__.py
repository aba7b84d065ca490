"""The rules, in the order in which reports list them: one visible list, no magic."""

from __future__ import annotations

from auditor.rules import (
    database_egress_is_unrestricted,
    database_open_beyond_its_ports,
    database_open_to_all_pods,
    database_open_to_other_environments,
    database_open_to_outside,
    egress_is_unrestricted,
    egress_to_whole_internet,
    environments_can_talk,
    namespace_lacks_default_deny,
)
from auditor.rules._rule import Rule, read_rule

RULES: tuple[Rule, ...] = tuple(
    read_rule(module)
    for module in (
        namespace_lacks_default_deny,
        database_open_to_all_pods,
        database_open_to_other_environments,
        database_open_to_outside,
        database_open_beyond_its_ports,
        database_egress_is_unrestricted,
        egress_is_unrestricted,
        egress_to_whole_internet,
        environments_can_talk,
    )
)
