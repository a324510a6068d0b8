"""Offers to change the campaign: once an hour, between two calls, when others bring noticeably more.

Whether it is time is asked when the operator takes the next contact, so an offer can never come in mid-call. Telling one puts
the next off by `campaign_offer_every_min`, whatever the operator does with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hearthline.calls.models import Shift
from hearthline.calls.services import next_offer
from hearthline.dialing.services import active_of
from hearthline.lib import clock
from hearthline.people.models import User
from hearthline.web.operator.cards import Card, cards_for

BETTER_BY_PERCENT = 10  # less is within the error of the reckoning
MOST_OFFERED = 3
LOOK_AGAIN = timedelta(minutes=15)  # when nothing was better


def due(operator: User) -> dict[str, Any] | None:
    """What to offer instead of the next contact, now; None: it is not time, or nothing is better.

    Shape: {"campaign": name, "hourly_minor", "currency", "better": [{"id", "name", "hourly_minor", "more_minor", "pay_minor",
    "few"}]}; `campaign` is the present one.
    """
    now = clock.now()
    shift = Shift.objects.filter(operator=operator, ended_at=None, on_break=False, offer_at__lte=now).first()
    if shift is None or shift.campaign_id is None or active_of(operator) is not None:
        return None
    if not _put_off(shift, next_offer(now)):
        return None  # another page of the same person was quicker
    cards = cards_for(operator, most=MOST_OFFERED + 1, always=shift.campaign_id).shown
    here = next((card for card in cards if card.campaign.pk == shift.campaign_id), None)
    if here is None:
        return None  # it does not run any more: taking the next contact says so
    least = here.hourly.minor * (100 + BETTER_BY_PERCENT) // 100
    better = [card for card in _open(cards, here) if card.hourly.minor > least]
    if not better:
        Shift.objects.filter(pk=shift.pk).update(offer_at=now + LOOK_AGAIN)
        return None
    return _offer(here, better)


def instead(operator: User) -> dict[str, Any] | None:
    """Where there is work, for whoever has found none in their campaign. Shape as `due`."""
    shift = Shift.objects.filter(operator=operator, ended_at=None).first()
    always = shift.campaign_id if shift is not None else None
    cards = cards_for(operator, most=MOST_OFFERED + 1, always=always).shown
    here = next((card for card in cards if shift is not None and card.campaign.pk == shift.campaign_id), None)
    others = _open(cards, here)
    return _offer(here, others) if others else None


def _open(cards: list[Card], here: Card | None) -> list[Card]:
    return [card for card in cards if not card.closed and card.has_work and card is not here]


def _put_off(shift: Shift, until: datetime | None) -> bool:
    return Shift.objects.filter(pk=shift.pk, offer_at=shift.offer_at).update(offer_at=until) == 1


def _offer(here: Card | None, others: list[Card]) -> dict[str, Any]:
    return {
        "campaign": here.campaign.name if here else "",
        "hourly_minor": here.hourly.minor if here else None,
        "currency": others[0].hourly.currency,
        "better": [
            {
                "id": str(card.campaign.pk),
                "name": card.campaign.name,
                "hourly_minor": card.hourly.minor,
                "more_minor": card.hourly.minor - here.hourly.minor if here else 0,
                "pay_minor": card.pay.minor,
                "few": card.reckoning.few,
            }
            for card in others[:MOST_OFFERED]
        ],
    }
