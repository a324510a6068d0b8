"""The campaigns as an operator sees them: what one would earn, for how long there is work, why one may be closed to them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, Count, OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from hearthline.calls import pace
from hearthline.calls.models import CampaignRating, Shift
from hearthline.calls.settlement import commission_of
from hearthline.campaigns.gates import campaigns_for_operator
from hearthline.campaigns.models import Campaign
from hearthline.dialing.outlook import Heads, Outlook, has_work, heads_of, outlook_of
from hearthline.dialing.services import speaks, why_closed
from hearthline.lib import clock
from hearthline.lib.languages import language_name
from hearthline.lib.money import Money
from hearthline.people.models import User

MOST_CARDS = 60
RATINGS_SHOWN_FROM = 5  # fewer say more about who rated than about the campaign


@dataclass(frozen=True, slots=True)
class Card:
    campaign: Campaign
    pay: Money  # for one conversation, the operator's share
    ring_pay: Money  # for a minute in which nobody answers
    hourly: Money  # with the time that nobody pays for
    reckoning: pace.Reckoning
    outlook: Outlook
    work: str  # for how long there is some, in words
    colleagues: int  # others who work in it now
    language: str  # in the reader's own language
    stars: float | None  # what operators think of it; None: too few have said
    ratings: int
    closed: str  # why it is closed to me, with the way in; empty: it is open
    way_in: str  # the address where it can be opened, if there is one

    @property
    def percent(self) -> int:
        return round(100 * self.reckoning.share)

    @property
    def has_work(self) -> bool:
        return self.outlook.now > 0


@dataclass(frozen=True, slots=True)
class Cards:
    shown: list[Card]  # open ones with work first, by what they would bring in an hour
    further: int  # that were left out


def cards_for(operator: User, *, most: int = MOST_CARDS, always: uuid.UUID | None = None) -> Cards:
    """The best `most` campaigns, and `always`; five queries, however many there are. Contacts are counted of those only."""
    now = clock.now()
    campaigns = list(
        campaigns_for_operator(operator)
        .select_related("organisation")
        .defer("script", "columns")
        .annotate(stars=_rated(Avg("stars")), raters=_rated(Count("pk")))
        .order_by("-started_at")[:MOST_CARDS]
    )
    ids = [campaign.pk for campaign in campaigns]
    evidence = pace.evidence_of(ids, now)
    usual = pace.usual_of(evidence)
    heads = heads_of(ids, now)
    offers = sorted((_offer(operator, one, evidence, usual, heads, now) for one in campaigns), key=_Offer.order)
    chosen = offers[:most] + [offer for offer in offers[most:] if offer.campaign.pk == always]
    ids = [offer.campaign.pk for offer in chosen]
    outlooks = outlook_of([offer.campaign for offer in chosen], heads, now)
    colleagues = _colleagues(operator, ids)
    cards = [
        _card(operator, offer, outlooks[id], colleagues.get(id, 0), now) for id, offer in zip(ids, chosen, strict=True)
    ]
    return Cards(cards, len(offers) - len(chosen))


@dataclass(frozen=True, slots=True)
class _Offer:
    """What decides the order: known of every campaign before its contacts are counted."""

    campaign: Campaign
    reckoning: pace.Reckoning
    pay: Money
    ring_pay: Money
    hourly: Money
    closed: str
    has_work: bool

    def order(self) -> tuple[bool, bool, int, int, str]:
        return bool(self.closed), not self.has_work, -self.hourly.minor, -self.pay.minor, self.campaign.name


def _offer(
    operator: User, campaign: Campaign, evidence: Mapping[uuid.UUID, pace.Evidence], usual: pace.Evidence, heads: Heads,
    now: datetime,
) -> _Offer:  # fmt: skip
    price = Money(campaign.price_minor, campaign.currency)
    pay, ring_pay = price - commission_of(price), Money(campaign.ring_pay_minor, campaign.currency)
    reckoning = pace.reckon(evidence.get(campaign.pk, pace.Evidence()), usual)
    return _Offer(
        campaign=campaign,
        reckoning=reckoning,
        pay=pay,
        ring_pay=ring_pay,
        hourly=pace.hourly(reckoning, pay=pay, ring_pay=ring_pay),
        closed=why_closed(operator, campaign),
        has_work=has_work(campaign, heads, now),
    )


def _card(operator: User, offer: _Offer, outlook: Outlook, colleagues: int, now: datetime) -> Card:
    campaign = offer.campaign
    stars, ratings = _rating_of(campaign)
    foreign = bool(offer.closed) and not speaks(operator, campaign.language)
    return Card(
        campaign=campaign,
        pay=offer.pay,
        ring_pay=offer.ring_pay,
        hourly=offer.hourly,
        reckoning=offer.reckoning,
        outlook=outlook,
        work=_work(outlook, offer.reckoning, colleagues + 1, now),
        colleagues=colleagues,
        language=language_name(campaign.language),
        stars=stars,
        ratings=ratings,
        closed=offer.closed,
        way_in=f"{reverse('operator:choose')}#languages" if foreign else "",
    )


def _work(outlook: Outlook, reckoning: pace.Reckoning, operators: int, now: datetime) -> str:
    """For how long there is work, when so many share it."""
    if not outlook.today:
        return "" if outlook.opens_at is not None else gettext("nobody to call just now")
    assert outlook.closes_at is not None
    lasts = timedelta(seconds=outlook.today * reckoning.attempt_s / operators)
    if now + lasts >= outlook.closes_at:
        return gettext("until calls end for today")
    minutes = max(5, round(lasts / timedelta(minutes=5)) * 5)
    if minutes >= 120:
        hours = minutes // 60
        if outlook.more:
            return ngettext("for at least %(n)d hour", "for at least %(n)d hours", hours) % {"n": hours}
        return ngettext("for about %(n)d hour", "for about %(n)d hours", hours) % {"n": hours}
    if outlook.more:
        return ngettext("for at least %(n)d minute", "for at least %(n)d minutes", minutes) % {"n": minutes}
    return ngettext("for about %(n)d minute", "for about %(n)d minutes", minutes) % {"n": minutes}


def _colleagues(operator: User, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    working = Shift.objects.filter(ended_at=None, on_break=False, campaign__in=ids).exclude(operator=operator)
    return dict(working.order_by().values_list("campaign").annotate(n=Count("pk")))


def _rated(what: Avg | Count) -> Subquery:
    """Of the operators' ratings of a campaign; each has one there."""
    ratings = CampaignRating.objects.filter(campaign=OuterRef("pk")).order_by().values("campaign")
    return Subquery(ratings.annotate(found=what).values("found"))


def _rating_of(campaign: Campaign) -> tuple[float | None, int]:
    """(average, how many), as `cards_for` has read them; no average where too few have said something."""
    count: int = getattr(campaign, "raters", None) or 0
    return (getattr(campaign, "stars", None) if count >= RATINGS_SHOWN_FROM else None), count
