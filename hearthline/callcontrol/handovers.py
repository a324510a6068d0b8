"""Who takes a hand-over and how they are reached: a browser with an open line, a phone or SIP URI, a guest with a link."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hearthline.callcontrol.lines import OPEN_STATES, STILL_RINGING
from hearthline.callcontrol.translation import leg_of
from hearthline.calls.call_state import Via
from hearthline.calls.models import Attempt, HandOver, HandOverState, Line
from hearthline.campaigns.models import CampaignKind, CampaignManager
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.lib.ids import new_id, new_token
from hearthline.lib.robot_numbers import is_robot_number
from hearthline.switch import port

logger = logging.getLogger(__name__)

GUEST_RING_S = 150  # a guest has to read a message first
BUSY_BOUND = timedelta(hours=2)  # a hand-over that never ended does not make its manager busy for longer


class LineElsewhereError(ConflictError):
    """The page opens its line anew, which puts it on the call's node, and answers again."""

    code = "line_elsewhere"


class NoManagerError(ConflictError):
    code = "no_manager"


@dataclass(frozen=True, slots=True)
class Chosen:
    handover: HandOver  # not saved yet: it is written with the transition
    via: Via
    leg: str  # of the manager's phone; empty for a line
    ring_s: int  # 0: as usual


def choose_manager(attempt: Attempt, manager_id: int) -> Chosen:
    """`manager_id` 0: the first one free. Raises NoManagerError, or NotFoundError for one of another campaign."""
    managers = list(attempt.campaign.managers.select_related("user"))
    if attempt.contact.scenario and attempt.campaign.kind == CampaignKind.REAL:
        # a robot must not take a customer's person away from people
        raise NoManagerError(_("Every manager is in a conversation. Offer to call back."))
    if manager_id:
        managers = [m for m in managers if m.pk == manager_id]
        if not managers:
            raise NotFoundError(_("This manager does not take calls of this campaign."))
    if not managers:
        raise NoManagerError(_("This campaign has nobody to hand the contact over to."))
    busy = _busy([m.pk for m in managers if not is_robot_number(m.phone)])  # a robot can be in many places
    free = [m for m in managers if m.pk not in busy]
    if not free:
        raise NoManagerError(_("Every manager is in a conversation. Offer to call back."))
    lines = _users_with_line(free)
    manager = min(free, key=lambda m: _effort(m, lines))
    return _chosen(manager, has_line=manager.user_id in lines)


def _effort(manager: CampaignManager, lines: set[object]) -> int:
    """How hard it is to reach this one; equals keep the customer's order."""
    if manager.user_id in lines:
        return 0
    if manager.phone or manager.sip_uri:
        return 1
    return 2 if manager.user_id is not None else 3


def _chosen(manager: CampaignManager, *, has_line: bool) -> Chosen:
    handover = HandOver(id=new_id(), manager=manager, state=HandOverState.RINGING, rang_at=clock.now())
    if not has_line and (manager.phone or manager.sip_uri):
        handover.leg = new_id()
        return Chosen(handover, Via.PHONE, leg_of(handover.leg), 0)
    if manager.user_id is None:
        if not manager.email:
            raise NoManagerError(_("This manager has no account, phone or e-mail address."))
        handover.guest_token = new_token()
        return Chosen(handover, Via.LINE, "", GUEST_RING_S)
    return Chosen(handover, Via.LINE, "", 0)


def _busy(managers: list[int]) -> set[int | None]:
    rows = HandOver.objects.filter(manager__in=managers, ended_at=None, rang_at__gt=clock.now() - BUSY_BOUND)
    return set(rows.values_list("manager_id", flat=True))


def _users_with_line(managers: list[CampaignManager]) -> set[object]:
    """On whichever node: a page that is rung for a call on another one opens its line there while it rings."""
    users = [m.user_id for m in managers if m.user_id is not None]
    lines = Line.objects.filter(user__in=users, state__in=OPEN_STATES).exclude(STILL_RINGING)
    return set(lines.values_list("user_id", flat=True))


def destination_of(handover_id: str) -> port.Destination:
    """Where the manager's phone is. Raises NoManagerError when it was removed meanwhile."""
    handover = HandOver.objects.select_related("manager").get(pk=handover_id)
    manager = handover.manager
    if manager is None or not (manager.phone or manager.sip_uri):
        raise NoManagerError(_("This manager cannot be reached by phone any more."))
    if manager.sip_uri:
        return port.Destination(sip_uri=manager.sip_uri)
    return port.Destination(number=manager.phone)


def guest_link(handover: HandOver) -> str:
    """Works for this hand-over only, until it is over. The token stands in the fragment, which no server logs."""
    return f"{settings.HEARTHLINE.public_url}/handover/{handover.pk}/#{handover.guest_token}"


def invite_guest(handover: HandOver) -> None:
    """Send the signed link. A message that cannot be sent is logged: the operator sees that nobody comes."""
    manager = handover.manager
    if manager is None or not manager.email:
        return
    try:
        with translation.override(manager.campaign.language):
            send_mail(
                subject=str(_("A person is waiting on the line for you")),
                message=str(_("Open this page and answer; it works once:")) + f"\n\n{guest_link(handover)}\n",
                from_email=None,
                recipient_list=[manager.email],
            )
    except OSError:
        logger.exception("hand-over %s: the invitation could not be sent", handover.pk)


def handover_for_answer(handover_id: str, *, user: str, line: str) -> tuple[HandOver, Line]:
    """The hand-over and the line that answers it. Raises NotFoundError when either is not this person's."""
    rows = HandOver.objects.select_related("manager").filter(pk=handover_id)
    rows = rows.filter(manager__user_id=user) if user else rows.exclude(guest_token="")
    handover = rows.first()
    if handover is None:
        raise NotFoundError(_("This hand-over is over, or it is not for you."))
    lines = Line.objects.filter(pk=line, state__in=OPEN_STATES)
    lines = lines.filter(user_id=user) if user else lines.filter(handover=handover)
    found = lines.first()
    if found is not None and Line.objects.filter(STILL_RINGING, pk=found.pk).exists():
        raise ConflictError(_("Your telephone is still ringing. Answer it and press a key, then answer here."))
    if found is None:
        raise ConflictError(_("Your line is not open. Allow the microphone, then answer."))
    return handover, found


def handover_for_person(handover_id: str, *, user: str) -> HandOver:
    rows = HandOver.objects.filter(pk=handover_id)
    rows = rows.filter(manager__user_id=user) if user else rows.exclude(guest_token="")
    handover = rows.first()
    if handover is None:
        raise NotFoundError(_("This hand-over is over, or it is not for you."))
    return handover


def manages(attempt_id: str, *, user: str) -> bool:
    """Whether this person (or, without a user, a guest) is the manager with whom the contact talks."""
    rows = HandOver.objects.filter(attempt_id=attempt_id, ended_at=None)
    rows = rows.filter(manager__user_id=user) if user else rows.exclude(guest_token="")
    return rows.exists()
