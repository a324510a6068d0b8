"""Reports: something a person should look at. Opened by the exchange's own rules or by people, closed by a moderator's action."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls import corrections
from hearthline.calls.models import Attempt
from hearthline.campaigns import services as campaigns
from hearthline.campaigns.models import CampaignState, PauseReason
from hearthline.ledger.services import InsufficientFundsError
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.people import audit, letters
from hearthline.people.models import User
from hearthline.quality import ratings
from hearthline.quality.models import Report
from hearthline.quality.models_moderation import ReportAction, ReportKind
from hearthline.realtime.audiences import STAFF
from hearthline.realtime.configured import bus

QUIET = timedelta(days=7)  # a matter that a moderator has just closed is not opened again by a rule
MAX_CALLS = 20  # in the evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found. `key` says what it is about, so that one matter is one report. `each`: every call is a matter of its own;
    those that a moderator has judged are not brought again, others are brought at once."""

    kind: ReportKind
    key: str
    figures: Mapping[str, int | float | str]
    calls: list[uuid.UUID] = field(default_factory=list)
    operator: uuid.UUID | None = None
    campaign: uuid.UUID | None = None
    organisation: uuid.UUID | None = None
    attempt: uuid.UUID | None = None
    each: bool = False


def open_found(finding: Finding) -> Report | None:
    """The report of a finding: a new one, or the open one with its evidence brought up to date. None: closed lately."""
    now = clock.now()
    calls = [str(id) for id in finding.calls]
    if finding.each:
        judged = _judged(finding.key)
        calls = [id for id in calls if id not in judged]
        if not calls:
            return None
    figures = {**finding.figures, "found": len(calls)} if finding.each else dict(finding.figures)
    evidence = {"figures": figures, "calls": calls[:MAX_CALLS]}
    if Report.objects.filter(key=finding.key, closed_at=None).update(evidence=evidence):
        return Report.objects.filter(key=finding.key, closed_at=None).first()
    if not finding.each and Report.objects.filter(key=finding.key, closed_at__gt=now - QUIET).exists():
        return None
    subject = {
        "operator_id": finding.operator,
        "campaign_id": finding.campaign,
        "organisation_id": finding.organisation,
        "attempt_id": finding.attempt,
    }
    return _open(Report(kind=finding.kind, key=finding.key, evidence=evidence, opened_at=now, **subject))


def _judged(key: str) -> set[str]:
    """The calls of the closed reports of this matter: as long as a rule may still find them."""
    since = clock.now() - timedelta(days=settings.HEARTHLINE.report_window_days) - QUIET
    closed = Report.objects.filter(key=key, closed_at__gt=since).values_list("evidence", flat=True)
    return {id for evidence in closed for id in evidence.get("calls", [])}


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


def offered(report: Report) -> list[ReportAction]:
    """What can be done about it as things are: nothing is given back where nothing was paid."""
    calls = report.evidence.get("calls", [])[:MAX_CALLS]
    paid = list(Attempt.objects.filter(pk__in=calls, payable=True).values_list("charged_minor", flat=True))
    vain = set() if any(paid) else {ReportAction.REFUND}
    if not paid:
        vain.add(ReportAction.REVERSE)
    return [action for action in actions_for(report) if action not in vain]


def actions_for(report: Report) -> list[ReportAction]:
    """What fits its kind."""
    actions = [ReportAction.DISMISS]
    if report.operator_id is not None:
        actions += [ReportAction.COACH, ReportAction.SUSPEND]
    if report.evidence.get("calls") and report.kind != ReportKind.DECOY_CALLED:  # the exchange's own call: nobody paid
        actions += [ReportAction.REVERSE, ReportAction.REFUND]
    if report.campaign_id is not None:
        actions.append(ReportAction.PAUSE_CAMPAIGN)
    return actions


@dataclass(frozen=True, slots=True)
class Closed:
    """What came of closing a report. `moved` and `left` count the calls whose money was set right and those where nothing was to do."""

    report: Report
    moved: int = 0
    left: int = 0


def close(
    *,
    report: Report,
    moderator: User,
    action: str,
    answer: str,
    calls: Collection[uuid.UUID] | None = None,
    request: HttpRequest | None = None,
) -> Closed:
    """Do what the moderator decided, and close the report. Exactly one moderator does. Money: of the paid calls in the evidence, or of
    those among `calls`; all of it, or none.

    Raises InvalidInputError for an action that does not fit, NotAllowedError for who has a part in it, ConflictError when it is closed
    already, when nothing is left to give back, or when pay has been paid out.
    """
    answer = answer.strip()[:2000]
    if action not in actions_for(report):
        raise InvalidInputError(_("Choose what to do about it."))
    if action != ReportAction.DISMISS and not answer:
        raise InvalidInputError(_("Give your reasons; those whom it concerns will read them."))
    if moderator.pk in (report.told_by_id, report.operator_id):
        raise NotAllowedError(_("You have a part in this. Leave it to another moderator."))
    with transaction.atomic():
        changed = Report.objects.filter(pk=report.pk, closed_at=None).update(
            closed_at=clock.now(), closed_by=moderator, action=action, answer=answer
        )
        if changed != 1:
            raise ConflictError(_("Another moderator has closed this already."))
        report.refresh_from_db()
        closed = _act(report, moderator, calls, request)
        details = {"action": action, "calls": closed.moved}
        audit.record(audit.Tag.WEB_REPORT_CLOSED, moderator, report.pk, details, request)
        _told(report)
        _write_to_operator(report, closed)
    return closed


def _write_to_operator(report: Report, closed: Closed) -> None:
    """What was decided about them, with the reasons."""
    said = _SAID_TO_OPERATOR.get(ReportAction(report.action))
    if report.operator is None or said is None:
        return
    words = {"answer": report.answer, "calls": closed.moved}

    def compose() -> letters.Letter:
        link = "" if report.action == ReportAction.SUSPEND else letters.page("operator:feedback")
        return letters.Letter(_("A moderator writes to you"), str(said) % words, link)

    letters.write([report.operator], compose)


_SAID_TO_OPERATOR = {
    ReportAction.COACH: "%(answer)s",
    ReportAction.SUSPEND: _("Your account is suspended: you cannot sign in any more. The reasons: %(answer)s"),
    ReportAction.REVERSE: _("The pay for %(calls)s of your calls was taken back. The reasons: %(answer)s"),
}


def _act(report: Report, moderator: User, calls: Collection[uuid.UUID] | None, request: HttpRequest | None) -> Closed:
    match report.action:
        case ReportAction.SUSPEND if report.operator is not None:
            User.objects.filter(pk=report.operator.pk).update(is_active=False)
            details = {"report": report.pk}
            audit.record(audit.Tag.WEB_OPERATOR_SUSPENDED, moderator, report.operator.pk, details, request)
        case ReportAction.REVERSE | ReportAction.REFUND:
            return _set_right(report, calls)
        case ReportAction.PAUSE_CAMPAIGN:
            campaign = report.campaign
            if campaign is not None and campaign.state == CampaignState.RUNNING:
                campaigns.pause(campaign=campaign, actor=moderator, reason=PauseReason.BY_MODERATOR, request=request)
    return Closed(report)


def _set_right(report: Report, calls: Collection[uuid.UUID] | None) -> Closed:
    """The money of the calls in the evidence. A call that its customer has rejected is left to that decision."""
    ids = {uuid.UUID(id) for id in report.evidence.get("calls", [])[:MAX_CALLS]}
    chosen = corrections.locked(ids if calls is None else ids & set(calls))
    if not chosen:
        raise InvalidInputError(_("Choose the calls that it is about."))
    rejected = ratings.contested(chosen)
    free = [attempt for attempt in chosen if attempt.pk not in rejected]
    if report.action == ReportAction.REFUND:
        moved = corrections.give_back(free)
    else:
        try:
            moved = corrections.take_back(free, reason=corrections.REVERSED)
        except InsufficientFundsError:
            raise ConflictError(
                _(
                    "The operator has been paid out meanwhile. Choose fewer calls, or refund the customer instead; the "
                    "exchange bears it."
                )
            ) from None
    if not moved and rejected:
        raise ConflictError(
            _("The customer has rejected this call; what becomes of the money is decided there. Choose something else.")
        )
    if not moved:
        raise ConflictError(
            _(
                "The money for this was set right already, or nobody paid. There is nothing to move; choose something else."
            )
        )
    return Closed(report, len(moved), len(chosen) - len(moved))


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
