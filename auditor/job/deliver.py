"""A judged run → messages to its audiences, each as it may see it, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditor.errors import UnknownNameError, UsageError
from auditor.job.audiences import narrow_audit
from auditor.job.keep import compare_with
from auditor.job.sides import side_of_run
from auditor.job.steps import Clock, Judged, Stage
from auditor.settings import Audience, Settings, store_url

if TYPE_CHECKING:
    from auditor.delivery.dispatch import Outcome
    from auditor.delivery.parcel import Attachment, Parcel
    from auditor.drift.compared import Compared
    from auditor.history.store import Store
    from auditor.history.stored import StoredRun
    from auditor.model.deliveries import Delivery
    from auditor.model.drift import Drift
    from auditor.model.report import Audit
    from reports.mail_view import SentReport, Undelivered

_MEGABYTE = 1_000_000
_FOLDER = "messages"
"""In the output folder, for what would be sent."""


def check_delivery(settings: Settings, environ: Mapping[str, str] | None) -> None:
    """See that the settings say to whom and how, before anything is read.

    ``environ`` may hold the password; None: nothing is to be sent, and no secret is asked for.

    Raises:
        UsageError: they do not, or a secret is missing.
    """
    from auditor.delivery.secrets import read_password
    from auditor.delivery.webhook import read_webhook

    delivery = settings.delivery
    if not delivery.audiences:
        raise UsageError(
            "nobody is named to deliver to", hint="list audiences under `delivery` in the settings"
        )
    if store_url(settings) is None:
        raise UsageError(
            "nothing can be delivered without a history: it says who was sent what",
            hint="leave out --no-store",
        )
    if environ is None:
        return
    if delivery.mail is not None:
        read_password(delivery.mail, environ)
    for audience in delivery.audiences:
        if audience.webhook_file:
            read_webhook(audience.webhook_file)


class Delivered(NamedTuple):
    """What became of the messages of a run."""

    outcomes: tuple[Outcome, ...]
    undelivered: tuple[Delivery, ...]
    """What earlier periods had left undelivered, and still is."""

    @property
    def failed(self) -> int:
        """How many messages could not be sent."""
        return sum(1 for one in self.outcomes if one.state == "failed")


def deliver_run(
    judged: Judged,
    files: Sequence[tuple[str, bytes]],
    store: Store,
    *,
    clock: Clock,
    environ: Mapping[str, str],
    stage: Stage,
    say: Callable[[Outcome], None],
) -> Delivered:
    """Send each audience its report, unless it was sent one in this period.

    ``files`` are those of the whole report, where they are rendered already; ``say`` is told of
    each message. What cannot be delivered is an outcome, and stops nothing else.

    Raises:
        UsageError: the settings lack what sending needs: nothing was sent.
        HistoryError: it cannot be known, or recorded, who was sent what.
    """
    from auditor.delivery.dispatch import deliver_report, find_undelivered

    delivery = judged.settings.delivery
    composer = _Composer(judged, files, store, stage)
    outcomes = deliver_report(
        composer.compose,
        settings=delivery,
        log=composer.log,
        cluster=composer.cluster,
        run=judged.audit.report.run.id,
        period=composer.period,
        clock=clock,
        environ=environ,
        say=say,
    )
    return Delivered(outcomes, find_undelivered(composer.log, delivery, composer.period))


def write_messages(judged: Judged, store: Store, *, stage: Stage) -> tuple[Path, ...]:
    """Write what `deliver_run` would send today, whoever was sent it already, into files.

    Raises:
        DeliveryError: the folder cannot be written.
        HistoryError: it cannot be known who was sent what.
    """
    from auditor.delivery.dry_run import write_parcels

    delivery = judged.settings.delivery
    composer = _Composer(judged, (), store, stage)
    return write_parcels(
        [composer.compose(one) for one in delivery.audiences],
        settings=delivery,
        folder=Path(judged.settings.output) / _FOLDER,
        cluster=composer.cluster,
        period=composer.period,
        now=judged.audit.report.run.finished_at,
    )


class _Composer:
    """Renders what an audience is sent about a run: only once it is known that it is due."""

    def __init__(
        self, judged: Judged, files: Sequence[tuple[str, bytes]], store: Store, stage: Stage
    ) -> None:
        from auditor.delivery.dispatch import find_undelivered
        from auditor.delivery.email import DeliveredCluster
        from auditor.delivery.period import period_of

        report = judged.audit.report
        self._judged = judged
        self._files = dict(files)
        self._store = store
        self._stage = stage
        key = store.key_of(report.cluster, judged.settings.files)
        self.cluster = DeliveredCluster(key, report.cluster.name or "")
        self._delivery = judged.settings.delivery
        self.period = period_of(self._delivery.period, report.run.started_at, report.run.id)
        self.log = store.deliveries(key)
        self._undelivered = find_undelivered(self.log, self._delivery, self.period)
        self._sides: dict[str, Compared] = {}

    def compose(self, audience: Audience) -> Parcel:
        """Narrow, compare with what was sent last, render."""
        from auditor.delivery.parcel import Parcel, choose_attachments
        from reports.mail import render_mail
        from reports.mail_view import Occasion
        from reports.webhook import render_webhook

        with self._stage(f"writing to {audience.name}") as progress:
            previous, sent = self._last_sent(audience)
            audit, drift = self._narrow(audience, previous)
            mail = self._delivery.mail
            attached, left_out = choose_attachments(
                self._attachments(audit, audience) if audience.to else (),
                int((mail.max_megabytes if mail else 0) * _MEGABYTE),
            )
            progress("message", 0)
            occasion = Occasion(
                period=self._period_in_words(),
                audience=audience.name,
                whole=audience.everything,
                previous=sent,
                undelivered=self._told(audience),
                attached=tuple(one.name for one in attached),
                left_out=tuple(one.name for one in left_out),
                report_url=self._delivery.report_url if audience.everything else "",
            )
            body = render_mail(audit, drift, occasion)
            return Parcel(
                audience=audience.name,
                subject=body.subject,
                text=body.text,
                html=body.html,
                attachments=attached,
                webhook=render_webhook(audit, drift, occasion) if audience.webhook_file else {},
            )

    def _period_in_words(self) -> str:
        """The period as readers know it: of a run, when it was."""
        run = self._judged.audit.report.run
        return _word_period(self.period, run.id, run.started_at)

    def _attachments(self, audit: Audit, audience: Audience) -> tuple[Attachment, ...]:
        """The PDF and the CSV; of the whole report the files that were written, if they were."""
        from auditor.delivery.parcel import Attachment
        from reports.csv import render_csv
        from reports.pdf import render_pdf

        there = self._files if audience.everything else {}
        return (
            Attachment(
                "report.pdf",
                "application/pdf",
                there["report.pdf"] if "report.pdf" in there else render_pdf(audit),
            ),
            Attachment(
                "findings.csv",
                "text/csv",
                there["findings.csv"] if "findings.csv" in there else render_csv(audit),
            ),
        )

    def _narrow(self, audience: Audience, previous: StoredRun | None) -> tuple[Audit, Drift | None]:
        """The audit as the audience may see it, and what changed since it was sent one."""
        audit, view, settings, acceptance = self._judged
        if not audience.everything:
            side = None if previous is None else self._side(previous)
            audit = narrow_audit(audit, view, settings, acceptance, audience, previous=side)
            return audit, audit.report.drift
        drift = audit.report.drift
        if previous is None:
            return audit, None
        if drift is None or drift.previous.id != previous.id:
            drift = compare_with(self._side(previous), audit, view, settings)
        return audit, drift

    def _side(self, run: StoredRun) -> Compared:
        if run.id not in self._sides:
            self._sides[run.id] = side_of_run(self._store, run, self._judged.settings)
        return self._sides[run.id]

    def _last_sent(self, audience: Audience) -> tuple[StoredRun | None, SentReport | None]:
        """The run of the last report to an audience, in a period before; (None, None): none was.

        Where its content was pruned only what it was is known.
        """
        from reports.mail_view import SentReport

        last = self.log.last_sent(audience.name, before=self.period)
        if last is None:
            return None, None
        try:
            run = self._store.find(last.run)
        except UnknownNameError:
            return None, SentReport(last.run, last.at)
        return run, SentReport(run.id, run.started_at)

    def _told(self, audience: Audience) -> tuple[Undelivered, ...]:
        """What was not delivered before: of all to who gets everything, to others of their own."""
        from reports.mail_view import Undelivered

        return tuple(
            Undelivered(
                _word_period(one.period, one.run, one.at),
                one.run,
                f"{one.channel} to {one.recipient}: {one.reason}",
            )
            for one in self._undelivered
            if audience.everything or one.audience == audience.name
        )


def _word_period(period: str, run: str, moment: str) -> str:
    """A period as readers know it: that of a run is its time."""
    from reports.times import describe_minute

    return describe_minute(moment) if period == run else period
