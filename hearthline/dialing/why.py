"""Why is nothing dialling? A count for each rule that keeps contacts back, and when that changes next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hearthline.campaigns import tally
from hearthline.campaigns.models import (
    BlockReason,
    Campaign,
    CampaignState,
    Contact,
    ContactState,
    PauseReason,
)
from hearthline.dialing import claims, promises
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.rules import Window, next_opening, open_zones
from hearthline.ledger.models import AccountKind
from hearthline.ledger.services import account_of
from hearthline.lib import clock

STANDING_STILL = frozenset({"not_running", "no_funds", "funds_held"})
COUNTED_TO = 10_000  # rows that are counted for one sentence; more is "10,000 or more"


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` names the rule: "not_running", "no_funds", "funds_held", "no_contacts", "outside_window", "not_due", "promised",
    "with_operators", "used_up", "done", or a `BlockReason`. `count`: contacts kept back by it (0: all). `at_least`: there are more.
    `until`: when it changes by itself, if it does."""

    code: str
    count: int
    sentence: str
    until: datetime | None = None
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class WhyIdle:
    """`ready` contacts can be called this moment: when there are some, what is missing is operators."""

    ready: int
    reasons: list[Reason] = field(default_factory=list)
    next_change_at: datetime | None = None
    sentence: str = ""


def why_idle(campaign: Campaign, now: datetime | None = None) -> WhyIdle:
    """Cheap at any size: running totals, the heads of the queues, and counts that stop at `COUNTED_TO`."""
    now = now or clock.now()
    reasons = [*_standing_still(campaign), *_kept_back(campaign, now)]
    ready, waiting = _queues(campaign, now)
    reasons += waiting
    changes = [reason.until for reason in reasons if reason.until is not None]
    stands = any(reason.code in STANDING_STILL for reason in reasons)
    change = min(changes, default=None) if not stands else None
    return WhyIdle(0 if stands else ready, reasons, change, _summary(campaign, ready, reasons, stands))


def _standing_still(campaign: Campaign) -> list[Reason]:
    if campaign.state == CampaignState.DRAFT:
        return [Reason("not_running", 0, _("The campaign has not been started."))]
    if campaign.state == CampaignState.FINISHED:
        return [Reason("not_running", 0, _("The campaign is finished."))]
    if campaign.state == CampaignState.PAUSED and campaign.pause_reason != PauseReason.INSUFFICIENT_FUNDS:
        sentence = _("The campaign is paused: %(reason)s.") % {"reason": campaign.get_pause_reason_display()}
        return [Reason("not_running", 0, sentence)]
    account = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    if account.balance >= campaign.price_minor > account.available:
        sentence = _("The rest of the balance is set aside for the calls that are going on now.")
        return [Reason("funds_held", 0, sentence)]
    if account.available < campaign.price_minor:
        return [Reason("no_funds", 0, _("The balance does not cover one more conversation. Top it up."))]
    if campaign.state == CampaignState.PAUSED:
        return [Reason("not_running", 0, _("The balance was used up; there is money again. Start the campaign."))]
    return []


def _kept_back(campaign: Campaign, now: datetime) -> list[Reason]:
    totals = tally.of(campaign.pk)
    reasons: list[Reason] = []
    if not totals.contacts:
        return [Reason("no_contacts", 0, _("There are no contacts yet. Upload a spreadsheet."))]
    if totals.done:
        reasons.append(Reason("done", totals.done, _counted(totals.done, "done")))
    if totals.exhausted:
        reasons.append(Reason("used_up", totals.exhausted, _counted(totals.exhausted, "used_up")))
    if totals.blocked:
        blocked = Contact.objects.filter(campaign=campaign, state=ContactState.BLOCKED)
        for why, count in blocked.order_by().values_list("block_reason").annotate(n=Count("pk")):
            reasons.append(Reason(why or BlockReason.REMOVED, count, _counted(count, why or BlockReason.REMOVED)))
    active = Assignment.objects.filter(campaign=campaign, state=AssignmentState.ACTIVE)
    with_operators = active.aggregate(n=Count("pk"), until=Min("lease_expires_at"))
    if with_operators["n"]:
        reasons.append(Reason("with_operators", with_operators["n"], _counted(with_operators["n"], "with_operators")))
    return reasons


def _queues(campaign: Campaign, now: datetime) -> tuple[int, list[Reason]]:
    """How many could be called now, and what keeps the other waiting ones back."""
    window = Window.of(campaign)
    zones = claims.later(campaign_id=campaign.pk, now=now)
    allowed = open_zones(window, frozenset(zones), now)
    waiting = Contact.objects.filter(campaign=campaign, state__in=(ContactState.FRESH, ContactState.RETRY))
    ready, _more = _bounded(waiting.filter(timezone__in=allowed, next_attempt_at__lte=now))
    reasons: list[Reason] = []
    closed = [zone for zone in zones if zone not in allowed]
    if closed:
        count, more = _bounded(waiting.filter(timezone__in=closed))
        opens = [at for zone in closed if (at := next_opening(window, zone, now)) is not None]
        sentence = _counted(count, "outside_window")
        reasons.append(Reason("outside_window", count, sentence, min(opens, default=None), more))
    first = min((at for zone in allowed if (at := zones[zone]) is not None), default=None)
    if first is not None:
        count, more = _bounded(waiting.filter(timezone__in=allowed, next_attempt_at__gt=now))
        reasons.append(Reason("not_due", count, _counted(count, "not_due"), first, more))
    kept = promises.kept_in(campaign, sorted(allowed), now, COUNTED_TO)
    if kept.count:
        sentence = _counted(kept.count, "promised")
        reasons.append(Reason("promised", kept.count, sentence, kept.until, kept.count == COUNTED_TO))
    return max(0, ready - kept.due), reasons


def _bounded(rows: object) -> tuple[int, bool]:
    count = rows.order_by()[: COUNTED_TO + 1].count()  # type: ignore[attr-defined]
    return min(count, COUNTED_TO), count > COUNTED_TO


def _counted(count: int, code: str) -> str:
    """A sentence with a count, in the active language."""
    match code:
        case "done":
            text = ngettext("%(n)s contact is done.", "%(n)s contacts are done.", count)
        case "used_up":
            text = ngettext(
                "%(n)s contact could not be reached in as many attempts as you allow.",
                "%(n)s contacts could not be reached in as many attempts as you allow.",
                count,
            )
        case "with_operators":
            text = ngettext("%(n)s contact is with an operator.", "%(n)s contacts are with operators.", count)
        case "outside_window":
            text = ngettext(
                "For %(n)s contact it is outside the hours of calling where they are.",
                "For %(n)s contacts it is outside the hours of calling where they are.",
                count,
            )
        case "not_due":
            text = ngettext(
                "%(n)s contact waits for its next attempt.", "%(n)s contacts wait for their next attempt.", count
            )
        case "promised":
            text = ngettext(
                "%(n)s contact was promised a call by an operator and waits for that operator.",
                "%(n)s contacts were promised a call by an operator and wait for that operator.",
                count,
            )
        case BlockReason.DO_NOT_CALL:
            text = ngettext(
                "%(n)s contact is on the do-not-call list.", "%(n)s contacts are on the do-not-call list.", count
            )
        case BlockReason.UNPRICED:
            text = ngettext(
                "For %(n)s contact the exchange has no telephone price.",
                "For %(n)s contacts the exchange has no telephone price.",
                count,
            )
        case BlockReason.ABSENT:
            text = ngettext("%(n)s number is not in service.", "%(n)s numbers are not in service.", count)
        case _:
            text = ngettext("%(n)s contact was removed by you.", "%(n)s contacts were removed by you.", count)
    return text % {"n": count}


def _summary(campaign: Campaign, ready: int, reasons: list[Reason], stands: bool) -> str:
    if stands:
        return next(reason.sentence for reason in reasons if reason.code in STANDING_STILL)
    if ready:
        return _("Contacts are ready to be called; no operator is free at the moment.")
    opening = [reason for reason in reasons if reason.until is not None]
    if opening:
        at = min(reason.until for reason in opening if reason.until is not None)
        local = at.astimezone(ZoneInfo(campaign.timezone))
        words = {"time": f"{local:%H:%M}", "day": f"{local:%d.%m}", "zone": campaign.timezone}
        return _("Nobody may be called right now. Calls go on at %(time)s on %(day)s (%(zone)s).") % words
    if any(reason.code == "with_operators" for reason in reasons):
        return _("Operators are calling the last contacts.")
    return _("All contacts are done. Upload more, or finish the campaign.")
