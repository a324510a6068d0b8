"""Which SIP phones may register at this node's switch, and which of them are registered: the database and the switch in step.

A new password, a withdrawn account, a person who may not sign in any more: in force within `reconcile_every_s`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from hearthline.calls.models import OwnPhone
from hearthline.realtime.audiences import user_audience
from hearthline.realtime.configured import bus
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor


class PhoneAccounts:
    """Of one node."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._accepted: list[port.PhoneAccount] = []

    async def renew(self) -> None:
        """The switch may be another process than before. Raises SwitchError."""
        self._accepted = []
        await self.look()

    async def look(self) -> None:
        """Raises SwitchError."""
        if not settings.HEARTHLINE.phones_register:
            return
        conductor = self._conductor
        wanted = await conductor.database.run(accounts)
        if wanted != self._accepted:
            await conductor.switch.accept_phones(wanted)
            self._accepted = wanted
        names = await conductor.switch.registered_phones() if wanted else []
        await conductor.database.run(write_registered, conductor.node, names)

    def take(self, event: port.PhoneRegistered | port.PhoneUnregistered) -> None:
        here = isinstance(event, port.PhoneRegistered)
        conductor = self._conductor
        conductor.spawn(conductor.database.run(write_change, conductor.node, event.phone, here), "note a SIP phone")


def accounts() -> list[port.PhoneAccount]:
    """Those of people who may sign in."""
    rows = OwnPhone.objects.filter(user__is_active=True).exclude(sip_name="").order_by("sip_name")
    realm = settings.HEARTHLINE.phones_realm
    return [
        port.PhoneAccount(name, realm, ha1)
        for name, ha1 in rows.values_list("sip_name", "sip_ha1")[: port.PHONES_BOUND]
    ]


def write_registered(node: str, names: list[str]) -> None:
    """Exactly these are registered at this node."""
    here = OwnPhone.objects.filter(registered_node=node).values_list("sip_name", flat=True)
    for name in set(here) - set(names):
        write_change(node, name, False)
    for name in set(names) - set(here):
        write_change(node, name, True)


def write_change(node: str, name: str, here: bool) -> None:
    """A telephone has come to this node, or has left it; told to its owner when it is news."""
    with transaction.atomic():
        rows = OwnPhone.objects.filter(sip_name=name).exclude(sip_name="")
        phone = rows.first()
        if here:
            changed = rows.exclude(registered_node=node).update(registered_node=node)
        else:
            changed = rows.filter(registered_node=node).update(registered_node=None)  # it may be at another node by now
        if changed and phone is not None:
            bus().publish("phone.changed", {"registered": here}, audiences=(user_audience(phone.user_id),))
