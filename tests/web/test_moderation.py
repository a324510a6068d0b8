"""The moderators' queue, the scoring of a call, a customer's rating and an operator's appeal, as each of them meets it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Attempt, Recording
from hearthline.campaigns.models import Campaign, CampaignState
from hearthline.lib import clock
from hearthline.people.models import Role, User
from hearthline.quality import disputes, ratings, reports, reviews
from hearthline.quality.models import CallRating, CampaignCheck, Dispute, Report, Review
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.people.conftest import a_person
from tests.quality.scorecards import there_is_a_scorecard
from tests.quality.test_moderation import ALL_YES, a_moderator, owner_of
from tests.web.world import World

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _scorecard(db: None) -> None:
    there_is_a_scorecard()


@pytest.fixture
def moderator() -> User:
    return a_person(Role.MODERATOR)


@pytest.fixture
def talked(db: None) -> Conversation:
    conversation = a_conversation()
    conversation.wrap_up()
    conversation.attempt.refresh_from_db()
    owner_of(conversation.campaign)
    return conversation


def item(kind: str, id: object) -> str:
    return reverse("moderator:item", args=[kind, id])


def test_the_queue_goes_from_one_thing_to_the_next(talked: Conversation, moderator: User, as_person: As) -> None:
    owner = owner_of(talked.campaign)
    reports.tell(by=owner, words="He was rude.", attempt=talked.attempt)
    ratings.reject(attempt=talked.attempt, by=owner, reason="rude", words="Shouted.", at_ms=None)
    disputes.appeal(attempt=talked.attempt, operator=talked.operator, kind="rejection", words="I whispered.")
    client = as_person(moderator)
    page = client.get(reverse("moderator:queue")).content.decode()
    assert "Take the next one" in page
    first = client.post(reverse("moderator:next"))
    dispute = Dispute.objects.get()
    assert first.headers["location"] == item("dispute", dispute.pk), "who waits for money comes first"
    page = client.get(first.headers["location"]).content.decode()
    assert "I whispered." in page
    assert "Shouted." in page
    decide = reverse("moderator:decide", args=["dispute", dispute.pk])
    refused = client.post(decide, {"decision": "uphold", "words": ""})
    assert refused.status_code == 422
    assert "Give your reasons" in refused.content.decode()
    second = client.post(decide, {"decision": "uphold", "words": "The recording is calm."})
    report = Report.objects.get()
    assert second.headers["location"] == item("report", report.pk)
    done = client.post(
        reverse("moderator:decide", args=["report", report.pk]), {"decision": "coach", "words": "Speak softly."}
    )
    assert done.headers["location"] == reverse("moderator:queue")
    dispute.refresh_from_db()
    report.refresh_from_db()
    assert (dispute.state, report.action) == ("upheld", "coach")


def test_calls_of_a_report_are_heard_and_chosen(moderator: User, as_person: As) -> None:
    campaign, operator = a_running_campaign(3, min_talk_s=10), an_operator()
    talks = []
    for _call in range(2):
        talks.append(a_conversation(campaign=campaign, operator=operator))
        talks[-1].wrap_up()
        operator.shifts.update(ended_at=clock.now())
        Recording.objects.create(
            attempt=talks[-1].attempt, path=f"{_call}.opus", started_at=clock.now(), duration_ms=30_000, size=1
        )
    report = reports.tell(by=owner_of(campaign), words="He was rude.", attempt=talks[0].attempt)
    report.evidence["calls"] = [str(talk.attempt.pk) for talk in talks]
    report.save()
    client, decide = as_person(moderator), reverse("moderator:decide", args=["report", report.pk])
    page = client.get(item("report", report.pk)).content.decode()
    assert page.count("Play the recording") == 2
    ticks = re.findall(r'<input[^<>]* type="checkbox"[^<>]* name="call"[^<>]* form="decide"[^<>]* checked>', page)
    assert len(ticks) == 2
    nothing = client.post(decide, {"decision": "reverse", "words": "Rude.", "choosing": "1"})
    assert nothing.status_code == 422
    assert "Choose the calls" in nothing.content.decode()
    assert Attempt.objects.filter(payable=True).count() == 2
    chosen = {"decision": "reverse", "words": "Rude.", "choosing": "1", "call": str(talks[1].attempt.pk)}
    done = client.post(decide, chosen, follow=True).content.decode()
    assert "The money of 1 call was set right." in done
    assert [Attempt.objects.get(pk=talk.attempt.pk).payable for talk in talks] == [True, False]
    again = reports.tell(by=owner_of(campaign), words="Rude again.", attempt=talks[1].attempt)
    page = client.get(item("report", again.pk)).content.decode()
    assert 'value="reverse"' not in page, "nothing is left to take back"
    assert 'value="coach"' in page


def test_another_moderator_is_told_that_somebody_is_at_it(talked: Conversation, moderator: User, as_person: As) -> None:
    report = reports.tell(by=owner_of(talked.campaign), words="He was rude.", attempt=talked.attempt)
    assert as_person(moderator).get(item("report", report.pk)).status_code == 200
    late = as_person(a_moderator("Otto")).get(item("report", report.pk))
    assert late.status_code == 409
    assert "Another moderator is at this one" in late.content.decode()


def test_only_staff_decide(talked: Conversation, as_person: As) -> None:
    report = reports.tell(by=owner_of(talked.campaign), words="He was rude.", attempt=talked.attempt)
    for person in (talked.operator, owner_of(talked.campaign)):
        client = as_person(person)
        assert client.get(item("report", report.pk)).status_code == 403
        answer = client.post(reverse("moderator:decide", args=["report", report.pk]), {"decision": "dismiss"})
        assert answer.status_code == 403
    report.refresh_from_db()
    assert report.closed_at is None


def test_a_call_is_scored_and_its_operator_reads_it(talked: Conversation, moderator: User, as_person: As) -> None:
    url = reverse("moderator:call", args=[talked.attempt.pk])
    client = as_person(moderator)
    answers = {f"answer-{key}": value for key, value in ALL_YES.items()}
    refused = client.post(url, answers)
    assert refused.status_code == 422
    assert "Choose an answer." in refused.content.decode()
    assert not Review.objects.exists()
    client.post(
        url, {**answers, "answer-sound": "partly", "marks": "1:05 interrupts\nfine otherwise", "comment": "Good."}
    )
    review = Review.objects.get()
    assert review.marks == [{"at_ms": 0, "words": "fine otherwise"}, {"at_ms": 65_000, "words": "interrupts"}]
    page = as_person(talked.operator).get(reverse("operator:call", args=[talked.attempt.pk])).content.decode()
    assert "1:05 interrupts" in page
    assert f"Scored {review.total} of 100" in page
    assert moderator.name not in page
    review.refresh_from_db()
    assert review.seen_at is not None


def test_an_operator_appeals_against_a_score_once(talked: Conversation, moderator: User, as_person: As) -> None:
    reviews.score(attempt=talked.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "no"})
    client, url = as_person(talked.operator), reverse("operator:call", args=[talked.attempt.pk])
    assert client.post(url, {"kind": "score", "words": "I was clear.", "place": "0:12"}).status_code == 302
    assert Dispute.objects.get().at_ms == 12_000
    assert client.post(url, {"kind": "score", "words": "Again."}).status_code == 409
    assert Dispute.objects.count() == 1
    assert as_person(an_operator()).get(url).status_code == 404


def test_what_moderators_wrote_stands_on_one_page(talked: Conversation, moderator: User, as_person: As) -> None:
    reviews.score(
        attempt=talked.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "no"}, comment="A headset helps."
    )
    report = reports.tell(by=owner_of(talked.campaign), words="He was rude.", attempt=talked.attempt)
    reports.close(report=report, moderator=moderator, action="coach", answer="Let people finish.")
    page = as_person(talked.operator).get(reverse("operator:feedback")).content.decode()
    assert "Let people finish." in page
    assert "A headset helps." in page
    assert "He was rude." not in page
    assert "Let people finish." not in as_person(an_operator()).get(reverse("operator:feedback")).content.decode()


def test_a_customer_rates_and_rejects(talked: Conversation, as_person: As) -> None:
    client = as_person(owner_of(talked.campaign))
    url = reverse("customer:rate_call", args=[talked.attempt.pk])
    assert "Rate the call" in client.get(url).content.decode()
    assert client.post(url, {"stars": "1"}).status_code == 422
    assert client.post(url, {"stars": "4", "words": "Well done."}).status_code == 302
    assert CallRating.objects.get().stars == 4
    wrong = client.post(url, {"reject": "1", "reason": "rude", "words": "Shouted.", "place": "soon"})
    assert wrong.status_code == 422
    rejected = client.post(url, {"reject": "1", "reason": "rude", "words": "Shouted.", "place": ""})
    assert rejected.status_code == 302
    assert CallRating.objects.get().rejected_at is not None
    assert Attempt.objects.get(pk=talked.attempt.pk).payable, "nothing is taken back before the operator could answer"


def test_nobody_rates_anothers_calls(talked: Conversation, stranger: Client) -> None:
    url = reverse("customer:rate_call", args=[talked.attempt.pk])
    assert stranger.get(url).status_code == 404
    assert stranger.post(url, {"stars": "1", "reason": "rude"}).status_code == 404
    assert not CallRating.objects.exists()


def test_a_campaign_that_asks_for_secrets_waits_and_its_owner_is_told(
    world: World, owner: Client, moderator: User, as_person: As
) -> None:
    Campaign.objects.filter(pk=world.campaign.pk).update(
        state=CampaignState.PAUSED,
        script="Good day, this is {{operator}} of {{customer}}. Tell me your card number. " * 4,
    )
    page = owner.post(reverse("customer:start", args=[world.campaign.pk]), follow=True).content.decode()
    assert "A moderator looks at this campaign before it starts" in page
    assert Campaign.objects.get(pk=world.campaign.pk).state == CampaignState.PAUSED
    check = CampaignCheck.objects.get()
    client = as_person(moderator)
    page = client.get(item("campaign", check.pk)).content.decode()
    assert "card number" in page
    assert world.contact().phone not in page
    client.post(
        reverse("moderator:decide", args=["campaign", check.pk]), {"decision": "refuse", "words": "Never ask for it."}
    )
    page = owner.post(reverse("customer:start", args=[world.campaign.pk]), follow=True).content.decode()
    assert "Never ask for it." in page
    assert Campaign.objects.get(pk=world.campaign.pk).state == CampaignState.PAUSED


def test_a_recording_is_the_operators_to_hear_and_no_other_operators(world: World, as_person: As) -> None:
    url = reverse("recordings:audio", args=[world.recording().pk])
    assert as_person(world.operator).get(url).status_code == 200
    assert as_person(an_operator()).get(url).status_code == 404


def test_an_operator_who_has_appealed_is_not_told_to_appeal(talked: Conversation, as_person: As) -> None:
    owner = owner_of(talked.campaign)
    ratings.reject(attempt=talked.attempt, by=owner, reason="rude", words="Shouted.", at_ms=None)
    client = as_person(talked.operator)
    own = reverse("operator:call", args=[talked.attempt.pk])
    assert "Rejected; you may appeal." in client.get(reverse("operator:feedback")).content.decode()
    assert "Without an appeal the money goes back" in client.get(own).content.decode()
    disputes.appeal(attempt=talked.attempt, operator=talked.operator, kind="rejection", words="I whispered.")
    assert "Rejected; you have appealed." in client.get(reverse("operator:feedback")).content.decode()
    page = client.get(own).content.decode()
    assert "you have appealed, and a moderator decides" in page
    assert "Without an appeal" not in page


def test_a_moderator_without_a_second_factor_looks_and_does_not_decide(talked: Conversation, client: Client) -> None:
    report = reports.tell(by=owner_of(talked.campaign), words="He was rude.", attempt=talked.attempt)
    moderator = a_person(Role.MODERATOR)
    client.force_login(moderator)
    assert client.get(reverse("moderator:queue")).status_code == 200
    for address, wanted in (
        (reverse("moderator:item", args=["report", report.pk]), client.get),
        (reverse("moderator:decide", args=["report", report.pk]), client.post),
        (reverse("moderator:pause", args=[talked.campaign.pk]), client.post),
    ):
        reply = wanted(address, {"decision": "suspend", "words": "Rude."})
        assert reply.status_code == 302
        assert reply["Location"] == reverse("mfa_index")
    report.refresh_from_db()
    talked.campaign.refresh_from_db()
    talked.operator.refresh_from_db()
    assert report.closed_at is None
    assert talked.campaign.state == "running"
    assert talked.operator.is_active
