"""Whatever moderators, customers and operators decide about paid calls, in whatever order: the customer gets back at most the price,
the operator gives at most what they got, and the books agree with what is reckoned on paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.calls.models import Attempt
from hearthline.campaigns.models import CampaignTally
from hearthline.dialing.models import Assignment
from hearthline.ledger import services as ledger
from hearthline.ledger.models import AccountKind, TransferCode
from hearthline.ledger.services import account_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import User
from hearthline.quality import disputes, ratings, reports
from hearthline.quality.models import Dispute
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.quality.test_moderation import a_moderator, balances, nothing_is_lost, owner_of
from tests.races import together

LATER = timedelta(days=30)
PAID, UNPAID = (0, 1), 2  # the calls: two that were paid, one that was too short

calls = st.sampled_from((*PAID, UNPAID))
steps = st.one_of(
    st.tuples(st.sampled_from(("refund", "reverse", "reject")), calls),
    st.tuples(st.sampled_from(("refund", "reverse")), st.just(-1)),  # one report about all of them
    st.tuples(st.sampled_from(("appeal", "uphold", "refuse")), calls),
    st.tuples(st.sampled_from(("settle", "mature", "pay_out")), st.just(0)),
)
Step = tuple[str, int]


@dataclass
class Paper:
    """One call as somebody keeps it in mind."""

    price: int
    worth: int  # to the operator
    paid: bool
    charged: int = 0  # what the customer has paid and not got back
    has: int = 0  # what the operator has got and not given back
    in_review: bool = True
    stopped: bool = False
    rejection: str = ""  # "open", "settled"
    appealed: bool = False
    appeal_open: bool = False


@dataclass
class Books:
    calls: list[Paper]
    available: int = 0
    paid_out: int = 0
    bonus: int = 0
    revenue: int = 0
    spent: list[int] = field(default_factory=list)

    def do(self, step: Step) -> str:
        word, place = step
        if place == -1:
            return self._several(word)
        return "ok" if getattr(self, word)(self.calls[place]) else "conflict"

    def _several(self, word: str) -> str:
        """One report about all calls: done for those where something is to do; where money is missing, for none."""
        able = [call for call in self.calls if self._able(word, call)]
        needed = sum(call.has for call in able if not call.in_review)
        if not able or (word == "reverse" and needed > self.available):
            return "conflict"
        done = [getattr(self, word)(call) for call in able]
        assert all(done)
        return "ok"

    def _able(self, word: str, call: Paper) -> bool:
        return call.paid and call.rejection != "open" and (word == "reverse" or call.charged > 0)

    def refund(self, call: Paper) -> bool:
        if not self._able("refund", call):
            return False
        self.bonus -= call.price
        call.charged = 0
        return True

    def reverse(self, call: Paper) -> bool:
        if not self._able("reverse", call) or (not call.in_review and self.available < call.has):
            return False
        if not call.charged:
            self.bonus += call.price
        if not call.in_review:
            self.available -= call.has
        self._gone(call)
        return True

    def _gone(self, call: Paper) -> None:
        self.revenue -= call.price - call.worth
        call.charged, call.has, call.paid = 0, 0, False

    def reject(self, call: Paper) -> bool:
        if not call.paid or not call.charged or call.rejection or not call.in_review:
            return False
        call.rejection, call.stopped = "open", True
        return True

    def appeal(self, call: Paper) -> bool:
        against_rejection = call.rejection == "open"
        against_unpaid = not call.price and not call.has
        if call.appealed or not (against_rejection or against_unpaid):
            return False
        call.appealed = call.appeal_open = True
        return True

    def uphold(self, call: Paper) -> bool:
        if not call.appeal_open:
            return False
        call.appeal_open = False
        if call.rejection:
            call.rejection, call.stopped = "settled", False
        else:
            self.bonus -= call.worth
            self.available += call.worth
            call.has = call.worth
        return True

    def refuse(self, call: Paper) -> bool:
        if not call.appeal_open:
            return False
        call.appeal_open = False
        if call.rejection:
            call.rejection = "settled"
            self._gone(call)
        return True

    def settle(self, _call: Paper) -> bool:
        for call in self.calls:
            if call.rejection == "open" and not call.appeal_open:
                call.rejection = "settled"
                self._gone(call)
        return True

    def mature(self, _call: Paper) -> bool:
        for call in self.calls:
            if call.paid and call.in_review and not call.stopped:
                call.in_review = False
                self.available += call.has
        return True

    def pay_out(self, _call: Paper) -> bool:
        self.paid_out += self.available
        self.available = 0
        return True


@dataclass
class Real:
    """The same, done to the exchange."""

    conversations: list[Conversation]
    owner: User
    moderators: tuple[User, User]

    def do(self, step: Step) -> str:
        word, place = step
        try:
            with transaction.atomic():
                if word in ("refund", "reverse"):
                    self._close(word, [*PAID, UNPAID] if place == -1 else [place])
                else:
                    getattr(self, word)(self.conversations[place])
        except (ConflictError, Dispute.DoesNotExist):
            return "conflict"
        return "ok"

    def _close(self, action: str, places: list[int]) -> None:
        ids = [self.conversations[place].attempt.pk for place in places]
        report = reports.tell(by=self.moderators[0], words="Look.", attempt=Attempt.objects.get(pk=ids[0]))
        report.evidence["calls"] = [str(id) for id in ids]
        report.save(update_fields=["evidence"])
        reports.close(report=report, moderator=self.moderators[1], action=action, answer="Heard.")

    def reject(self, talk: Conversation) -> None:
        ratings.reject(attempt=_fresh(talk), by=self.owner, reason="rude", words="Shouted.", at_ms=None)

    def appeal(self, talk: Conversation) -> None:
        kind = "not_paid" if talk is self.conversations[UNPAID] else "rejection"
        disputes.appeal(attempt=_fresh(talk), operator=talk.operator, kind=kind, words="No.")

    def uphold(self, talk: Conversation) -> None:
        self._decide(talk, upheld=True)

    def refuse(self, talk: Conversation) -> None:
        self._decide(talk, upheld=False)

    def _decide(self, talk: Conversation, *, upheld: bool) -> None:
        dispute = Dispute.objects.get(attempt=talk.attempt)
        disputes.decide(dispute=dispute, moderator=self.moderators[1], upheld=upheld, answer="Heard.")

    def settle(self, _talk: Conversation) -> None:
        ratings.settle_unanswered(clock.now() + LATER)

    def mature(self, _talk: Conversation) -> None:
        ledger.mature(clock.now() + LATER)

    def pay_out(self, talk: Conversation) -> None:
        account = account_of(AccountKind.OPERATOR_AVAILABLE, talk.operator.pk, "RUB")
        if account.available:
            ledger.transfer(
                id=new_id(), debit=account, credit=account_of(AccountKind.EXCHANGE_CASH, None, "RUB"),
                amount=Money(account.available, "RUB"), code=TransferCode.PAYOUT, reference="payout",
            )  # fmt: skip


def _fresh(talk: Conversation) -> Attempt:
    return Attempt.objects.select_related("campaign", "assignment").get(pk=talk.attempt.pk)


def a_real_one() -> Real:
    campaign, operator = a_running_campaign(4, min_talk_s=10), an_operator()
    conversations = []
    for talk_s in (30, 30, 3):
        conversations.append(a_conversation(campaign=campaign, operator=operator, talk_s=talk_s))
        conversations[-1].wrap_up()
        operator.shifts.update(ended_at=clock.now())
    return Real(conversations, owner_of(campaign), (a_moderator("Nina"), a_moderator("Petra")))


def a_paper(real: Real) -> Books:
    books = Books([])
    for talk in real.conversations:
        row = _fresh(talk)
        worth = disputes.pay_of(row).minor
        books.calls.append(
            Paper(row.charged_minor, worth, bool(row.payable), charged=row.charged_minor, has=row.earned_minor)
        )
        books.revenue += row.charged_minor - row.earned_minor
    return books


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def compare(real: Real, asked: list[Step]) -> None:
    with undone():
        books, start = a_paper(real), balances(real.conversations[0])[0]
        most = sum(call.price for call in books.calls)
        for step in asked:
            expected = books.do(step)
            assert real.do(step) == expected, step
            customer, review, available = balances(real.conversations[0])
            assert customer - start == most - sum(call.charged for call in books.calls)
            assert 0 <= customer - start <= most, "never more than the price"
            assert (review, available) == (
                sum(call.has for call in books.calls if call.in_review and call.paid),
                books.available,
            )
            bonus = account_of(AccountKind.EXCHANGE_BONUS, None, "RUB").balance
            revenue = account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB").balance
            assert (bonus, revenue) == (books.bonus, books.revenue)
        _figures_agree(real, books)
        nothing_is_lost()


def _figures_agree(real: Real, books: Books) -> None:
    rows = [_fresh(talk) for talk in real.conversations]
    assert [(row.charged_minor, row.earned_minor) for row in rows] == [(c.charged, c.has) for c in books.calls]
    tally = CampaignTally.objects.get(pk=rows[0].campaign_id)
    assert (tally.spent_minor, tally.conversations) == (
        sum(call.charged for call in books.calls),
        sum(call.paid for call in books.calls),
    )
    for talk, call in zip(real.conversations, books.calls, strict=True):
        talk.shift.refresh_from_db()
        assert (talk.shift.earned_minor, talk.shift.conversations) == (call.has, int(call.paid))


@pytest.mark.django_db
def test_any_order_of_decisions_keeps_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings.HEARTHLINE, "commission_basis_points", 2000)
    real = a_real_one()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(steps, max_size=12))
    def whatever(asked: list[Step]) -> None:
        compare(real, asked)

    whatever()


@pytest.mark.postgres
def test_the_same_on_postgresql(postgres: str) -> None:
    real = a_real_one()

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(steps, max_size=12))
    def whatever(asked: list[Step]) -> None:
        compare(real, asked)

    whatever()


@pytest.mark.parametrize(
    "words", [("refund", "reverse"), ("refund", "reject"), ("reverse", "reject"), ("reverse", "settle")]
)
def test_two_decisions_at_once(database: str, words: tuple[str, str]) -> None:
    """Several of each at one moment: what comes of it is what one order of them would have brought."""
    real = a_real_one()
    if "settle" in words:
        real.do(("reject", 0))
    start, most = balances(real.conversations[0])[0], _fresh(real.conversations[0]).charged_minor

    def decide(number: int) -> str:
        fresh = Real(real.conversations, real.owner, (real.moderators[number % 2], real.moderators[1 - number % 2]))
        return fresh.do((words[number // 2], 0))

    said = together(4, decide)
    assert {str(one) for one in said} <= {"ok", "conflict"}, said
    assert "ok" in said
    customer, review, available = balances(real.conversations[0])
    row = _fresh(real.conversations[0])
    assert customer - start == most - row.charged_minor <= most
    assert review + available == row.earned_minor + _fresh(real.conversations[1]).earned_minor
    nothing_is_lost()


def test_two_reports_about_the_same_calls_the_other_way_round(database: str) -> None:
    """Each locks what it needs in one order: nobody waits for the other for ever, and each call is reversed once."""
    real = a_real_one()
    start = balances(real.conversations[0])[0]
    most = sum(_fresh(talk).charged_minor for talk in real.conversations)
    ids = [talk.attempt.pk for talk in real.conversations]
    opened = []
    for by, order in ((real.moderators[0], ids), (real.moderators[1], ids[::-1])):
        report = reports.tell(by=by, words="Look.", attempt=_fresh(real.conversations[0]))
        report.evidence["calls"] = [str(id) for id in order]
        report.save(update_fields=["evidence"])
        opened.append(report)

    def close(number: int) -> int:
        by = real.moderators[1 - number]
        return reports.close(report=opened[number], moderator=by, action="reverse", answer="Heard.").moved

    said = together(2, close)
    assert sorted(str(one) if isinstance(one, int) else type(one).__name__ for one in said) == ["2", "ConflictError"]
    assert balances(real.conversations[0])[0] == start + most
    nothing_is_lost()


@pytest.mark.django_db
def test_only_the_chosen_calls(db: None) -> None:
    real = a_real_one()
    report = reports.tell(by=real.moderators[0], words="Look.", attempt=_fresh(real.conversations[0]))
    report.evidence["calls"] = [str(talk.attempt.pk) for talk in real.conversations]
    report.save(update_fields=["evidence"])
    chosen = [real.conversations[1].attempt.pk]
    closed = reports.close(
        report=report, moderator=real.moderators[1], action="reverse", answer="This one.", calls=chosen
    )
    assert (closed.moved, closed.left) == (1, 0)
    assert [_fresh(talk).payable for talk in real.conversations] == [True, False, False]
    assert Assignment.objects.count() == 3
