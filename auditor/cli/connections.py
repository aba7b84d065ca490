"""`connections`: who can reach whom, on which ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from auditor.cli.flags import format_flag, output_file_flag, source_flags
from auditor.cli.gaps import record_gaps, say_gaps
from auditor.cli.session import Session, utc_now, with_session

if TYPE_CHECKING:
    from auditor.model.connections import Endpoint
    from auditor.reachability.connections import Narrowing
    from auditor.reachability.view import View
    from reports.connections import Listing

FORMATS = ("table", "json", "csv", "dot")


@click.command("connections")
@format_flag(*FORMATS)
@click.option("--from", "source", metavar="END", help="Only connections from here.")
@click.option("--to", "destination", metavar="END", help="Only connections to here.")
@click.option("--port", metavar="PORT", help="Only this port: 5432, udp/53 or a port's name.")
@output_file_flag
@source_flags
@with_session
def connections(
    session: Session,
    *,
    format_: str,
    source: str | None,
    destination: str | None,
    port: str | None,
    output_file: str | None,
) -> int:
    """List the allowed connections by workload: who can reach whom, on which ports.

    END is a namespace, namespace/pod, namespace/kind/name or an address. Connections are listed
    where either end is within -n, -l and --exclude-namespace.
    """
    from auditor.cli.exit_codes import completion_code
    from auditor.job.steps import evaluate_snapshot, take_snapshot
    from reports.connections import WRITERS

    snapshot = take_snapshot(
        session.settings, clock=utc_now, stdin=session.stdin, stage=session.stage
    )
    view = evaluate_snapshot(snapshot, session.settings, stage=session.stage)
    gaps = record_gaps((*snapshot.gaps, *view.gaps))
    narrowing = _narrow(view, session, source, destination)
    chunks = WRITERS[format_](_listing(view, narrowing, port)._replace(gaps=gaps))
    session.print_or_save(chunks, output_file)
    if format_ != "json":
        say_gaps(session, gaps)
    if view.recognition.cni.enforces is False:
        name = view.recognition.cni.name
        session.note(f"warning: {name} does not enforce policies: this is what they declare")
    return completion_code(gaps=bool(gaps), strict=session.settings.strict)


def _narrow(view: View, session: Session, source: str | None, destination: str | None) -> Narrowing:
    from auditor.cli.names import endpoints_of, find_filter
    from auditor.findings.scope import Judged, Scope
    from auditor.job.steps import scope_of
    from auditor.reachability.connections import Narrowing

    narrowing = Narrowing()
    if source is not None:
        sources = endpoints_of(view, find_filter(view, source))
        narrowing = narrowing._replace(source=sources.__contains__)
    if destination is not None:
        destinations = endpoints_of(view, find_filter(view, destination))
        narrowing = narrowing._replace(destination=destinations.__contains__)
    scope = scope_of(session.settings)
    if scope != Scope():
        judged = Judged(view, scope)
        shown: frozenset[Endpoint] = frozenset(
            one.endpoint for one in view.workloads if judged.holds(one.endpoint.workload)
        )
        narrowing = narrowing._replace(either=shown.__contains__)
    return narrowing


def _listing(view: View, narrowing: Narrowing, port: str | None) -> Listing:
    """The rows to be listed; of one port, where one is asked for, exactly that one is shown."""
    from auditor.cli.names import numbers_of, parse_port, unknown_port
    from auditor.model.ports import PortRange, PortSet, merge_ports
    from auditor.reachability.connections import Numbering, list_rows
    from reports.connections import Listing, Row

    numbering = Numbering(view)
    ports = view.evaluation.ports
    if port is None:
        rows = list_rows(view, numbering, narrowing)
        return Listing(numbering.endpoints, rows, ports.describe, ())
    asked = parse_port(port)
    if asked.protocol is not None and asked.number is not None:
        part = ports.part(asked.protocol, asked.number)
        rows = list_rows(view, numbering, narrowing._replace(ports=part))
        exactly = PortRange(protocol=asked.protocol, first=asked.number, last=asked.number)
        return Listing(numbering.endpoints, rows, lambda _mask: (exactly,), ())
    name = str(asked.name)
    resolved = [numbers_of(view, one.pods, name) for one in view.workloads]
    numbers = sorted(frozenset().union(*resolved))
    if not numbers:
        raise unknown_port(view, range(len(view.snapshot.pods)), name, "the snapshot")
    parts = [ports.part(protocol, number) for protocol, number in numbers]

    def named() -> Iterator[Row]:
        """Rows whose destination gives the name a port that is allowed; bits are ``numbers``."""
        for one, other, mask in list_rows(view, numbering, narrowing):
            given = resolved[other] if other < len(resolved) else frozenset()
            kept = sum(
                1 << bit
                for bit, number in enumerate(numbers)
                if number in given and parts[bit] & mask
            )
            if kept:
                yield one, other, kept

    def describe(bits: int) -> PortSet:
        kept: Iterable[tuple[str, int]] = (
            number for bit, number in enumerate(numbers) if bits >> bit & 1
        )
        return merge_ports(
            PortRange(protocol=protocol, first=number, last=number) for protocol, number in kept
        )

    return Listing(numbering.endpoints, named(), describe, ())
