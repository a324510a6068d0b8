"""The next contact of a shift: a person of the campaign, or a robot where the campaign is practice or the lot falls so."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Shift
from hearthline.calls.services import take_next
from hearthline.calls.settlement import commission_of
from hearthline.campaigns.models import Campaign, CampaignKind, Contact, ContactState
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.robots import Robot, assign_robot
from hearthline.lib.errors import ConflictError
from hearthline.lib.money import Money
from hearthline.people.models import User
from hearthline.quality import decoys, fitness
from hearthline.quality.golden import scenarios_told
from hearthline.quality.house import house_campaign
from hearthline.quality.models_scenarios import RobotCall
from hearthline.quality.scenarios.library import scenario_of, scenarios_for
from hearthline.quality.scenarios.scenario import Scenario, Use

NOBODY = _("There is nobody to call just now. Wait a little, or choose another campaign.")
SPOILT = _("This test call cannot be made any more; it does not count. End the shift and begin another one.")
LOOKED_AT = 50  # real contacts whose columns may stand beside a golden contact's name


@dataclass(frozen=True, slots=True)
class Next:
    assignment: Assignment | None
    none: str | Promise = ""  # why there is none


def next_contact(*, operator: User, shift: Shift, tried: str = "") -> Next:
    """Raises what `calls.services.take_next` raises. `tried`: the scenario that a moderator tries, instead of whichever is next in
    training."""
    campaign = shift.campaign
    if campaign is None or campaign.kind == CampaignKind.REAL:
        return _of_real_campaign(operator, shift)
    if shift.on_break:
        raise ConflictError(_("You are on a break. Go on with the shift first."))
    scenario: Scenario | None
    match campaign.kind:
        case CampaignKind.TRAINING:
            scenario = scenario_of(tried) if tried else _least_practised(operator, campaign.language)
        case CampaignKind.TUTORIAL:
            scenario = next(iter(scenarios_for(campaign.language, Use.TUTORIAL)), None)
        case _:
            try:
                test = fitness.open_test(operator)
            except ConflictError as over:
                return Next(None, over.sentence)
            scenario = scenario_of(test.scenario)
            if scenario is None:  # removed since the test was begun
                fitness.void(test)
                return Next(None, SPOILT)
    if scenario is None:
        return Next(None, NOBODY)
    dialing.require_fit(operator, campaign)
    return Next(_assigned(operator, campaign, campaign, scenario, dict(scenario.persona.data), None))


def _of_real_campaign(operator: User, shift: Shift) -> Next:
    """What is promised comes before the lots, the lots before whoever is next."""
    campaign, exchange = shift.campaign, settings.HEARTHLINE
    lots = campaign is not None and (exchange.golden_percent > 0 or exchange.decoy_percent > 0) and not shift.on_break
    if lots and campaign is not None and dialing.active_of(operator) is None:
        first = dialing.claim_promised(operator) or _decoy(operator, campaign) or _golden(operator, campaign)
        if first is not None:
            return Next(first)
    assignment = take_next(operator=operator)
    return Next(assignment, "" if assignment is not None else NOBODY)


def _golden(operator: User, campaign: Campaign) -> Assignment | None:
    """Now and then a robot."""
    place = _place_for_robot(operator, campaign, settings.HEARTHLINE.golden_percent)
    scenario = _least_met(operator, campaign, Use.GOLDEN) if place is not None else None
    if place is None or scenario is None:
        return None
    price = Money(campaign.price_minor, campaign.currency)
    data = dict(random.choice(place.columns))  # noqa: S311 - a lot, no secret
    return _assigned(operator, campaign, place.home, scenario, data, price - commission_of(price))


def _decoy(operator: User, campaign: Campaign) -> Assignment | None:
    """Now and then a robot with a decoy number: in the columns where they have telephone numbers, else said by the robot."""
    place = _place_for_robot(operator, campaign, settings.HEARTHLINE.decoy_percent)
    if place is None:
        return None
    data = random.choice(place.columns)  # noqa: S311 - a lot, no secret
    showing = decoys.showing_for(operator, campaign, data, place.columns)
    use = Use.DECOY if showing is not None and showing.spoken else Use.GOLDEN
    scenario = _least_met(operator, campaign, use)
    if showing is None or scenario is None:
        return None
    robot = Robot(scenario.slug, scenario.persona.name, campaign.timezone, showing.data)
    price = Money(campaign.price_minor, campaign.currency)
    pay = price - commission_of(price)
    assign = partial(assign_robot, operator=operator, campaign=campaign, home=place.home, robot=robot, pay=pay)
    return decoys.lend(showing=showing, operator=operator, campaign=campaign, assign=assign)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a robot can take a contact's place: whose figures it counts in, and columns as contacts of the campaign have them."""

    home: Campaign
    columns: list[dict[str, str]]


def _place_for_robot(operator: User, campaign: Campaign, percent: float) -> _Place | None:
    """When the lot falls so, and where there is somebody to be called anyway: a campaign without contacts must seem empty."""
    if random.random() * 100 >= percent:  # noqa: S311 - a lot, no secret
        return None
    if not settings.HEARTHLINE.robots_port or dialing.why_closed(operator, campaign):
        return None
    home = house_campaign(CampaignKind.GOLDEN, campaign.language)
    if home is None or Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).exists():
        return None
    columns = _columns_of_some(campaign)
    return _Place(home, columns) if columns else None


def _least_met(operator: User, campaign: Campaign, use: Use) -> Scenario | None:
    """Of those that the campaign's form has an outcome for, and that the operator was not told of."""
    fitting = [one for one in scenarios_for(campaign.language, use) if _can_be_said(one, campaign)]
    if not fitting:
        return None
    known, met = scenarios_told(operator), _times_met(operator)
    return min(
        fitting,
        key=lambda one: (one.slug in known, met.get(one.slug, 0), random.random()),  # noqa: S311 - as above
    )


def _can_be_said(scenario: Scenario, campaign: Campaign) -> bool:
    """Whether the campaign's form has an outcome of what the robot means."""
    return any(row.kind in scenario.means.outcome for row in campaign.dispositions.all())


def _columns_of_some(campaign: Campaign) -> list[dict[str, str]]:
    """What stands beside a name in this campaign, of contacts that are still to be called; empty: there is none to call."""
    rows = Contact.objects.filter(campaign=campaign, state__in=(ContactState.FRESH, ContactState.RETRY))
    return list(rows.values_list("data", flat=True)[:LOOKED_AT])


def _least_practised(operator: User, language: str) -> Scenario | None:
    offered = scenarios_for(language, Use.TRAINING)
    met = _times_met(operator)
    return min(offered, key=lambda one: (met.get(one.slug, 0), one.slug), default=None)


def _times_met(operator: User) -> dict[str, int]:
    rows = RobotCall.objects.filter(attempt__operator=operator).values("scenario").annotate(times=Count("pk"))
    return {row["scenario"]: row["times"] for row in rows}


def _assigned(
    operator: User, campaign: Campaign, home: Campaign, scenario: Scenario, data: dict[str, str], pay: Money | None
) -> Assignment:
    robot = Robot(scenario.slug, scenario.persona.name, campaign.timezone, data)
    made = assign_robot(operator=operator, campaign=campaign, home=home, robot=robot, pay=pay)
    if made is not None:
        return made
    held = Assignment.objects.select_related("contact", "campaign").get(operator=operator, state=AssignmentState.ACTIVE)
    if held.campaign_id != campaign.pk:
        raise dialing.OtherCampaignError
    return held
