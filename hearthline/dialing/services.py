"""Leases on contacts: the next one is claimed, renewed, given back, or ended by its outcome (outcomes.py)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import destinations
from hearthline.campaigns.models import (
    BlockReason,
    Campaign,
    CampaignKind,
    CampaignState,
    Contact,
    ContactState,
    PauseReason,
)
from hearthline.campaigns.services import pause
from hearthline.campaigns.tasks import review_destinations
from hearthline.dialing import claims, promises
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.outcomes import apply_outcome
from hearthline.dialing.rules import Window, open_zones
from hearthline.ledger import one_statement
from hearthline.ledger.models import AccountKind
from hearthline.ledger.services import InsufficientFundsError, account_of, hold_conversation, void
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotAllowedError
from hearthline.lib.ids import new_id
from hearthline.lib.languages import language_name
from hearthline.lib.money import Money
from hearthline.people.models import User
from hearthline.realtime.configured import bus

__all__ = [
    "OtherCampaignError",
    "StaleLeaseError",
    "active_of",
    "apply_outcome",
    "claim_next",
    "claim_promised",
    "dial_begun",
    "expire_leases",
    "level_needed",
    "level_of",
    "release",
    "renew",
    "require_fit",
    "speaks",
    "why_closed",
]

CLAIM_ROUNDS = 20  # how often a claim begins again because others were faster; then it says that there is nothing
RELEASE_REASONS = frozenset({"skipped", "lease_expired", "shift_ended", "withdrawn"})
EXPIRE_BATCH = 200


class StaleLeaseError(ConflictError):
    """The lease is over: somebody else may have the contact."""

    code = "stale_lease"

    def __init__(self) -> None:
        super().__init__(_("You no longer have this contact. Take the next one."))


class OtherCampaignError(ConflictError):
    code = "busy_elsewhere"

    def __init__(self) -> None:
        super().__init__(_("You still have a contact of another campaign. Finish that one first."))


def claim_next(operator: User, campaign: Campaign) -> Assignment | None:
    """The next contact for this operator, leased for `lease_s`, with its price held. None: there is none right now;
    `why.why_idle` says why.

    Who has an active assignment in this campaign gets that one again. Raises NotAllowedError for a language or level
    that does not fit, ConflictError when the campaign is not running, OtherCampaignError. When the balance does not
    cover one more conversation, the campaign is paused and None is returned; while the rest of it is set aside for calls
    that are going on, there is just nothing right now.
    """
    require_fit(operator, campaign)
    window = Window.of(campaign)
    for _round in range(CLAIM_ROUNDS):
        now = clock.now()
        queues = claims.look(campaign_id=campaign.pk, operator_id=operator.pk, now=now)
        allowed = open_zones(window, frozenset(queue.zone for queue in queues), now)
        open_queues = [queue for queue in queues if queue.zone in allowed]
        again = False
        for queue in open_queues:
            try:
                assignment = _claim(operator, campaign, queue, now)
            except IntegrityError:
                again = True  # the number, or this operator, was claimed in the same moment
                break
            except _UnpricedError as unpriced:
                _leave_out(campaign, unpriced.contact)
                again = True
                break
            except InsufficientFundsError:
                _pause_without_funds(campaign)
                return None
            if assignment is not None:
                return assignment
        if (held := _active(operator)) is not None:
            if held.campaign_id != campaign.pk:
                raise OtherCampaignError
            return held
        if not again:
            break
    fresh = Campaign.objects.filter(pk=campaign.pk).values_list("state", flat=True).first()
    if fresh != CampaignState.RUNNING:
        raise ConflictError(_("This campaign does not run at the moment. Choose another."))
    return None


def claim_promised(operator: User) -> Assignment | None:
    """A callback that this operator has promised and whose time has come, in whatever running campaign, leased as by
    `claim_next`. None: there is none that may be called now. Who has an active assignment gets that one again."""
    now = clock.now()
    for contact in promises.due(operator, now):
        campaign, zone = contact.campaign, contact.timezone
        if why_closed(operator, campaign) or zone not in open_zones(Window.of(campaign), frozenset((zone,)), now):
            continue
        try:
            assignment = _claim(operator, campaign, claims.Queue(zone, claims.OWN, contact.next_attempt_at), now)
        except IntegrityError:  # the number is on the line elsewhere, or this operator has another contact
            assignment = _active(operator)
        except _UnpricedError as unpriced:
            _leave_out(campaign, unpriced.contact)
            continue
        except InsufficientFundsError:
            _pause_without_funds(campaign)
            continue
        if assignment is not None:
            return assignment
    return None


def active_of(operator: User) -> Assignment | None:
    """The contact that the operator has in hand."""
    return _active(operator)


def require_fit(operator: User, campaign: Campaign) -> None:
    """Raises NotAllowedError with the sentence of `why_closed`."""
    if sentence := why_closed(operator, campaign):
        raise NotAllowedError(sentence)


def why_closed(operator: User, campaign: Campaign) -> str:
    """Why this operator may not call in this campaign, and the way in; '' when they may."""
    if tries_scenarios(operator, campaign):
        return ""
    if not operator.is_active or operator.role != "operator":
        return str(_("Only operators call."))
    if not speaks(operator, campaign.language):
        words = {"language": language_name(campaign.language)}
        return str(_("The calls are in another language (%(language)s). Add it to the languages you speak.") % words)
    level, needed = level_of(operator), level_needed(campaign)
    if level < needed and level == 0:
        return str(_("Pass the test call first: it opens the campaigns."))
    if level < needed:
        words = {"needed": str(needed), "level": str(level)}
        return str(_("The calls need level %(needed)s; yours is %(level)s. Good calls raise it.") % words)
    return ""


def tries_scenarios(person: User, campaign: Campaign) -> bool:
    """Moderators and admins talk with robots to try what they have written; in no other campaign do they call."""
    return person.is_active and person.role in ("moderator", "admin") and campaign.kind == CampaignKind.TRAINING


def speaks(operator: User, tag: str) -> bool:
    """Whether the operator speaks this language (BCP 47), whatever the country."""
    spoken = {language.split("-")[0].lower() for language in operator.spoken_languages or [operator.language]}
    return tag.split("-")[0].lower() in spoken


def level_of(operator: User) -> int:
    """0 until the test call is passed, where this exchange asks for one."""
    return operator.level if settings.HEARTHLINE.fitness_test else max(1, operator.level)


def level_needed(campaign: Campaign) -> int:
    """Practice is open to everybody, everything else only to those who have passed the test call."""
    return 0 if campaign.kind != CampaignKind.REAL else max(1, campaign.level_required)


def renew(assignment: Assignment | uuid.UUID, fence: int, *, lease_s: int | None = None) -> Assignment:
    """Have the contact for `lease_s` seconds from now (None: the configured lease). Raises StaleLeaseError."""
    id = assignment.pk if isinstance(assignment, Assignment) else assignment
    until = clock.now() + timedelta(seconds=lease_s or settings.HEARTHLINE.lease_s)
    active = Assignment.objects.filter(pk=id, fence=fence, state=AssignmentState.ACTIVE)
    if not active.update(lease_expires_at=until):
        raise StaleLeaseError
    return Assignment.objects.get(pk=id)


def dial_begun(assignment: Assignment, fence: int, *, lease_s: int | None = None) -> Assignment:
    """As `renew`, in the transaction that makes the attempt: from now on only an outcome ends the lease, it does not
    expire by itself. One statement: an INVITE waits for it."""
    until = clock.now() + timedelta(seconds=lease_s or settings.HEARTHLINE.lease_s)
    active = Assignment.objects.filter(pk=assignment.pk, fence=fence, state=AssignmentState.ACTIVE)
    if not active.update(dialled=True, lease_expires_at=until):
        raise StaleLeaseError
    assignment.dialled, assignment.lease_expires_at = True, until
    return assignment


def release(assignment: Assignment, reason: str) -> bool:
    """Give a contact back unspent: `reason` is "skipped", "lease_expired", "shift_ended" or "withdrawn". The hold is voided,
    the contact is due again (a skipped one later). Returns False when the lease was over already: nothing changes then."""
    if reason not in RELEASE_REASONS:
        raise ValueError(f"{reason!r} is no reason to release a contact")
    now = clock.now()
    with transaction.atomic():
        active = Assignment.objects.filter(pk=assignment.pk, state=AssignmentState.ACTIVE)
        ended = {"state": AssignmentState.RELEASED, "release_reason": reason, "closed_at": now}
        if not active.update(**ended):
            return False
        _put_back(assignment, now, reason)
        payload = {
            "assignment": str(assignment.pk),
            "contact": str(assignment.contact_id),
            "campaign": str(assignment.campaign_id),
            "reason": reason,
        }
        bus().publish("contact.released", payload, audiences=(f"user:{assignment.operator_id}",))
        if assignment.hold:
            void(assignment.hold)
    for name, value in ended.items():
        setattr(assignment, name, value)
    return True


def expire_leases(now: datetime) -> int:
    """Give back what was neither dialled nor renewed in time. Returns how many; safe to run in several places at once."""
    expired = Assignment.objects.filter(state=AssignmentState.ACTIVE, dialled=False, lease_expires_at__lt=now)
    count = 0
    for assignment in expired.order_by("lease_expires_at")[:EXPIRE_BATCH]:
        still = Assignment.objects.filter(pk=assignment.pk, lease_expires_at__lt=now, dialled=False).exists()
        count += still and release(assignment, "lease_expired")
    return count


SKIPPED_FOR = timedelta(minutes=10)  # a skipped contact goes to somebody else in between


class _UnpricedError(Exception):
    def __init__(self, contact: uuid.UUID) -> None:
        super().__init__("no price for the destination")
        self.contact = contact


def _claim(operator: User, campaign: Campaign, queue: claims.Queue, now: datetime) -> Assignment | None:
    """The contact and its price together: by one statement where there is one, else, and where that did nothing, step by
    step in one transaction, which also finds out why."""
    id, hold = new_id(), new_id()
    lease_until = now + timedelta(seconds=settings.HEARTHLINE.lease_s)
    asked: _Asked = {
        "campaign": campaign, "operator_id": operator.pk, "queue": queue, "assignment": id, "hold": hold, "now": now,
        "lease_until": lease_until,
    }  # fmt: skip
    claimed = _claim_at_once(asked) if _at_once() else _claim_in_steps(asked)
    if claimed is None:
        return None
    return Assignment(
        id=id, contact_id=claimed.contact, campaign=campaign, operator=operator, phone=claimed.phone,
        fence=claimed.fence, lease_expires_at=lease_until, hold=hold, created_at=now,
    )  # fmt: skip


class _Asked(TypedDict):
    """The parameters of `claims.claim` and `claims.claim_and_hold`."""

    campaign: Campaign
    operator_id: uuid.UUID
    queue: claims.Queue
    assignment: uuid.UUID
    hold: uuid.UUID
    now: datetime
    lease_until: datetime


def _at_once() -> bool:
    return one_statement.available() and not connection.in_atomic_block


def _claim_at_once(asked: _Asked) -> claims.Claimed | None:
    try:
        return claims.claim_and_hold(**asked)
    except DataError:
        return _claim_in_steps(asked)


def _claim_in_steps(asked: _Asked) -> claims.Claimed | None:
    campaign = asked["campaign"]
    with transaction.atomic():
        claimed = claims.claim(**asked)
        if claimed is None:
            return None
        if not claimed.priced:
            raise _UnpricedError(claimed.contact)
        hold_conversation(
            id=asked["hold"],
            organisation=campaign.organisation_id,
            operator=asked["operator_id"],
            price=Money(campaign.price_minor, campaign.currency),
            reference=f"assignment:{asked['assignment']}",
        )
    return claimed


def _active(operator: User) -> Assignment | None:
    active = Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE)
    return active.select_related("contact", "campaign").first()


def _leave_out(campaign: Campaign, contact: uuid.UUID) -> None:
    """A number has lost its price since it was imported: so may have many, which a task finds out."""
    with transaction.atomic():
        destinations.block(campaign.pk, [contact], BlockReason.UNPRICED)
        review_destinations.enqueue(str(campaign.pk))


def _pause_without_funds(campaign: Campaign) -> None:
    """Unless the money is only set aside for calls that are going on: most of it may come back in a minute."""
    if account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency).balance >= campaign.price_minor:
        return
    try:
        pause(campaign=campaign, actor=None, reason=PauseReason.INSUFFICIENT_FUNDS)
    except ConflictError:
        return  # somebody else has paused it meanwhile


def _put_back(assignment: Assignment, now: datetime, reason: str) -> None:
    contact = Contact.objects.get(pk=assignment.contact_id)
    state = ContactState.RETRY if contact.attempts else ContactState.FRESH
    if contact.scenario:
        state = ContactState.DONE  # each robot is there for one assignment
    due = now + SKIPPED_FOR if reason == "skipped" else contact.next_attempt_at
    mine = Contact.objects.filter(pk=contact.pk, state=ContactState.ASSIGNED, fence=assignment.fence)
    mine.update(state=state, next_attempt_at=due)
