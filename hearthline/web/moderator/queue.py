"""The moderators' queue: one item on the screen with everything needed to decide, keys for the decisions, the next one follows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from hearthline.campaigns.models import Contact
from hearthline.campaigns.scripts import render_script, unfolded
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, InvalidInputError, NotFoundError
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.quality import approval, decoy_calls, disputes, levels, queue, reports, standing
from hearthline.quality.analysis.selectors import figures_of_operator, place_at
from hearthline.quality.models import CallRating, CampaignCheck, Dispute, LevelChange, LevelState, Report
from hearthline.quality.models_moderation import ReportAction
from hearthline.web.moderator.call_page import calls_with_recordings, facts_of
from hearthline.web.moderator.suspension import hang_up_lines
from hearthline.web.moderator.words import finding_sentences, report_sentence

CONTACTS_SHOWN = 5
FIGURES_OF = timedelta(days=30)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decision:
    """One of the answers; its key is its place, from 1. `words`: reasons must be given."""

    value: str
    label: str | Promise
    words: bool = True


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    counted = queue.counts()
    waiting = [(kind.title, counted[name]) for name, kind in queue.KINDS.items()]
    return render(request, "moderator/queue.html", {"waiting": waiting, "total": sum(counted.values())})


@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
@require_POST
def take_next(request: HttpRequest) -> HttpResponse:
    """The next item; the one named by `after` is left for others."""
    after = request.POST.get("after", "")
    if after:
        queue.leave(_moderator(request), after)
    return _next(request, after)


@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
@require_safe
def item(request: HttpRequest, kind: str, id: uuid.UUID) -> HttpResponse:
    if kind == "test":
        queue.hold(_moderator(request), f"test:{id}")
        return redirect("moderator:test", id)
    context = _desk(kind).context(request, id)
    if not context["closed"]:  # what is decided may be read by all at once
        queue.hold(_moderator(request), f"{kind}:{id}")
    return _page(request, kind, id, context)


@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
@require_POST
def decide(request: HttpRequest, kind: str, id: uuid.UUID) -> HttpResponse:
    moderator = _moderator(request)
    queue.hold(moderator, f"{kind}:{id}")
    try:
        _desk(kind).decide(request, id, request.POST.get("decision", ""), request.POST.get("words", ""))
    except NotFoundError:
        raise
    except ExchangeError as refusal:
        context = _desk(kind).context(request, id)
        return _page(request, kind, id, context, refused=str(refusal.sentence), status=refusal.status)
    queue.leave(moderator, f"{kind}:{id}")
    return _next(request, "")


def go_on(request: HttpRequest, done: str) -> HttpResponse:
    """After a decision that was taken on a page of its own: the next item."""
    queue.leave(_moderator(request), done)
    return _next(request, "")


def _next(request: HttpRequest, after: str) -> HttpResponse:
    found = queue.next_item(_moderator(request), after=after)
    if found is None:
        messages.success(request, _("Nothing else waits for you."))
        return redirect("moderator:queue")
    return redirect("moderator:item", found.kind, found.id)


def _page(
    request: HttpRequest, kind: str, id: uuid.UUID, context: dict[str, Any], refused: str = "", status: int = 200
) -> HttpResponse:
    context |= {
        "kind": kind,
        "item_id": id,
        "refused": refused,
        "chosen": request.POST.get("decision", ""),
        "words": request.POST.get("words", ""),
    }
    return render(request, _desk(kind).template, context, status=status)


# --- one desk for each kind -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    template: str
    context: Callable[[HttpRequest, uuid.UUID], dict[str, Any]]
    decide: Callable[[HttpRequest, uuid.UUID, str, str], object]


def _desk(kind: str) -> Desk:
    desk = _DESKS.get(kind)
    if desk is None:
        raise NotFoundError(_("There is nothing at this address."))
    return desk


def _dispute_context(request: HttpRequest, id: uuid.UUID) -> dict[str, Any]:
    dispute = _one(Dispute.objects.select_related("operator", "review__reviewer").filter(pk=id).first())
    call = calls_with_recordings([dispute.attempt_id])[0]
    rating = CallRating.objects.filter(attempt=dispute.attempt_id).first()
    return {
        "dispute": dispute,
        "dispute_place": place_at(dispute.at_ms),
        "rating": rating,
        "rating_place": place_at(rating.at_ms if rating else None),
        "call": call,
        "facts": facts_of(call),
        "decisions": [Decision("uphold", _("The operator is right")), Decision("refuse", _("It stays as it is"))],
        "closed": dispute.decided_at is not None,
    }


def _decide_dispute(request: HttpRequest, id: uuid.UUID, decision: str, words: str) -> None:
    _chosen(decision, {"uphold", "refuse"})
    disputes.decide(
        dispute=_one(Dispute.objects.select_related("review").filter(pk=id).first()),
        moderator=_moderator(request),
        upheld=decision == "uphold",
        answer=words,
        request=request,
    )


def _campaign_context(request: HttpRequest, id: uuid.UUID) -> dict[str, Any]:
    check = _one(CampaignCheck.objects.select_related("campaign__organisation").filter(pk=id).first())
    campaign = check.campaign
    contacts = list(Contact.objects.filter(campaign=campaign).order_by("campaign", "row_number", "id")[:CONTACTS_SHOWN])
    return {
        "check": check,
        "campaign": campaign,
        "findings": finding_sentences(check, campaign.currency),
        "script": unfolded(render_script(campaign, None, None)),
        "contacts": contacts,
        "columns": campaign.columns,
        "outcomes": campaign.dispositions.all(),
        "decisions": [
            Decision("approve", _("It may go on") if check.state == "running" else _("It may start"), words=False),
            Decision("refuse", _("Send it back")),
        ],
        "closed": check.decided_at is not None,
    }


def _decide_campaign(request: HttpRequest, id: uuid.UUID, decision: str, words: str) -> None:
    _chosen(decision, {"approve", "refuse"})
    approval.decide(
        check=_one(CampaignCheck.objects.select_related("campaign").filter(pk=id).first()),
        moderator=_moderator(request),
        approved=decision == "approve",
        words=words,
        request=request,
    )


def _report_context(request: HttpRequest, id: uuid.UUID) -> dict[str, Any]:
    report = _one(
        Report.objects.select_related("operator", "campaign", "organisation", "told_by").filter(pk=id).first()
    )
    calls = calls_with_recordings([uuid.UUID(call) for call in report.evidence.get("calls", [])])
    decoy = decoy_calls.lending_of(report)
    chosen = request.POST.getlist("call")
    return {
        "decoy": decoy,
        "decoy_calls": decoy_calls.calls_of(decoy) if decoy is not None else (),
        "report": report,
        "sentence": report_sentence(report),
        "calls": [(call, not chosen or str(call.pk) in chosen) for call in calls],
        "figures": _figures_of(report),
        "decisions": [
            Decision(action.value, action.label, words=action != ReportAction.DISMISS)
            for action in reports.offered(report)
        ],
        "closed": report.closed_at is not None,
    }


def _figures_of(report: Report) -> list[tuple[str | Promise, str]]:
    """How the operator's conversations of a month look to the analysis, beside what is said of some of them."""
    if report.operator is None:
        return []
    figures = figures_of_operator(report.operator, clock.now() - FIGURES_OF)
    shown: list[tuple[str | Promise, str]] = [
        (_("Analysed"), str(figures.calls)),
        (_("With something to look at"), str(figures.suspicious)),
    ]
    if figures.interruptions is not None:
        shown.append((_("Interruptions a call"), number_format(figures.interruptions, 1)))
    for name, share in ((_("The operator speaks"), figures.talk_ratio), (_("Nobody speaks"), figures.silence_share)):
        if share is not None:
            shown.append((name, f"{round(100 * share)} %"))
    return shown if figures.calls else []


def _decide_report(request: HttpRequest, id: uuid.UUID, decision: str, words: str) -> None:
    report = _one(Report.objects.select_related("operator", "campaign").filter(pk=id).first())
    closed = reports.close(
        report=report,
        moderator=_moderator(request),
        action=decision,
        answer=words,
        calls=_chosen_calls(request),
        request=request,
    )
    if closed.moved:
        said = ngettext(
            "The money of %(moved)s call was set right.", "The money of %(moved)s calls was set right.", closed.moved
        )
        messages.success(request, said % {"moved": closed.moved})
    if closed.left:
        said = ngettext(
            "For %(left)s call nothing was to do: not paid, set right already, or rejected by its customer.",
            "For %(left)s calls nothing was to do: not paid, set right already, or rejected by their customers.",
            closed.left,
        )
        messages.info(request, said % {"left": closed.left})
    suspended = closed.report.operator if closed.report.action == ReportAction.SUSPEND else None
    if suspended is not None and not hang_up_lines(suspended):
        messages.warning(
            request,
            _("Suspended. A switch did not answer: a call that is on may go to its end, and nothing follows it."),
        )


def _chosen_calls(request: HttpRequest) -> list[uuid.UUID] | None:
    """Those that were ticked; None: the page had nothing to tick."""
    if not request.POST.get("choosing"):
        return None
    try:
        return [uuid.UUID(id) for id in request.POST.getlist("call")]
    except ValueError:
        raise InvalidInputError(_("Choose the calls that it is about.")) from None


def _level_context(request: HttpRequest, id: uuid.UUID) -> dict[str, Any]:
    change = _one(LevelChange.objects.select_related("operator").filter(pk=id).first())
    return {
        "change": change,
        "quality": standing.quality_for_staff([change.operator_id], clock.now()).get(
            change.operator_id, standing.NOTHING
        ),
        "decisions": [
            Decision("give", _("Give the level"), words=False),
            Decision("decline", _("Not yet")),
        ],
        "closed": change.state != LevelState.PROPOSED,
    }


def _decide_level(request: HttpRequest, id: uuid.UUID, decision: str, words: str) -> None:
    _chosen(decision, {"give", "decline"})
    levels.decide(
        change=_one(LevelChange.objects.select_related("operator").filter(pk=id).first()),
        moderator=_moderator(request),
        given=decision == "give",
        words=words,
        request=request,
    )


_DESKS = {
    "level": Desk("moderator/level.html", _level_context, _decide_level),
    "dispute": Desk("moderator/dispute.html", _dispute_context, _decide_dispute),
    "campaign": Desk("moderator/campaign.html", _campaign_context, _decide_campaign),
    "running": Desk("moderator/campaign.html", _campaign_context, _decide_campaign),
    "report": Desk("moderator/report.html", _report_context, _decide_report),
}


def _one(found: T | None) -> T:
    if found is None:
        raise NotFoundError(_("There is nothing at this address."))
    return found


def _chosen(decision: str, known: set[str]) -> None:
    if decision not in known:
        raise InvalidInputError(_("Choose what to do about it."))


def _moderator(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
