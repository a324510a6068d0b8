"""Who may touch which call. Each gate names who asks; it raises NotFoundError for what the person may not know of."""

from __future__ import annotations

import hmac
import uuid

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt, HandOver, Line, LineState, Recording
from hearthline.lib.errors import NotFoundError
from hearthline.people.models import MembershipLevel, Role, User

Id = uuid.UUID | str
Person = User | AnonymousUser
_STAFF = (Role.MODERATOR, Role.ADMIN)


def attempt_for_operator(user: Person, id: Id) -> Attempt:
    """The operator's own call."""
    return _attempt(Attempt.objects.filter(operator=_active(user)), id)


def attempt_for_owner(user: Person, id: Id) -> Attempt:
    """A call of a campaign of an organisation that the person owns."""
    return _attempt(
        Attempt.objects.filter(
            contact__scenario="",
            campaign__organisation__memberships__user=_active(user),
            campaign__organisation__memberships__level=MembershipLevel.OWNER,
        ),
        id,
    )


def attempt_for_staff(user: Person, id: Id) -> Attempt:
    if _active(user).role not in _STAFF:
        raise _nothing()
    return _attempt(Attempt.objects.all(), id)


def recording_for_listener(user: Person, id: Id) -> Recording:
    """A complete recording, for whoever keeps it, and for the operator whose own call it is."""
    person = _active(user)
    if person.role != Role.OPERATOR:
        return recording_for_keeper(person, id)
    return _recording(Recording.objects.filter(attempt__operator=person), id)


def recording_for_keeper(user: Person, id: Id) -> Recording:
    """A complete recording, for those who may share and delete it: owners of the campaign's organisation, moderators, admins."""
    person = _active(user)
    if person.role in _STAFF:
        return _recording(Recording.objects.all(), id)
    return _recording(
        Recording.objects.filter(
            attempt__contact__scenario="",
            attempt__campaign__organisation__memberships__user=person,
            attempt__campaign__organisation__memberships__level=MembershipLevel.OWNER,
        ),
        id,
    )


def handover_for_manager(user: Person, id: Id) -> HandOver:
    """A hand-over that rings, or rang, for this manager's account."""
    return _handover(HandOver.objects.filter(manager__user=_active(user)), id)


def handover_for_operator(user: Person, id: Id) -> HandOver:
    return _handover(HandOver.objects.filter(attempt__operator=_active(user)), id)


def handover_for_guest(id: Id, token: str) -> HandOver:
    """By the signed link: the token is the secret, the hand-over is the one it was made for, while it lasts."""
    handover = _handover(HandOver.objects.filter(ended_at=None).exclude(guest_token=""), id)
    if not hmac.compare_digest(handover.guest_token.encode(), token.encode()):
        raise _nothing()
    return handover


def line_for_person(user: Person, id: Id, *, also_closed: bool = False) -> Line:
    """The person's own line that is not closed. `also_closed`: for whoever wants it closed. The page ends its connection first, and
    the switch may have noticed before the page's word arrives."""
    line = Line.objects.filter(pk=_uuid(id), user=_active(user)).first()
    if line is None or (line.state == LineState.CLOSED and not also_closed):
        raise NotFoundError(_("Your line is closed. Open it again."))
    return line


def _attempt(rows: QuerySet[Attempt], id: Id) -> Attempt:
    attempt = (
        rows.select_related("campaign", "contact", "assignment", "operator", "disposition").filter(pk=_uuid(id)).first()
    )
    if attempt is None:
        raise _nothing()
    return attempt


def _recording(rows: QuerySet[Recording], id: Id) -> Recording:
    recording = rows.select_related("attempt").filter(pk=_uuid(id), duration_ms__isnull=False).first()
    if recording is None:
        raise NotFoundError(_("There is no such recording, or it is not yours to hear."))
    return recording


def _handover(rows: QuerySet[HandOver], id: Id) -> HandOver:
    found = rows.select_related("attempt__campaign", "attempt__contact", "manager").filter(pk=_uuid(id)).first()
    if found is None:
        raise NotFoundError(_("This hand-over is over, or it is not for you."))
    return found


def _active(user: Person) -> User:
    if not isinstance(user, User) or not user.is_active:
        raise _nothing()
    return user


def _nothing() -> NotFoundError:
    return NotFoundError(_("There is no such call, or it is not yours."))


def _uuid(id: Id) -> uuid.UUID:
    if isinstance(id, uuid.UUID):
        return id
    try:
        return uuid.UUID(id)
    except (ValueError, AttributeError, TypeError):
        raise _nothing() from None
