"""Decoy numbers: which there are, to whom one is lent, what the operator is shown of it.

A decoy is shown or said, never dialled: the contact itself has a robot's number, which is the only thing that decides where a
call goes (ADR 17, ADR 23).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Trunk
from hearthline.campaigns.models import Campaign
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.phone import PhoneNumberError, is_ordinary, parse_phone
from hearthline.lib.phone_forms import written_like
from hearthline.people import audit
from hearthline.people.models import User
from hearthline.quality.models import DecoyLending, DecoyNumber

MOST_NUMBERS = 500
CANDIDATES = 20  # free numbers from which one is drawn


@dataclass(frozen=True, slots=True)
class Showing:
    """A free number, and the columns as the operator would see them. `spoken`: no column has telephone numbers; it is to be said."""

    number: DecoyNumber
    data: dict[str, str]
    spoken: bool


# --- for the admin ----------------------------------------------------------------------------------------------------


def add_number(*, phone: str, trunk: Trunk, by: User, request: HttpRequest | None = None) -> DecoyNumber:
    """Raises InvalidInputError for what is no ordinary number with its country code, ConflictError when it is there already."""
    try:
        number = parse_phone(phone, "ZZ").e164
    except PhoneNumberError:
        number = ""
    if not number or not is_ordinary(number):
        raise InvalidInputError(
            _("Write an ordinary telephone number with its country code: +74951234567."), field="phone"
        )
    if DecoyNumber.objects.count() >= MOST_NUMBERS:
        raise ConflictError(_("At most 500 decoy numbers."))
    try:
        with transaction.atomic():
            decoy = DecoyNumber.objects.create(phone=number, trunk=trunk, added_by=by)
            audit.record(audit.Tag.WEB_DECOY_ADDED, by, decoy.pk, {"trunk": trunk.pk}, request)
    except IntegrityError:
        raise ConflictError(_("This number is in the list already.")) from None
    return decoy


def put_in_use(*, decoy: DecoyNumber, on: bool, by: User, request: HttpRequest | None = None) -> None:
    """Out of use it is lent to nobody and not listened for; what was heard of it stays. Again: no error."""
    with transaction.atomic():
        if DecoyNumber.objects.filter(pk=decoy.pk).exclude(active=on).update(active=on):
            audit.record(audit.Tag.WEB_DECOY_CHANGED, by, decoy.pk, {"active": on}, request)


def all_numbers() -> QuerySet[DecoyNumber]:
    """With trunk and, as `lent`, the lendings with operator and campaign, the latest first."""
    latest = DecoyLending.objects.select_related("operator", "campaign").order_by("-begun_at")
    return DecoyNumber.objects.select_related("trunk").prefetch_related(Prefetch("lendings", latest, to_attr="lent"))


@dataclass(frozen=True, slots=True)
class Listened:
    """A number that calls are noticed to, for call control: its trunk's name, and whence that provider calls."""

    phone: str
    trunk: str
    hosts: tuple[str, ...]


def listened_for() -> list[Listened]:
    rows = DecoyNumber.objects.filter(active=True, trunk__active=True).select_related("trunk").order_by("phone")
    return [
        Listened(row.phone, row.trunk.name, (row.trunk.host, *row.trunk.calls_from.split()))
        for row in rows[:MOST_NUMBERS]
    ]


# --- lending ----------------------------------------------------------------------------------------------------------


def showing_for(
    operator: User, campaign: Campaign, data: Mapping[str, str], others: Sequence[Mapping[str, str]]
) -> Showing | None:
    """What this operator could be shown now; None: no number fits, or they have one of this campaign already.

    `data`: the columns of a contact whose place is taken, `others`: those of further ones, to tell which hold telephone numbers.
    """
    now = clock.now()
    if DecoyLending.objects.filter(operator=operator, campaign=campaign, until__gt=now).exists():
        return None
    columns = telephone_columns(others, campaign.country)
    shown = {key: data[key] for key in columns if _region(data.get(key, ""), campaign.country)}
    regions = {_region(text, campaign.country) for text in shown.values()} or {campaign.country}
    if len(regions) != 1:
        return None
    region = regions.pop()
    free = DecoyNumber.objects.filter(active=True, trunk__active=True, free_at__lte=now).order_by("free_at")
    fitting = [one for one in free[: MOST_NUMBERS // 5] if _region(one.phone, region) == region][:CANDIDATES]
    if not fitting or (columns and not shown):
        return None
    number = random.choice(fitting)  # noqa: S311 - a lot, no secret
    replaced = {key: written_like(number.phone, text) for key, text in shown.items()}
    return Showing(number, {**data, **replaced}, spoken=not shown)


def telephone_columns(rows: Sequence[Mapping[str, str]], country: str) -> list[str]:
    """Keys of the columns most of whose filled cells are telephone numbers."""
    filled: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for row in rows:
        for key, text in row.items():
            if str(text).strip():
                filled[key] = filled.get(key, 0) + 1
                numbers[key] = numbers.get(key, 0) + bool(_region(str(text), country))
    return sorted(key for key, count in filled.items() if 2 * numbers[key] > count)


def _region(text: str, country: str) -> str:
    """Of a telephone number; "" for what is none."""
    try:
        return parse_phone(text, country).region
    except PhoneNumberError:
        return ""


def lend(
    *, showing: Showing, operator: User, campaign: Campaign, assign: Callable[[], Assignment | None]
) -> Assignment | None:
    """`assign` makes the assignment (None: the operator has one); the number is theirs with it. None: neither was done, also
    when somebody else was given the number at this moment."""
    now = clock.now()
    until = now + timedelta(days=settings.HEARTHLINE.decoy_lent_days)
    rested = until + timedelta(days=settings.HEARTHLINE.decoy_rest_days)
    free = DecoyNumber.objects.filter(pk=showing.number.pk, active=True, free_at__lte=now)
    with transaction.atomic():
        if free.update(free_at=rested) != 1:
            return None
        assignment = assign()
        if assignment is None:
            transaction.set_rollback(True)
            return None
        DecoyLending.objects.create(
            number=showing.number, operator=operator, campaign=campaign, assignment=assignment,
            spoken=showing.spoken, begun_at=now, until=until,
        )  # fmt: skip
    return assignment


def lent_at(number: DecoyNumber, at: datetime) -> DecoyLending | None:
    """Whose decoy it was at that moment: of who was shown it last, also while it rests."""
    return number.lendings.filter(begun_at__lte=at).order_by("-begun_at").first()


def number_said_by(assignment_id: uuid.UUID) -> str:
    """The decoy that a robot is to say in this assignment; "" for none."""
    lending = DecoyLending.objects.filter(assignment=assignment_id, spoken=True).select_related("number").first()
    return lending.number.phone if lending is not None else ""
