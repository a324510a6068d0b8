"""Run in a process of its own on an empty exchange: the world of `world.py` and one person of each role. Prints sessions and ids."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import django

django.setup()

from django.contrib.auth import login  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.http import HttpRequest  # noqa: E402

from hearthline.calls.models import Attempt, CampaignRating, Shift, Trunk  # noqa: E402
from hearthline.campaigns.models import Contact, ContactState  # noqa: E402
from hearthline.campaigns.recording_links import make_link  # noqa: E402
from hearthline.ledger import payouts, services  # noqa: E402
from hearthline.ledger.models import AccountKind  # noqa: E402
from hearthline.lib import clock  # noqa: E402
from hearthline.lib.ids import new_id  # noqa: E402
from hearthline.lib.money import Money  # noqa: E402
from hearthline.people.models import Role, User  # noqa: E402
from hearthline.quality import approval, decoy_calls, disputes, levels, ratings, readiness, reports, reviews  # noqa: E402
from hearthline.quality.models import DecoyLending, DecoyNumber, LevelChange, Report  # noqa: E402
from hearthline.quality.scenarios import library, writing  # noqa: E402
from tests.campaigns.worlds import a_running_campaign  # noqa: E402
from tests.people.conftest import a_person, a_second_factor  # noqa: E402
from tests.quality.sounds import a_wav  # noqa: E402
from tests.web.world import World, a_world  # noqa: E402


def session_of(user: User) -> str:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return str(request.session.session_key)


def operators_affairs(world: World) -> None:
    """A promised callback, a request to be paid out, a rating, a campaign in another language."""
    operator = world.operator
    waiting = Contact.objects.filter(campaign=world.campaign, disposed_at=None).order_by("pk")[0]
    at = clock.now() + timedelta(hours=2)
    Contact.objects.filter(pk=waiting.pk).update(
        state=ContactState.RETRY, priority=1, prefer_operator=operator, promised_at=at, next_attempt_at=at,
        name="Vera Orlova", notes="after lunch, wants to know the price",
    )  # fmt: skip
    available = services.account_of(AccountKind.OPERATOR_AVAILABLE, operator.pk, "RUB")
    given = services.account_of(AccountKind.EXCHANGE_BONUS, None, "RUB")
    services.transfer(
        id=new_id(), debit=given, credit=available, amount=Money(300_000, "RUB"), code="correction", reference="a start"
    )
    payouts.keep_details(operator=operator.pk, method="card", details="2200 7000 1234 5678")
    payouts.request_payout(id=new_id(), operator=operator.pk, amount=Money(60_000, "RUB"))
    refused = payouts.request_payout(id=new_id(), operator=operator.pk, amount=Money(70_000, "RUB"))
    payouts.refuse(payout=refused.pk, by=operator.pk, reason="The bank does not know this card.")
    CampaignRating.objects.create(
        campaign=world.campaign, operator=operator, stars=2, reasons=["bad_list"], words="half of the numbers are dead"
    )
    a_running_campaign(2, world.organisation, name="Deutsch", language="de")


def judged_call(world: World, moderator: User) -> dict[str, str]:
    """A call that was checked, rated, scored, reported and appealed about: something on every page of the moderators."""
    call = Attempt.objects.filter(campaign=world.campaign, payable=True).order_by("-dialled_at")[0]
    items = [{"code": code, "state": "fair", "value": 12.5} for code in readiness.ITEMS]
    readiness.record(operator=world.operator, device="a device", items=items)
    ratings.rate(attempt=call, by=world.owner, stars=2, reason="rude", words="Interrupts all the time.")
    answers = {item.key: "partly" for item in reviews.scorecard()}
    mark = reviews.Mark(at_ms=1000, words="interrupts")
    reviews.score(attempt=call, reviewer=moderator, answers=answers, comment="Listen more.", marks=[mark])
    dispute = disputes.appeal(attempt=call, operator=world.operator, kind="score", words="The contact interrupted me.")
    report = reports.tell(by=world.owner, words="He was rude.", attempt=call)
    approval.look_again(world.campaign)
    check = approval.check_of(world.campaign)
    assert check is not None
    return {"call": str(call.pk), "dispute": str(dispute.pk), "report": str(report.pk), "check": str(check.pk)}


def scenarios_and_levels(world: World, moderator: User) -> dict[str, str]:
    """A recording, a shipped scenario with a draft that has faults, a level that was given and one that is proposed."""
    writing.keep_recording(name="hello.wav", data=a_wav(seconds=0.5), by=moderator)
    text = library.text_of("en/refuses", library.Origin.BUILT_IN)
    assert text is not None
    writing.save(slug="en/refuses", text=text.replace("voice: woman", "voice: robot"), version=0, by=moderator)
    levels.set_level(operator=world.operator, moderator=moderator, level=2, words="Calm and clear.")
    figures = {"conversations": 512, "mean": 91, "scored": 12, "fatal_at": None}
    proposed = LevelChange.objects.create(
        operator=world.operator, state="proposed", was=2, becomes=3, at=clock.now(), figures=figures
    )
    return {"person": str(world.operator.pk), "level": str(proposed.pk)}


def called_decoy(world: World, trunk: Trunk) -> dict[str, str]:
    """The world's operator was shown a number that a stranger has called."""
    number = DecoyNumber.objects.create(phone="+74951234567", trunk=trunk)
    assignment = Attempt.objects.filter(campaign=world.campaign).order_by("dialled_at")[0].assignment
    DecoyLending.objects.create(
        number=number, operator=world.operator, campaign=world.campaign, assignment=assignment,
        begun_at=clock.now() - timedelta(days=3), until=clock.now() + timedelta(days=27),
    )  # fmt: skip
    decoy_calls.note(decoy_calls.Incoming(number.phone, "+79261112233", clock.now(), 12_000))
    return {"decoy": str(Report.objects.get(kind="decoy_called").pk)}


world = a_world(contacts=40, calls=24)
operators_affairs(world)
admin, moderator = a_person(Role.ADMIN), a_person(Role.MODERATOR)
for person in (admin, moderator):
    a_second_factor(person)
trunk = Trunk.objects.create(name="A provider", host="127.0.0.1", port=9, username="100", password="-")
print(
    json.dumps(
        {
            "owner": session_of(world.owner),
            "admin": session_of(admin),
            "moderator": session_of(moderator),
            "operator": session_of(world.operator),
            "shift": str(Shift.objects.get(operator=world.operator).pk),
            "campaign": str(world.campaign.pk),
            "draft": str(world.draft.pk),
            "contact": str(world.contact().pk),
            "recording": str(world.recording().pk),
            "shared": urlsplit(make_link(world.recording().attempt_id, world.owner.pk, clock.now())).path,
            **judged_call(world, moderator),
            **scenarios_and_levels(world, moderator),
            **called_decoy(world, trunk),
        }
    )
)
