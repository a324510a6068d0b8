"""Who takes a hand-over: a person with an account, or a guest whose signed link opened exactly one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from hearthline.calls import selectors
from hearthline.calls.gates import handover_for_manager
from hearthline.calls.models import HandOver, Line, LineState
from hearthline.lib.errors import NotFoundError
from hearthline.people.gates import require_role
from hearthline.people.models import Role, User
from hearthline.realtime.audiences import guest_scope
from hearthline.web.commands import person_of


@dataclass(frozen=True, slots=True)
class Taker:
    """`user` is None for a guest; `guest` is then the one hand-over they may touch."""

    user: User | None
    guest: HandOver | None

    @property
    def command_user(self) -> str:
        """What commands carry as `user`."""
        return str(self.user.pk) if self.user is not None else ""

    def handover(self, id: str) -> HandOver:
        """Raises NotFoundError for one that is not theirs."""
        if self.user is not None:
            return handover_for_manager(self.user, id)
        assert self.guest is not None
        if str(self.guest.pk) != id:
            raise NotFoundError(_("This link is for another hand-over."))
        return self.guest

    def line(self, id: str, *, also_closed: bool = False) -> Line:
        """Their open line; `also_closed`: as `calls.gates.line_for_person` has it. Raises NotFoundError."""
        rows = (
            Line.objects.filter(user=self.user) if self.user is not None else Line.objects.filter(handover=self.guest)
        )
        line = rows.filter(pk=_uuid(id)).first()
        if line is None or (line.state == LineState.CLOSED and not also_closed):
            raise NotFoundError(_("Your line is closed. Open it again."))
        return line

    def state(self) -> dict[str, Any]:
        """`selectors.manager_state`, or the same shape with a guest's one hand-over."""
        if self.user is not None:
            return selectors.manager_state(self.user)
        assert self.guest is not None
        return selectors.guest_state(self.guest)


def taker_of(request: HttpRequest, guest: uuid.UUID | None) -> Taker:
    """The one who asks; `guest` is the hand-over named in the address of a guest's page.

    Raises NotFoundError when the session has no scope for that hand-over, SignedOutError without an account.
    """
    if guest is None:
        return Taker(user=require_role(person_of(request), Role.CUSTOMER), guest=None)
    scope = guest_scope(request.session)
    handover = HandOver.objects.select_related("attempt__campaign", "manager").filter(pk=guest).first()
    if scope is None or scope["handover"] != str(guest) or handover is None:
        raise NotFoundError(_("This link has been used or has expired. Ask for the contact to be called again."))
    return Taker(user=None, guest=handover)


def _uuid(id: str) -> uuid.UUID:
    try:
        return uuid.UUID(id)
    except ValueError:
        raise NotFoundError(_("Your line is closed. Open it again.")) from None
