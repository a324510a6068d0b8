"""A person's own telephone: how their line is opened, the number to call back, the SIP account.

The password of a SIP account is shown once; kept is HA1, the MD5 of name, realm and password (RFC 2617 §3.2.2.2), which digest
authentication needs and from which a password of 120 random bits cannot be found.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls import callbacks
from hearthline.calls.models import LineKind, OwnPhone
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import User

# no letters that are mistaken for digits when they are read aloud or typed on a telephone
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_PASSWORD_LENGTH = 24  # 5 bits each
_NAME_LENGTH = 8


@dataclass(frozen=True, slots=True)
class SipAccount:
    """What is typed into the telephone. The password is not kept anywhere."""

    server: str
    name: str
    password: str = field(repr=False)


def own_phone(user: User) -> OwnPhone:
    """The person's row, or one with the browser that is not saved."""
    return OwnPhone.objects.filter(user=user).first() or OwnPhone(user=user)


def phones_offered() -> bool:
    """Whether SIP phones may register here."""
    return settings.HEARTHLINE.phones_register


def choose_line(*, user: User, kind: str, number: str = "", request: HttpRequest | None = None) -> OwnPhone:
    """How this person's line is opened from now on; a line that is open stays as it is.

    Raises InvalidInputError for a number that is none, NotAllowedError for one that the exchange does not call,
    ConflictError for a SIP phone without an account.
    """
    if kind not in LineKind.values:
        raise InvalidInputError(_("Choose how your line is opened."))
    number = callbacks.callable_number(number) if kind == LineKind.CALLBACK else ""
    with transaction.atomic():
        phone, _created = OwnPhone.objects.select_for_update().get_or_create(user=user)
        if kind == LineKind.SIP_PHONE and not phone.sip_name:
            raise ConflictError(_("Make an account for your SIP phone first."))
        if number and number != phone.number:
            phone.number, phone.confirmed_at = number, None
        phone.kind = kind
        phone.save(update_fields=["kind", "number", "confirmed_at"])
        audit.record(Tag.WEB_LINE_CHOSEN, user, user.pk, {"kind": kind}, request)
    return phone


def confirm_number(user: User, number: str) -> None:
    """Its owner has pressed the code. Within the caller's transaction."""
    changed = OwnPhone.objects.filter(user=user, number=number, confirmed_at=None).update(confirmed_at=clock.now())
    if changed:
        audit.record(Tag.SYSTEM_PHONE_CONFIRMED, user, user.pk)


def issue_sip_account(*, user: User, request: HttpRequest | None = None) -> SipAccount:
    """Make the account, or give it a new password; the old one is worthless within seconds. Raises ConflictError when this
    exchange takes no SIP phones."""
    if not phones_offered():
        raise ConflictError(_("This exchange takes no SIP phones. Ask the admin."))
    password = _random(_PASSWORD_LENGTH)
    with transaction.atomic():
        phone, _created = OwnPhone.objects.select_for_update().get_or_create(user=user)
        phone.sip_name = phone.sip_name or _random(_NAME_LENGTH)
        phone.sip_ha1 = ha1(phone.sip_name, password)
        phone.sip_made_at = clock.now()
        phone.save(update_fields=["sip_name", "sip_ha1", "sip_made_at"])
        audit.record(Tag.WEB_SIP_ACCOUNT_ISSUED, user, user.pk, {"name": phone.sip_name}, request)
    return SipAccount(settings.HEARTHLINE.phones_server, phone.sip_name, password)


def withdraw_sip_account(*, user: User, request: HttpRequest | None = None) -> None:
    """No telephone may register with it any more. Again: no error."""
    with transaction.atomic():
        phone = OwnPhone.objects.select_for_update().filter(user=user).exclude(sip_name="").first()
        if phone is None:
            return
        name, phone.sip_name, phone.sip_ha1, phone.sip_made_at = phone.sip_name, "", "", None
        phone.registered_node = None
        if phone.kind == LineKind.SIP_PHONE:
            phone.kind = LineKind.BROWSER
        phone.save(update_fields=["sip_name", "sip_ha1", "sip_made_at", "registered_node", "kind"])
        audit.record(Tag.WEB_SIP_ACCOUNT_WITHDRAWN, user, user.pk, {"name": name}, request)


def ha1(name: str, password: str) -> str:
    text = f"{name}:{settings.HEARTHLINE.phones_realm}:{password}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
