"""Names that a user types → what the snapshot holds under them; an unknown one with near matches.

Ends are `ns/pod`, `ns/kind/name` or an address; filters also take a namespace. Kinds are read in
any case, and by kubectl's short names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from auditor.errors import UnknownNameError, UsageError
from auditor.model.addresses import parse_address
from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.model.kind_names import SHORT_NAMES
from auditor.model.objects import Reference
from auditor.model.ports import FIRST_PORT, LAST_PORT, PROTOCOLS
from auditor.model.snapshot import Blind
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.view import View

_NEAR = 3
_END_FORMS = "write namespace/pod, namespace/kind/name or an address"
_FILTER_FORMS = "write a namespace, namespace/pod, namespace/kind/name or an address"
_PORT_FORMS = "write a number (5432), a protocol and a number (udp/53), or a port's name"


class NamedAddress(NamedTuple):
    """An address that no pod has."""

    address: str


class NamedPod(NamedTuple):
    """A pod, by position in the snapshot's pods; ``address`` is its own that was named, if any."""

    pod: int
    address: str | None = None


class NamedWorkload(NamedTuple):
    """A workload, with its variants by position in the view's workloads."""

    reference: Reference
    variants: tuple[int, ...]


class NamedNamespace(NamedTuple):
    """A namespace, as filters take one."""

    namespace: str


NamedEnd = NamedAddress | NamedPod | NamedWorkload


class NamedPort(NamedTuple):
    """A port as it was asked for: a protocol and a number, or a name."""

    protocol: str | None
    number: int | None
    name: str | None


def find_end(view: View, text: str) -> NamedEnd:
    """Find SOURCE or DESTINATION of a question.

    Raises:
        UnknownNameError: the snapshot holds nothing of that name.
        UsageError: the text has another form.
    """
    if (found := _find_address(view, text)) is not None:
        return found
    match text.split("/"):
        case [namespace, name] if namespace and name:
            return NamedPod(_find_pod(view, namespace, name))
        case [namespace, kind, name] if namespace and kind and name:
            return _find_workload(view, namespace, kind, name)
        case _:
            raise UsageError(f"{text!r} names no pod, workload or address", hint=_END_FORMS)


def find_filter(view: View, text: str) -> NamedEnd | NamedNamespace:
    """Find what `--from` or `--to` narrows to.

    Raises:
        UnknownNameError: the snapshot holds nothing of that name.
        UsageError: the text has another form.
    """
    if "/" not in text and ":" not in text and _find_address(view, text) is None:
        if not text:
            raise UsageError("a filter is empty", hint=_FILTER_FORMS)
        _check_namespace(view, text)
        return NamedNamespace(text)
    return find_end(view, text)


def endpoints_of(view: View, named: NamedEnd | NamedNamespace) -> frozenset[Endpoint]:
    """The endpoints of rows that a filter means: whole workloads, for a pod the one it is of."""
    match named:
        case NamedNamespace(namespace):
            return frozenset(
                one.endpoint
                for one in view.workloads
                if one.endpoint.workload.namespace == namespace
            )
        case NamedWorkload(_, variants):
            return frozenset(view.workloads[one].endpoint for one in variants)
        case NamedAddress(address):
            parts = view.endpoints.parts
            return frozenset(
                AddressEndpoint(str(parts.parts[one]))
                for one in parts.indexes(parse_address(address))
            )
        case NamedPod(pod):
            return frozenset(one.endpoint for one in view.workloads if pod in one.pods)


def parse_port(text: str) -> NamedPort:
    """Read `5432` (of TCP), `udp/53` or a name.

    Raises:
        UsageError: the text is none of them.
    """
    protocol, slash, number = text.rpartition("/")
    if slash and protocol.upper() not in PROTOCOLS:
        raise UsageError(f"protocol of port {text!r} is unknown", hint=_PORT_FORMS)
    if number.isascii() and number.isdigit():
        if not FIRST_PORT <= int(number) <= LAST_PORT:
            raise UsageError(f"port {text!r} is out of range", hint="ports are 1 to 65535")
        return NamedPort(protocol.upper() or "TCP", int(number), None)
    if not number or slash:
        raise UsageError(f"{text!r} is no port", hint=_PORT_FORMS)
    return NamedPort(None, None, number)


def numbers_of(view: View, pods: Iterable[int], name: str) -> frozenset[tuple[str, int]]:
    """(protocol, number) that pods' containers give a port name (semantics 3.9)."""
    return frozenset(
        (one.protocol, one.container_port)
        for position in pods
        for one in view.snapshot.pods[position].listening
        if one.name == name
    )


def unknown_port(view: View, pods: Iterable[int], name: str, owner: str) -> UnknownNameError:
    """No container of the pods has a port of that name."""
    known = {
        one.name for position in pods for one in view.snapshot.pods[position].listening if one.name
    }
    return _unknown(f"port {name} of {owner}", name, known, "its containers name no port")


def _find_address(view: View, text: str) -> NamedAddress | NamedPod | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    for position, pod in enumerate(view.snapshot.pods):
        if pod.is_endpoint and not pod.spec.host_network:
            for one in pod.addresses:
                if _is_address(one, address):
                    return NamedPod(position, str(address))
    return NamedAddress(str(address))


def _is_address(text: str, address: IPv4Address | IPv6Address) -> bool:
    """Whether a pod's address is this one; IPv6 has many spellings, and a pod may have any."""
    if text == str(address) or ":" not in text:
        return text == str(address)
    try:
        return ip_address(text) == address
    except ValueError:
        return False  # what is no address matches none (semantics 3.7)


def _find_pod(view: View, namespace: str, name: str) -> int:
    found = view.pod_positions.get((namespace, name))
    if found is not None:
        return found
    _check_namespace(view, namespace)
    _check_read(view, namespace, f"pod {namespace}/{name}")
    if any((pod.namespace, pod.name) == (namespace, name) for pod in view.snapshot.pods):
        raise UnknownNameError(
            f"pod {namespace}/{name} has finished",
            hint="it takes part in no traffic: ask for a pod that is running",
        )
    workloads = _workloads_in(view, namespace)
    alike = sorted(
        {str(one.endpoint.workload) for one in workloads if one.endpoint.workload.name == name}
    )
    if alike:
        raise UnknownNameError(
            f"pod {namespace}/{name} is unknown", hint=f"did you mean {' or '.join(alike[:_NEAR])}?"
        )
    known = {f"{namespace}/{pod}" for space, pod in view.pod_positions if space == namespace}
    raise _unknown(f"pod {namespace}/{name}", f"{namespace}/{name}", known, "it has no pods")


def _find_workload(view: View, namespace: str, kind: str, name: str) -> NamedPod | NamedWorkload:
    _check_namespace(view, namespace)
    wanted = SHORT_NAMES.get(kind.lower(), kind).lower()
    pod = view.pod_positions.get((namespace, name))
    if wanted in {"pod", "pods"} and pod is not None:
        return NamedPod(pod)
    found = tuple(
        number
        for number, one in enumerate(view.workloads)
        if (reference := one.endpoint.workload).namespace == namespace
        and reference.name == name
        and wanted in {reference.kind.lower(), f"{reference.kind.lower()}s"}
    )
    if found:
        return NamedWorkload(view.workloads[found[0]].endpoint.workload, found)
    text = f"{namespace}/{kind}/{name}"
    _check_read(view, namespace, f"workload {text}")
    known = {str(one.endpoint.workload) for one in _workloads_in(view, namespace)}
    raise _unknown(f"workload {text}", text, known, f"namespace {namespace} has no workloads")


def _check_read(view: View, namespace: str, what: str) -> None:
    """Pods that were not read are not taken for pods that do not exist."""
    if gaps := view.blind_spots(namespace, Blind.PODS):
        raise UnknownNameError(
            f"{what} is not among what was read",
            hint=f"pods of namespace {namespace} were not all read: {gaps[0].reason}",
        )


def _workloads_in(view: View, namespace: str) -> list[WorkloadNode]:
    return [one for one in view.workloads if one.endpoint.workload.namespace == namespace]


def _check_namespace(view: View, namespace: str) -> None:
    known = {one.name for one in view.snapshot.namespaces}
    if namespace not in known:
        raise _unknown(f"namespace {namespace}", namespace, known, "there is no namespace")


def _unknown(what: str, wrong: str, known: Iterable[str], none: str) -> UnknownNameError:
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=_NEAR) or names[:_NEAR]
    hint = f"did you mean {' or '.join(near)}?" if near else none
    return UnknownNameError(f"{what} is unknown", hint=hint)
