"""What moderators decide, and what follows for money and people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from hearthline.calls.models import Attempt, Recording
from hearthline.campaigns.models import Campaign, CampaignTally
from hearthline.ledger import check
from hearthline.ledger.models import AccountKind, Transfer
from hearthline.ledger.services import account_of, mature
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.people.models import AuditEntry, Role, User
from hearthline.quality import disputes, queue, ratings, reports, reviews, rules
from hearthline.quality.models import CallAnalysis, CallRating, Dispute, Report, Review
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator, an_owner
from tests.people.letter_box import letters_to
from tests.quality.scorecards import there_is_a_scorecard

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _scorecard(db: None) -> None:
    there_is_a_scorecard()


def a_moderator(name: str = "Mona") -> User:
    return User.objects.create_user(f"{name.lower()}@example.org", name=name, role=Role.MODERATOR)


def a_paid_conversation(**changes: object) -> Conversation:
    conversation = a_conversation(**changes)  # type: ignore[arg-type]  # passed on as they are
    conversation.wrap_up()
    conversation.attempt.refresh_from_db()
    assert conversation.attempt.payable
    return conversation


def balances(conversation: Conversation) -> tuple[int, int, int]:
    """The customer's, the operator's in review, the operator's available."""
    campaign = conversation.campaign
    return tuple(  # type: ignore[return-value]  # three of them
        account_of(kind, owner, campaign.currency).balance
        for kind, owner in (
            (AccountKind.CUSTOMER, campaign.organisation_id),
            (AccountKind.OPERATOR_MATURING, conversation.operator.pk),
            (AccountKind.OPERATOR_AVAILABLE, conversation.operator.pk),
        )
    )


def nothing_is_lost() -> None:
    report = check.prove()
    assert report.sound, report.faults
    assert not any(report.sums.values())


def owner_of(campaign: Campaign) -> User:
    membership = campaign.organisation.memberships.filter(level="owner").first()
    return membership.user if membership else an_owner(campaign.organisation)


def rejected(conversation: Conversation) -> CallRating:
    return ratings.reject(
        attempt=conversation.attempt, by=owner_of(conversation.campaign), reason="rude", words="He shouted.", at_ms=None
    )


ALL_YES = {"introduced": "yes", "consent": "yes", "listened": "yes", "script": "yes", "polite": "yes", "result": "yes"}


class TestScores:
    def test_the_total_is_the_weighted_mean_and_na_counts_for_nothing(self) -> None:
        conversation = a_paid_conversation()
        answers = {**ALL_YES, "listened": "partly", "script": "no", "sound": "na"}
        review = reviews.score(attempt=conversation.attempt, reviewer=a_moderator(), answers=answers)
        assert review.total == round((15 + 15 + 7.5 + 0 + 15 + 20) / 95 * 100)
        assert not review.fatal

    def test_a_fatal_no_makes_it_nothing(self) -> None:
        conversation = a_paid_conversation()
        review = reviews.score(
            attempt=conversation.attempt, reviewer=a_moderator(), answers={**ALL_YES, "polite": "no", "sound": "yes"}
        )
        assert (review.total, review.fatal) == (0, True)

    def test_scoring_again_replaces_and_keeps_the_first(self) -> None:
        conversation, moderator = a_paid_conversation(), a_moderator()
        first = reviews.score(attempt=conversation.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "no"})
        second = reviews.score(attempt=conversation.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "yes"})
        assert reviews.valid_reviews(conversation.attempt) == [second]
        first.refresh_from_db()
        assert first.replaced_by == second

    def test_a_question_left_out_is_named(self) -> None:
        conversation = a_paid_conversation()
        with pytest.raises(InvalidInputError) as refused:
            reviews.score(attempt=conversation.attempt, reviewer=a_moderator(), answers=ALL_YES)
        assert list(refused.value.details["fields"]) == ["sound"]  # type: ignore[call-overload]  # a dict of sentences
        assert not Review.objects.exists()

    def test_nobody_scores_their_own_call(self) -> None:
        conversation = a_paid_conversation()
        with pytest.raises(NotAllowedError):
            reviews.score(attempt=conversation.attempt, reviewer=conversation.operator, answers=ALL_YES)


class TestRejections:
    def test_without_an_appeal_the_money_goes_back(self) -> None:
        conversation = a_paid_conversation()
        before = balances(conversation)
        price = conversation.attempt.charged_minor
        rating = rejected(conversation)
        assert mature(clock.now() + timedelta(days=30)) == 0, "pay that is in dispute does not mature"
        assert ratings.settle_unanswered(clock.now()) == 0, "the operator has time to appeal"
        assert rating.stands_at is not None
        assert ratings.settle_unanswered(rating.stands_at) == 1
        assert ratings.settle_unanswered(rating.stands_at) == 0
        customer, in_review, available = balances(conversation)
        assert (customer - before[0], in_review, available) == (price, 0, 0)
        attempt = Attempt.objects.get(pk=conversation.attempt.pk)
        assert (attempt.payable, attempt.not_payable_reason, attempt.charged_minor) == (False, "rejected", 0)
        assert CampaignTally.objects.get(pk=conversation.campaign.pk).conversations == 0
        nothing_is_lost()

    def test_an_appeal_that_is_right_lets_the_pay_mature(self) -> None:
        conversation = a_paid_conversation()
        earned = conversation.attempt.earned_minor
        rating = rejected(conversation)
        dispute = disputes.appeal(
            attempt=conversation.attempt, operator=conversation.operator, kind="rejection", words="I did not."
        )
        assert ratings.settle_unanswered(clock.now() + timedelta(days=9)) == 0, "an open appeal keeps it waiting"
        disputes.decide(dispute=dispute, moderator=a_moderator(), upheld=True, answer="The recording is polite.")
        rating.refresh_from_db()
        assert (rating.upheld, rating.settled_at is not None) == (False, True)
        assert mature(clock.now() + timedelta(days=9)) == 1
        assert balances(conversation)[1:] == (0, earned)
        nothing_is_lost()

    def test_an_appeal_that_is_wrong_takes_it_back_once(self) -> None:
        conversation = a_paid_conversation()
        rejected(conversation)
        dispute = disputes.appeal(
            attempt=conversation.attempt, operator=conversation.operator, kind="rejection", words="I did not."
        )
        moderator = a_moderator()
        disputes.decide(dispute=dispute, moderator=moderator, upheld=False, answer="It is heard at 0:12.")
        with pytest.raises(ConflictError):
            disputes.decide(dispute=dispute, moderator=moderator, upheld=True, answer="Or not.")
        assert balances(conversation)[1:] == (0, 0)
        nothing_is_lost()

    def test_a_day_allows_so_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings.HEARTHLINE, "rejections_free_a_day", 1)
        campaign = a_running_campaign(3, min_talk_s=10)
        first = a_paid_conversation(campaign=campaign)
        second = a_paid_conversation(campaign=campaign, operator=an_operator())
        rejected(first)
        with pytest.raises(ratings.TooManyRejectionsError):
            rejected(second)
        hold = second.attempt.assignment.hold
        assert Transfer.objects.get(pk=hold).matures_at is not None, "the second one's pay goes on to mature"

    def test_it_needs_words_and_a_place_in_the_recording(self) -> None:
        conversation = a_paid_conversation()
        Recording.objects.create(
            attempt=conversation.attempt, path="x.wav", started_at=clock.now(), duration_ms=30_000, size=1
        )
        owner = owner_of(conversation.campaign)
        with pytest.raises(InvalidInputError, match="own words"):
            ratings.reject(attempt=conversation.attempt, by=owner, reason="rude", words=" ", at_ms=1)
        with pytest.raises(InvalidInputError, match="Say where"):
            ratings.reject(attempt=conversation.attempt, by=owner, reason="rude", words="Shouted", at_ms=None)
        assert not CallRating.objects.exists()

    def test_what_is_paid_out_cannot_be_rejected(self) -> None:
        conversation = a_paid_conversation()
        mature(clock.now() + timedelta(days=30))
        with pytest.raises(ConflictError, match="review is over"):
            rejected(conversation)
        assert not CallRating.objects.exists()


class TestAppeals:
    def test_a_call_that_was_not_paid_is_paid_by_the_exchange(self) -> None:
        conversation = a_conversation(stats={"voice_in_ms": 100, "voice_out_ms": 9000})
        conversation.wrap_up()
        conversation.attempt.refresh_from_db()
        assert conversation.attempt.not_payable_reason == "contact_not_heard"
        customer = balances(conversation)[0]
        dispute = disputes.appeal(
            attempt=conversation.attempt, operator=conversation.operator, kind="not_paid", words="She spoke softly."
        )
        disputes.decide(dispute=dispute, moderator=a_moderator(), upheld=True, answer="She is heard.")
        pay = disputes.pay_of(conversation.attempt).minor
        assert balances(conversation) == (customer, 0, pay)
        assert Attempt.objects.get(pk=conversation.attempt.pk).earned_minor == pay
        nothing_is_lost()

    def test_once_for_each_kind_and_only_ones_own(self) -> None:
        conversation = a_conversation(talk_s=2)
        conversation.wrap_up()
        attempt = conversation.attempt
        attempt.refresh_from_db()
        with pytest.raises(NotAllowedError):
            disputes.appeal(attempt=attempt, operator=an_operator(), kind="not_paid", words="Mine!")
        disputes.appeal(attempt=attempt, operator=conversation.operator, kind="not_paid", words="It was longer.")
        with pytest.raises(ConflictError):
            disputes.appeal(attempt=attempt, operator=conversation.operator, kind="not_paid", words="Again.")
        assert Dispute.objects.count() == 1

    def test_who_gave_the_score_does_not_decide_on_it(self) -> None:
        conversation, moderator = a_paid_conversation(), a_moderator()
        reviews.score(attempt=conversation.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "no"})
        dispute = disputes.appeal(
            attempt=conversation.attempt, operator=conversation.operator, kind="score", words="I was heard."
        )
        with pytest.raises(NotAllowedError):
            disputes.decide(dispute=dispute, moderator=moderator, upheld=False, answer="No.")
        disputes.decide(dispute=dispute, moderator=a_moderator("Otto"), upheld=True, answer="Clear enough.")
        assert reviews.valid_reviews(conversation.attempt) == []


class TestReports:
    def test_closing_does_what_it_says_exactly_once(self) -> None:
        conversation = a_paid_conversation()
        price = conversation.attempt.charged_minor
        before = balances(conversation)[0]
        report = reports.tell(by=a_moderator("Nina"), words="Sounds like a friend.", attempt=conversation.attempt)
        moderator = a_moderator()
        with pytest.raises(InvalidInputError):
            reports.close(report=report, moderator=moderator, action="reverse", answer="")
        reports.close(report=report, moderator=moderator, action="reverse", answer="Two friends.")
        with pytest.raises(ConflictError):
            reports.close(report=report, moderator=moderator, action="refund", answer="Again.")
        assert balances(conversation) == (before + price, 0, 0)
        nothing_is_lost()

    def test_the_operator_is_written_to(self) -> None:
        conversation = a_paid_conversation()
        attempt, operator = conversation.attempt, conversation.operator
        reviews.score(attempt=attempt, reviewer=a_moderator("Ada"), answers={**ALL_YES, "sound": "no"})
        rejected(conversation)
        dispute = disputes.appeal(attempt=attempt, operator=operator, kind="rejection", words="I did not.")
        disputes.decide(dispute=dispute, moderator=a_moderator("Bob"), upheld=True, answer="It is polite.")
        for action, words in (("coach", "Let them finish."), ("dismiss", "Fine."), ("suspend", "Three times.")):
            report = reports.tell(by=owner_of(conversation.campaign), words="Rude.", attempt=attempt)
            reports.close(report=report, moderator=a_moderator(f"For {action}"), action=action, answer=words)
        said = [(letter.subject, letter.body.splitlines()[0]) for letter in letters_to(operator)]
        assert [subject for subject, _ in said] == [
            "A call of yours was scored",
            "A customer has rejected a call of yours",
            "Your appeal is decided",
            "A moderator writes to you",
            "A moderator writes to you",
        ]
        bodies = " ".join(body for _, body in said)
        for part in (
            "He shouted.",
            "within 48 hours",
            "It is polite.",
            "Let them finish.",
            "suspended",
            "Three times.",
        ):
            assert part in bodies
        assert "Fine." not in bodies

    def test_a_matured_pay_comes_from_what_is_available(self) -> None:
        conversation = a_paid_conversation()
        mature(clock.now() + timedelta(days=30))
        report = reports.tell(by=a_moderator("Nina"), words="A friend.", attempt=conversation.attempt)
        reports.close(report=report, moderator=a_moderator(), action="reverse", answer="Two friends.")
        assert balances(conversation)[1:] == (0, 0)
        nothing_is_lost()

    def test_suspending_and_refunding(self) -> None:
        conversation = a_paid_conversation()
        earned, price = conversation.attempt.earned_minor, conversation.attempt.charged_minor
        before = balances(conversation)[0]
        first = reports.tell(by=a_moderator("Nina"), words="Rude.", attempt=conversation.attempt)
        reports.close(report=first, moderator=a_moderator(), action="refund", answer="Our fault.")
        assert balances(conversation)[:2] == (before + price, earned)
        second = reports.tell(by=a_moderator("Olga"), words="Rude.", attempt=conversation.attempt)
        reports.close(report=second, moderator=a_moderator("Petra"), action="suspend", answer="Three times rude.")
        assert not User.objects.get(pk=conversation.operator.pk).is_active
        assert AuditEntry.objects.filter(tag="web:operator:suspended").count() == 1
        nothing_is_lost()

    def test_short_conversations_are_found_and_brought_up_to_date(self) -> None:
        campaign = a_running_campaign(8, min_talk_s=10)
        operator = an_operator()
        for _call in range(5):
            a_paid_conversation(campaign=campaign, operator=operator, talk_s=12)
            operator.shifts.update(ended_at=clock.now())
        assert rules.look(clock.now()) == 1
        report = Report.objects.get(kind="short_conversations")
        assert report.evidence["figures"] == {"short": 5, "paid": 5, "least_s": 10}
        assert rules.look(clock.now()) == 1
        assert Report.objects.count() == 1
        reports.close(report=report, moderator=a_moderator(), action="dismiss", answer="")
        assert rules.look(clock.now()) == 0, "what was just closed is not opened again"

    def test_a_share_far_from_the_others(self) -> None:
        campaign = a_running_campaign(50, min_talk_s=10)
        good, bad = an_operator(), an_operator()
        for operator, kind, talk_s in ((good, "no_conversation", 40), (bad, "success", 40)):
            for _call in range(20):
                conversation = a_conversation(campaign=campaign, operator=operator, talk_s=talk_s)
                conversation.wrap_up(kind)
                operator.shifts.update(ended_at=clock.now())
        paid = Attempt.objects.filter(operator=bad, payable=True).count()
        unpaid = Attempt.objects.filter(operator=good, payable=False).count()
        assert (paid, unpaid) == (20, 20)
        rules.look(clock.now())
        found = Report.objects.get(kind="payable_share", operator=bad)
        assert found.evidence["figures"] == {"own_percent": 100, "others_percent": 0, "answered": 20}

    def test_contacts_entered_by_somebody_the_operator_invited(self) -> None:
        conversation = a_paid_conversation()
        friend = an_operator()
        User.objects.filter(pk=friend.pk).update(invited_by=conversation.operator)
        type(conversation.attempt.contact).objects.filter(pk=conversation.attempt.contact_id).update(entered_by=friend)
        rules.look(clock.now())
        assert Report.objects.get(kind="self_dealing").operator == conversation.operator

    def test_a_paid_call_with_a_machine_and_an_operators_habit(self) -> None:
        campaign, operator = a_running_campaign(8, min_talk_s=10), an_operator()
        for number in range(5):
            conversation = a_paid_conversation(campaign=campaign, operator=operator, talk_s=60)
            operator.shifts.update(ended_at=clock.now())
            recording = Recording.objects.create(
                attempt=conversation.attempt, path=f"{number}.wav", started_at=clock.now(), duration_ms=60_000, size=1
            )
            codes = ["interrupting"] if number else ["interrupting", "machine"]
            CallAnalysis.objects.create(
                recording=recording, state="done", changed_at=clock.now(), suspicions=codes, suspicion_count=len(codes)
            )
        rules.look(clock.now())
        found = Report.objects.filter(kind="suspicious_call")
        assert {report.evidence["figures"]["code"] for report in found} == {"machine", "interrupting"}
        machine = found.get(attempt__isnull=False)
        assert machine.attempt is not None
        assert machine.evidence["calls"] == [str(machine.attempt.pk)]
        assert found.get(attempt=None).evidence["figures"] == {"code": "interrupting", "calls": 5, "answered": 5}

    def analysed(self, conversation: Conversation, *codes: str, side: str = "") -> None:
        recording = Recording.objects.create(
            attempt=conversation.attempt, path=f"{conversation.attempt.pk}.opus", started_at=clock.now(),
            duration_ms=60_000, size=1,
        )  # fmt: skip
        CallAnalysis.objects.create(
            recording=recording, state="done", changed_at=clock.now(), suspicions=list(codes),
            suspicion_count=len(codes), evidence={code: {"side": side} for code in codes},
        )  # fmt: skip

    def test_results_that_the_calls_do_not_bear_out(self) -> None:
        campaign, operator = a_running_campaign(9, min_talk_s=10), an_operator()
        for number in range(8):
            conversation = a_conversation(campaign=campaign, operator=operator, talk_s=2 if number < 5 else 30)
            conversation.wrap_up("success" if number < 5 else "no_conversation")
            operator.shifts.update(ended_at=clock.now())
        rules.look(clock.now())
        found = Report.objects.get(kind="unfounded_results")
        assert found.evidence["figures"] == {"unfounded": 5, "answered": 8}
        assert set(reports.offered(found)) & {"reverse", "refund"} == set(), "nobody paid for them"
        assert found.operator == operator

    def test_a_silent_operator_is_found_although_nobody_paid_and_a_silent_contact_is_no_fault(self) -> None:
        campaign, silent, deaf = a_running_campaign(20, min_talk_s=10), an_operator(), an_operator()
        for operator, side in ((silent, ""), (deaf, "contact")):
            for _call in range(5):
                conversation = a_conversation(
                    campaign=campaign, operator=operator, stats={"voice_in_ms": 9000, "voice_out_ms": 0}
                )
                conversation.wrap_up("refusal")
                operator.shifts.update(ended_at=clock.now())
                self.analysed(conversation, "one_way_audio" if side else "silent_operator", side=side)
        rules.look(clock.now())
        assert Report.objects.get(kind="suspicious_call").operator == silent

    def test_doubtful_calls_are_one_report_and_each_is_judged_once(self) -> None:
        campaign, operator = a_running_campaign(9, min_talk_s=10), an_operator()

        def doubtful() -> str:
            conversation = a_paid_conversation(campaign=campaign, operator=operator, talk_s=60)
            operator.shifts.update(ended_at=clock.now())
            self.analysed(conversation, "machine")
            rules.look(clock.now())
            return str(conversation.attempt.pk)

        first, second = doubtful(), doubtful()
        report = Report.objects.get()
        assert set(report.evidence["calls"]) == {first, second}
        assert report.evidence["figures"] == {"code": "machine", "found": 2}
        reports.close(report=report, moderator=a_moderator(), action="dismiss", answer="")
        assert rules.look(clock.now()) == 0
        third = doubtful()
        assert Report.objects.get(closed_at=None).evidence["calls"] == [third], "what was judged does not come again"

    def test_one_rule_that_fails_does_not_silence_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(_now: object) -> None:
            raise ZeroDivisionError

        conversation = a_paid_conversation()
        self.analysed(conversation, "machine")
        monkeypatch.setattr(rules, "RULES", (fails, *rules.RULES))
        with pytest.raises(ExceptionGroup):
            rules.look(clock.now())
        assert Report.objects.get().kind == "suspicious_call"


class TestQueue:
    def test_two_moderators_get_two_items_and_one_of_them_none(self) -> None:
        first, second = a_paid_conversation(), a_paid_conversation()
        reports.tell(by=owner_of(first.campaign), words="Rude.", attempt=first.attempt)
        reports.tell(by=owner_of(second.campaign), words="Rude.", attempt=second.attempt)
        given = [queue.next_item(a_moderator(name)) for name in ("Ada", "Bob", "Cleo")]
        assert given[0] is not None
        assert given[1] is not None
        assert given[0].id != given[1].id
        assert given[2] is None

    def test_leaving_one_after_the_other_leads_through_the_whole_queue(self) -> None:
        conversation, moderator = a_paid_conversation(), a_moderator()
        for number in range(3):
            reports.tell(by=an_operator(name=f"Told {number}"), words="Rude.", attempt=conversation.attempt)
        seen, name = [], ""
        for _step in range(4):
            item = queue.next_item(moderator, after=name)
            assert item is not None
            queue.leave(moderator, item.name)
            name = item.name
            seen.append(name)
        assert len(set(seen[:3])) == 3
        assert seen[3] == seen[0], "and then from the beginning"

    def test_nobody_decides_about_their_own(self) -> None:
        conversation, moderator = a_paid_conversation(), a_moderator()
        report = reports.tell(by=moderator, words="Rude.", attempt=conversation.attempt)
        assert queue.next_item(moderator) is None
        with pytest.raises(NotAllowedError):
            reports.close(report=report, moderator=moderator, action="reverse", answer="Rude.")
        reviews.score(attempt=conversation.attempt, reviewer=moderator, answers={**ALL_YES, "sound": "no"})
        operator = conversation.operator
        dispute = disputes.appeal(attempt=conversation.attempt, operator=operator, kind="score", words="I was heard.")
        User.objects.filter(pk=operator.pk).update(role=Role.MODERATOR)  # has become one since
        with pytest.raises(NotAllowedError):
            disputes.decide(dispute=dispute, moderator=operator, upheld=True, answer="I was right.")
        assert Dispute.objects.get().state == "open"
        assert Attempt.objects.get(pk=conversation.attempt.pk).payable
