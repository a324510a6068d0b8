"""Reports: something a person should look at. Opened by the exchange's own rules or by people, closed by a moderator's action."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls import corrections
from hearthline.calls.models import Attempt
from hearthline.campaigns import services as campaigns
from hearthline.campaigns.models import CampaignState, PauseReason
from hearthline.ledger import reversals
from hearthline.ledger.services import InsufficientFundsError
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money
from hearthline.people import audit
from hearthline.people.models import User
from hearthline.quality.models import Report
from hearthline.quality.models_moderation import ReportAction, ReportKind
from hearthline.realtime.audiences import STAFF
from hearthline.realtime.configured import bus

QUIET = timedelta(days=7)  # a matter that a moderator has just closed is not opened again by a rule
MAX_CALLS = 20  # in the evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found. `key` says what it is about, so that one matter is one report."""

    kind: ReportKind
    key: str
    figures: Mapping[str, int | float | str]
    calls: list[uuid.UUID] = field(default_factory=list)
    operator: uuid.UUID | None = None
    campaign: uuid.UUID | None = None
    organisation: uuid.UUID | None = None
    attempt: uuid.UUID | None = None


def open_found(finding: Finding) -> Report | None:
    """The report of a finding: a new one, or the open one with its evidence brought up to date. None: closed lately."""
    evidence = {"figures": dict(finding.figures), "calls": [str(id) for id in finding.calls[:MAX_CALLS]]}
    now = clock.now()
    if Report.objects.filter(key=finding.key, closed_at=None).update(evidence=evidence):
        return Report.objects.filter(key=finding.key, closed_at=None).first()
    if Report.objects.filter(key=finding.key, closed_at__gt=now - QUIET).exists():
        return None
    subject = {
        "operator_id": finding.operator,
        "campaign_id": finding.campaign,
        "organisation_id": finding.organisation,
        "attempt_id": finding.attempt,
    }
    return _open(Report(kind=finding.kind, key=finding.key, evidence=evidence, opened_at=now, **subject))


def tell(
    *,
    by: User,
    words: str,
    attempt: Attempt,
    request: HttpRequest | None = None,
) -> Report:
    """A person reports a call. One open report for each person and call."""
    words = words.strip()[:2000]
    if not words:
        raise InvalidInputError(_("Say in your own words what happened."))
    report = _open(
        Report(
            kind=ReportKind.BY_PERSON,
            key=f"by_person:{by.pk}:{attempt.pk}",
            attempt=attempt,
            campaign_id=attempt.campaign_id,
            operator_id=attempt.operator_id,
            told_by=by,
            words=words,
            evidence={"figures": {}, "calls": [str(attempt.pk)]},
        )
    )
    audit.record(audit.Tag.WEB_REPORT_OPENED, by, report.pk, {"attempt": attempt.pk}, request)
    return report


def actions_for(report: Report) -> list[ReportAction]:
    """What can be done about it."""
    actions = [ReportAction.DISMISS]
    if report.operator_id is not None:
        actions += [ReportAction.COACH, ReportAction.SUSPEND]
    if report.evidence.get("calls") and report.kind != ReportKind.DECOY_CALLED:  # the exchange's own call: nobody paid
        actions += [ReportAction.REVERSE, ReportAction.REFUND]
    if report.campaign_id is not None:
        actions.append(ReportAction.PAUSE_CAMPAIGN)
    return actions


def close(*, report: Report, moderator: User, action: str, answer: str, request: HttpRequest | None = None) -> Report:
    """Do what the moderator decided, and close the report. Exactly one moderator does. Money: of all paid calls in the evidence.

    Raises InvalidInputError for an action that does not fit, ConflictError when it is closed already or pay has been paid out.
    """
    answer = answer.strip()[:2000]
    if action not in actions_for(report):
        raise InvalidInputError(_("Choose what to do about it."))
    if action != ReportAction.DISMISS and not answer:
        raise InvalidInputError(_("Give your reasons; those whom it concerns will read them."))
    with transaction.atomic():
        changed = Report.objects.filter(pk=report.pk, closed_at=None).update(
            closed_at=clock.now(), closed_by=moderator, action=action, answer=answer
        )
        if changed != 1:
            raise ConflictError(_("Another moderator has closed this already."))
        report.refresh_from_db()
        _act(report, moderator, request)
        audit.record(audit.Tag.WEB_REPORT_CLOSED, moderator, report.pk, {"action": action}, request)
        _told(report)
    return report


def _act(report: Report, moderator: User, request: HttpRequest | None) -> None:
    match report.action:
        case ReportAction.SUSPEND if report.operator is not None:
            User.objects.filter(pk=report.operator.pk).update(is_active=False)
            details = {"report": report.pk}
            audit.record(audit.Tag.WEB_OPERATOR_SUSPENDED, moderator, report.operator.pk, details, request)
        case ReportAction.REVERSE:
            for attempt in _paid_calls(report):
                _reverse(attempt)
        case ReportAction.REFUND:
            for attempt in _paid_calls(report):
                _refund(attempt)
        case ReportAction.PAUSE_CAMPAIGN:
            campaign = report.campaign
            if campaign is not None and campaign.state == CampaignState.RUNNING:
                campaigns.pause(campaign=campaign, actor=moderator, reason=PauseReason.BY_MODERATOR, request=request)


def _paid_calls(report: Report) -> list[Attempt]:
    ids = report.evidence.get("calls", [])[:MAX_CALLS]
    paid = Attempt.objects.filter(pk__in=ids, payable=True, charged_minor__gt=0)
    return list(paid.select_related("assignment", "campaign").order_by("pk"))


def _reverse(attempt: Attempt) -> None:
    rejected = getattr(attempt, "rating", None)
    if rejected is not None and rejected.rejected_at is not None and rejected.settled_at is None:
        return  # the customer's rejection is decided for itself
    try:
        corrections.take_back(attempt, reason=corrections.REVERSED, stopped=False)
    except InsufficientFundsError:
        raise ConflictError(
            _("The operator has been paid out meanwhile. Refund the customer instead; the exchange bears it.")
        ) from None


def _refund(attempt: Attempt) -> None:
    amount = Money(attempt.charged_minor, attempt.campaign.currency)
    reversals.refund(
        id=derived_id(attempt.pk, "refund"),
        organisation=attempt.campaign.organisation_id,
        amount=amount,
        reference=f"attempt:{attempt.pk}",
    )


def _open(report: Report) -> Report:
    try:
        with transaction.atomic():
            report.save(force_insert=True)
            _told(report)
    except IntegrityError:
        return Report.objects.get(key=report.key, closed_at=None)  # somebody found the same at this moment
    return report


def _told(report: Report) -> None:
    payload: dict[str, Any] = {"report": str(report.pk), "kind": str(report.kind), "open": report.closed_at is None}
    bus().publish("report.changed", payload, audiences=(STAFF,))
