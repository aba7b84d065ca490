"""Service accounts with exactly the roles that a test gives them."""

import time
from collections.abc import Mapping, Sequence

from tests.apiserver.client import Client, JsonObject

PolicyRule = Mapping[str, Sequence[str]]
"""A rule as RBAC spells it: apiGroups, resources, verbs, resourceNames, nonResourceURLs."""

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_EFFECTIVE_WITHIN_SECONDS = 15.0
_POLL_SECONDS = 0.02


def create_service_account(
    client: Client,
    namespace: str,
    name: str,
    cluster_rules: Sequence[PolicyRule],
    namespace_rules: Mapping[str, Sequence[PolicyRule]],
) -> None:
    """Create the account and its roles, and wait until the API server honours them.

    `cluster_rules` hold in the whole cluster, `namespace_rules` in the namespaces that key them.
    The namespaces must exist.

    Raises:
        RequestError: the API server refused one of the objects.
        TimeoutError: a rule was not in effect in time.

    """
    client.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    account = {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    role_name = f"{namespace}-{name}"
    if cluster_rules:
        role = _role("ClusterRole", role_name, cluster_rules)
        client.create(f"{_RBAC}/clusterroles", role)
        client.create(f"{_RBAC}/clusterrolebindings", _binding(role, account))
    for target, rules in namespace_rules.items():
        role = _role("Role", role_name, rules)
        client.create(f"{_RBAC}/namespaces/{target}/roles", role)
        client.create(f"{_RBAC}/namespaces/{target}/rolebindings", _binding(role, account))

    user = f"system:serviceaccount:{namespace}:{name}"
    for rule in cluster_rules:
        await_access(client, user, attributes_of(rule, None))
    for target, rules in namespace_rules.items():
        for rule in rules:
            await_access(client, user, attributes_of(rule, target))


def _role(kind: str, name: str, rules: Sequence[PolicyRule]) -> JsonObject:
    return {"kind": kind, "metadata": {"name": name}, "rules": [dict(rule) for rule in rules]}


def _binding(role: JsonObject, account: JsonObject) -> JsonObject:
    """Give the account the role, by a binding of the role's name."""
    name = role["metadata"]["name"]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": name}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": [account]}


def attributes_of(rule: PolicyRule, namespace: str | None) -> JsonObject:
    """Name one access that `rule` gives, for `await_access`: rules of a role take effect together.

    Returns:
        The attributes of a SubjectAccessReview; without a namespace, in the whole cluster.

    """
    verb = rule["verbs"][0]
    if "nonResourceURLs" in rule:
        return {"nonResourceAttributes": {"path": rule["nonResourceURLs"][0], "verb": verb}}
    resource, _, subresource = rule["resources"][0].partition("/")
    attributes: JsonObject = {
        "verb": verb,
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": next(iter(rule.get("resourceNames", ())), ""),
    }
    if namespace is not None:
        attributes["namespace"] = namespace
    return {"resourceAttributes": attributes}


def await_access(
    client: Client, user: str, attributes: JsonObject, *, allowed: bool = True
) -> None:
    """Wait until the authorizer, which follows the roles through a watch, allows it or refuses.

    Raises:
        TimeoutError: it did not come to that in time.

    """
    deadline = time.monotonic() + _EFFECTIVE_WITHIN_SECONDS
    review = {"spec": {"user": user, **attributes}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    while client.create(path, review)["status"]["allowed"] != allowed:
        if time.monotonic() > deadline:
            state = "not allowed" if allowed else "still allowed"
            message = f"{user} is {state} {attributes} after {_EFFECTIVE_WITHIN_SECONDS} s"
            raise TimeoutError(message)
        time.sleep(_POLL_SECONDS)
