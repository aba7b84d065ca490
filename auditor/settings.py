"""One frozen Settings: everything that steers a run. Passed in, never global."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from auditor.model.canonical import encode_canonical
from auditor.model.findings import Severity
from auditor.model.mail_addresses import is_loopback, refuse_address, refuse_host
from auditor.model.selector_syntax import parse_selector
from auditor.model.selectors import LabelSelector

IpBlocksMatchPods = Literal["auto", "yes", "no"]

NO_STORE = "none"
"""The store that keeps nothing."""

_STORE_FILE = "history.sqlite"
"""The store in the output folder, where none is named."""

_PASSWORD = re.compile(r"[^:]+://[^:/@]*:[^@]+@")
"""As SQLAlchemy reads a URL: a password may hold a slash."""

_PASSWORDS = frozenset({"password", "sslpassword"})
"""Parameters of libpq."""

UNLIMITED_SECONDS = 365 * 86400.0
"""kubectl's `--request-timeout 0` means no limit; sockets want a number."""

_ELSEWHERE = frozenset(
    {
        "delivery",
        "keep_days",
        "keep_runs",
        "metrics_file",
        "output",
        "pushgateway",
        "signing_key",
        "snapshots",
        "store",
        "timeout_seconds",
    }
)
"""Settings that do not change what a run finds."""

_MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}

_LONGEST_SILENCE_SECONDS = 300
_LONGEST_AUDIENCE = 64
"""Characters: the name is part of a key of the store."""


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the API server, in kubectl's terms."""

    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout_seconds: float = 60.0
    timeout_seconds: float = 1800.0
    """For all requests together."""


class DataFile(msgspec.Struct, frozen=True):
    """A file of detection data as it was read; what it says is detection's to judge."""

    path: str
    text: str


class DetectionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Additions to the detection data: what a user declares about their own cluster."""

    databases: Mapping[str, str] = {}
    """Image pattern (a regular expression on the last path segment) → engine name."""
    workloads: Mapping[str, str] = {}
    """Workload, `namespace/kind/name` with globs → engine name; `none`: it is no database."""
    environments: Mapping[str, str] = {}
    """Namespace, or glob → environment (`dev`, `test`, `staging`, `prod` or one's own)."""
    system_namespaces: tuple[str, ...] = ()
    """Further system namespaces, as names or globs."""
    data: tuple[DataFile, ...] = ()
    """Further detection data, later over earlier. In a settings file: paths, from its folder."""


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user changes about a rule, and why: the report says so."""

    enabled: bool = True
    severity: Severity | None = None
    """In place of the rule's own."""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a change without a reason, and a reason without a change."""
        if self.enabled and self.severity is None:
            raise ValueError("neither `enabled: false` nor a severity is given")
        if not self.enabled and self.severity is not None:
            raise ValueError("a rule that is disabled has no severity")
        if not self.reason.strip():
            raise ValueError("the reason is missing")


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail server that takes reports. The password is no setting: see ``password_file``."""

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """None: the port of the kind of security."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """The server's certificate is verified, by its name. `none` sends in the clear."""
    ca_file: str = ""
    """The certificates (PEM) that are trusted in place of the system's."""
    user: str = ""
    """Empty: no login."""
    password_file: str = ""
    """The file of the password; empty: the variable ``NETPOL_AUDITOR_MAIL_PASSWORD``."""
    sender: str
    """The address that mail comes from. Its domain is that of the Message-IDs."""
    reply_to: str = ""
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=_LONGEST_SILENCE_SECONDS)] = 30.0
    """How long the server may be silent."""
    max_megabytes: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 10.0
    """How large a message may be, encoded: attachments that do not fit are left out."""

    @property
    def server_port(self) -> int:
        """The port, of the kind of security where none is set."""
        return self.port or _MAIL_PORTS[self.security]


class Audience(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets a report of what: all of it, or no more than some namespaces."""

    name: str
    to: tuple[str, ...] = ()
    """Mail addresses."""
    webhook_file: str = ""
    """The file of the URL (it is a secret) that takes Slack's JSON."""
    everything: bool = False
    """The whole report, other audiences' findings too."""
    namespaces: tuple[str, ...] = ()
    """Namespaces, as names or globs."""
    namespace_selector: str = ""
    """Namespaces by their labels, in kubectl's syntax; one of both is enough to be chosen."""
    names_others: bool = False
    """Whether the other ends of connections are named where they lie in other namespaces."""

    def __post_init__(self) -> None:
        """Refuse an audience that gets nothing, or of which it is not said what it gets."""
        if not self.name.strip():
            raise ValueError("the name is empty")
        if len(self.name) > _LONGEST_AUDIENCE or not self.name.isprintable():
            raise ValueError(f"the name is not of {_LONGEST_AUDIENCE} printable characters at most")
        if not self.to and not self.webhook_file:
            raise ValueError("neither `to` nor `webhook_file` is given")
        narrowed = bool(self.namespaces or self.namespace_selector.strip())
        if self.everything == narrowed:
            raise ValueError(
                "give either `everything: true` or `namespaces` and `namespace_selector`"
            )
        parse_selector(self.namespace_selector)


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is sent reports, how often, and how."""

    period: Literal["run", "day", "week", "month"] = "week"
    """Nobody is sent two reports of the same period, in UTC; a week is ISO 8601's."""
    mail: MailSettings | None = None
    audiences: tuple[Audience, ...] = ()
    report_url: str = ""
    """Where the whole report can be read: a link in messages to those who get everything."""

    def __post_init__(self) -> None:
        """Refuse audiences of the same name, and addresses without a server."""
        names = [one.name for one in self.audiences]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"audience {name} is there twice")
        if self.mail is None and any(one.to for one in self.audiences):
            raise ValueError("audiences have addresses, and `mail` names no server")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that steers a run. Field names are the keys of the settings file, too."""

    files: tuple[str, ...] = ()
    """Manifests or one snapshot archive, `-` for standard input; none: the cluster."""
    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout_seconds: float = 60.0
    timeout_seconds: float = 1800.0
    """How long collecting from a cluster may take in all; what is unread then is a gap."""
    namespaces: tuple[str, ...] = ()
    """What is judged and shown; none: all namespaces."""
    exclude_namespaces: Mapping[str, str] = {}
    """Namespace → reason: collected and evaluated, but neither judged nor shown."""
    selector: str = ""
    """A label selector of pods, in kubectl's syntax, that narrows what is judged and shown."""
    ip_blocks_match_pods: IpBlocksMatchPods = "auto"
    """Whether an ipBlock also matches the addresses of pods (semantics 3.7)."""
    output: str = "out"
    """The folder into which `audit` writes."""
    fail_on: Severity | None = None
    """Findings at or above it make exit code 10."""
    strict: bool = False
    """Gaps make exit code 4."""
    detection: DetectionSettings = DetectionSettings()
    rules: Mapping[str, RuleSettings] = {}
    """Rule → what is changed about it."""
    store: str = ""
    """The database of past runs, as SQLAlchemy spells it; `none`: no history is kept.

    Empty: an SQLite file in the output folder.
    """
    snapshots: str = ""
    """The folder, or fsspec URL, that the store's snapshots go to; empty: the store's own place."""
    cluster_name: str = ""
    """What the cluster is called; of manifests also whose history the runs belong to."""
    signing_key: str = ""
    """The file of the private key (Ed25519, PEM) that signs the runs."""
    keep_days: int | None = None
    """`history prune` drops the content of runs that are older."""
    keep_runs: int | None = None
    """`history prune` drops the content of all but so many of a cluster's newest runs."""
    waivers: tuple[str, ...] = ()
    """Waiver files. In a settings file: paths, from its folder."""
    waiver_annotations: tuple[str, ...] = ()
    """The rules of which annotations in the cluster may waive findings."""
    delivery: DeliverySettings = DeliverySettings()
    metrics_file: str = ""
    """The file (of Prometheus' textfile collector) that metrics are written to."""
    pushgateway: str = ""
    """The URL of the Pushgateway that metrics are pushed to."""

    @property
    def access(self) -> ClusterAccess:
        """How to reach the API server."""
        return ClusterAccess(
            kubeconfig=self.kubeconfig,
            context=self.context,
            as_user=self.as_user,
            as_groups=self.as_groups,
            request_timeout_seconds=self.request_timeout_seconds or UNLIMITED_SECONDS,
            timeout_seconds=self.timeout_seconds or UNLIMITED_SECONDS,
        )

    @property
    def pod_selector(self) -> LabelSelector | None:
        """The label selector, where one is set."""
        return parse_selector(self.selector) if self.selector.strip() else None


Refusal = tuple[tuple[str | int, ...], str, str]
"""The path of a key, why its value cannot be, and a hint."""


def refuse_delivery(delivery: DeliverySettings) -> Refusal | None:
    """The first thing about delivery that cannot be."""
    if delivery.mail is not None and (refused := next(_mail_refusals(delivery.mail), None)):
        return refused
    for position, audience in enumerate(delivery.audiences):
        if refused := next(_audience_refusals(audience, position), None):
            return refused
    if delivery.report_url and not _is_link(delivery.report_url):
        hint = "for instance https://reports.example/netpol/"
        return ("delivery", "report_url"), "it is no URL of a page, without a password", hint
    return None


def _mail_refusals(mail: MailSettings) -> Iterator[Refusal]:
    at = ("delivery", "mail")
    if refused := refuse_host(mail.host):
        yield (*at, "host"), refused, "the port has a key of its own"
    if refused := refuse_address(mail.sender):
        yield (*at, "sender"), refused, _HINT_ADDRESS
    if mail.reply_to and (refused := refuse_address(mail.reply_to)):
        yield (*at, "reply_to"), refused, _HINT_ADDRESS
    if mail.password_file and not mail.user:
        yield (*at, "password_file"), "there is a password, and no user", "set user, too"
    if not (mail.user.isascii() and mail.user.isprintable()):
        yield (*at, "user"), "it holds other characters than printable ASCII", ""
    if shows_password(mail):
        reason = "the password would be readable on the way"
        yield (*at, "security"), reason, "use `starttls` or `tls`, or leave out the user"


def _audience_refusals(audience: Audience, position: int) -> Iterator[Refusal]:
    at = ("delivery", "audiences", position)
    for place, address in enumerate(audience.to):
        if refused := refuse_address(address):
            yield (*at, "to", place), refused, _HINT_ADDRESS
        if address.lower() in map(str.lower, audience.to[:place]):
            yield (*at, "to", place), f"{address} is there twice", "leave one of them out"
    for place, pattern in enumerate(audience.namespaces):
        if not pattern.strip():
            yield (*at, "namespaces", place), "it is empty", "give a name or a glob"


def shows_password(mail: MailSettings) -> bool:
    """Whether a login would let others on the way read the password."""
    return bool(mail.user) and mail.security == "none" and not is_loopback(mail.host)


_HINT_ADDRESS = "the address alone, for instance security@example.com"


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
        names_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not set(text) & set(" <>\"'`")
    return names_place and plain and parts.scheme in {"http", "https"} and "@" not in parts.netloc


def digest_settings(settings: Settings) -> str:
    """SHA-256 (hex) of the settings' canonical JSON, as `evident_settings` gives them."""
    return hashlib.sha256(encode_canonical(evident_settings(settings))).hexdigest()


def evident_settings(settings: Settings) -> dict[str, Any]:
    """The settings that a result rests on: without where it goes, and how long it is kept.

    They hold no secrets: these come from kubeconfigs and their own files alone.
    """
    kept: dict[str, Any] = msgspec.to_builtins(settings)
    return {key: one for key, one in kept.items() if key not in _ELSEWHERE}


def with_place(settings: Settings, today: Settings) -> Settings:
    """The settings that a result rests on, with today's for where it goes."""
    place = {key: getattr(today, key) for key in sorted(_ELSEWHERE)}
    return msgspec.structs.replace(settings, **place)


def store_url(settings: Settings) -> str | None:
    """The store of past runs; None where the settings want none."""
    if settings.store == NO_STORE:
        return None
    return settings.store or str(PurePath(settings.output) / _STORE_FILE)


def holds_password(url: str) -> bool:
    """Whether the URL of a store holds a password, before its host or as a parameter."""
    parameters = parse_qsl(url.partition("?")[2])
    return "://" in url and (
        _PASSWORD.match(url) is not None or any(key in _PASSWORDS for key, _ in parameters)
    )


def refuse_pattern(pattern: str) -> str | None:
    """Why a text is no regular expression; None where it is one."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"`{pattern}` is no regular expression: {error}"
    return None
