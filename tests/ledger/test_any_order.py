"""Whatever is asked, in whatever order and however often: the books agree with a ledger kept on paper."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.ledger import check, selectors, services
from hearthline.ledger.models import AccountKind, TransferCode
from hearthline.ledger.services import InsufficientFundsError, TelephoneCost
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money

_SPACE = uuid.UUID(int=7)
CUSTOMERS = [derived_id(_SPACE, f"customer {n}") for n in range(2)]
OPERATORS = [derived_id(_SPACE, f"operator {n}") for n in range(2)]

# Few ids, so that the same one is asked for again and again, also for something else.
ids = st.integers(0, 5).map(lambda n: derived_id(_SPACE, f"transfer {n}"))
amounts = st.integers(1, 400)
customers, operators = st.sampled_from(CUSTOMERS), st.sampled_from(OPERATORS)
steps = st.one_of(
    st.tuples(st.just("top_up"), ids, customers, amounts),
    st.tuples(st.just("hold"), ids, customers, operators, amounts),
    st.tuples(st.just("settle"), ids, st.integers(0, 399), st.integers(0, 20)),
    st.tuples(st.just("post"), ids, st.one_of(st.none(), amounts)),
    st.tuples(st.just("void"), ids),
    st.tuples(st.just("pay_out"), ids, operators, amounts),
    st.tuples(st.just("mature"), st.booleans()),
)
Step = tuple[object, ...]


class Paper:
    """The same rules written the long way: a list of entries, no balances kept."""

    def __init__(self) -> None:
        self.made: dict[uuid.UUID, Step] = {}
        self.pending: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID, int]] = {}
        self.ended: dict[uuid.UUID, Step] = {}
        self.balances: Counter[object] = Counter()
        self.in_review: Counter[uuid.UUID] = Counter()

    def available(self, customer: uuid.UUID) -> int:
        return self.balances[customer] - sum(m for c, _, m in self.pending.values() if c == customer)

    def move(self, debit: object, credit: object, minor: int) -> None:
        self.balances[debit] -= minor
        self.balances[credit] += minor

    def do(self, step: Step) -> str:
        """What should come of it: "ok", "conflict", "poor", "unknown", "senseless"."""
        return str(getattr(self, str(step[0]))(step, *step[1:]))

    def _begin(self, step: Step, id: uuid.UUID) -> str | None:
        if id not in self.made:
            return None
        return "ok" if self.made[id] == step else "conflict"

    def top_up(self, step: Step, id: uuid.UUID, customer: uuid.UUID, minor: int) -> str:
        if known := self._begin(step, id):
            return known
        self.made[id] = step
        self.move("cash", customer, minor)
        return "ok"

    def pay_out(self, step: Step, id: uuid.UUID, operator: uuid.UUID, minor: int) -> str:
        if known := self._begin(step, id):
            return known
        if self.balances["available", operator] < minor:
            return "poor"
        self.made[id] = step
        self.move(("available", operator), "cash", minor)
        return "ok"

    def hold(self, step: Step, id: uuid.UUID, customer: uuid.UUID, operator: uuid.UUID, minor: int) -> str:
        if known := self._begin(step, id):
            return known
        if self.available(customer) < minor:
            return "poor"
        self.made[id] = step
        self.pending[id] = (customer, operator, minor)
        return "ok"

    def _end(self, id: uuid.UUID, ending: Step) -> str | None:
        if id not in self.made:
            return "unknown"
        if id in self.pending:
            return None
        if self.made[id][0] != "hold":  # a transfer posted at once: posting it for what it is changes nothing
            return "ok" if ending == ("posted", self.made[id][-1]) else "conflict"
        return "ok" if self.ended[id] == ending else "conflict"

    def void(self, step: Step, id: uuid.UUID) -> str:
        if known := self._end(id, ("voided",)):
            return known
        del self.pending[id]
        self.ended[id] = ("voided",)
        return "ok"

    def post(self, step: Step, id: uuid.UUID, minor: int | None) -> str:
        if id in self.made:
            full = int(str(self.made[id][-1]))
            minor = full if minor is None else minor
            if minor > full:
                return "senseless"
        if known := self._end(id, ("posted", minor)):
            return known
        assert minor is not None
        customer, operator, _held = self.pending.pop(id)
        self.ended[id] = ("posted", minor)
        self.move(customer, ("review", operator), minor)
        return "ok"

    def settle(self, step: Step, id: uuid.UUID, commission: int, telephone: int) -> str:
        if id not in self.made:
            return "unknown"
        full = int(str(self.made[id][-1]))
        if commission >= full:
            return "senseless"
        if known := self._end(id, ("posted", full - commission)):
            return known
        customer, operator, price = self.pending.pop(id)
        self.ended[id] = ("posted", price - commission)
        self.move(customer, ("review", operator), price - commission)
        self.move(customer, "revenue", commission)
        self.move("telephony", "provider", telephone)
        self.in_review[operator] += price - commission
        return "ok"

    def mature(self, step: Step, over: bool) -> str:
        if over:
            for operator, minor in self.in_review.items():
                self.move(("review", operator), ("available", operator), minor)
            self.in_review.clear()
        return "ok"


def rub(minor: int) -> Money:
    return Money(minor, "RUB")


def really(step: Step) -> str:
    name, *rest = step
    try:
        _really(str(name), rest)
    except ConflictError:
        return "conflict"
    except InsufficientFundsError:
        return "poor"
    except NotFoundError:
        return "unknown"
    except ValueError:
        return "senseless"
    return "ok"


def _really(name: str, rest: list[object]) -> None:
    if name == "mature":
        window = timedelta(hours=django_settings.HEARTHLINE.review_window_hours)
        services.mature(clock.now() + (window if rest[0] else -window))
        return
    id = rest[0]
    assert isinstance(id, uuid.UUID)
    match name, rest[1:]:
        case "top_up", [uuid.UUID() as customer, int() as minor]:
            services.top_up(organisation=customer, amount=rub(minor), id=id)
        case "pay_out", [uuid.UUID() as operator, int() as minor]:
            services.transfer(
                id=id,
                debit=services.account_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB"),
                credit=services.account_of(AccountKind.EXCHANGE_CASH, None, "RUB"),
                amount=rub(minor),
                code=TransferCode.PAYOUT,
                reference="payout",
            )
        case "hold", [uuid.UUID() as customer, uuid.UUID() as operator, int() as minor]:
            services.hold_conversation(
                id=id, organisation=customer, operator=operator, price=rub(minor), reference="assignment:1"
            )
        case "settle", [int() as commission, int() as telephone]:
            cost = TelephoneCost(derived_id(id, "telephone"), rub(telephone))
            services.settle_conversation(hold=id, commission=rub(commission), telephone=cost)
        case "post", [minor]:
            services.post(id, rub(minor) if isinstance(minor, int) else None)
        case "void", []:
            services.void(id)
        case _:
            raise AssertionError(name)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=25))
def test_any_order_of_anything_keeps_the_books(asked: list[Step]) -> None:
    compare(asked)


@pytest.mark.postgres
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(steps, max_size=25))
def test_the_same_on_postgresql_where_hot_movements_are_one_statement(postgres: str, asked: list[Step]) -> None:
    compare(asked)


def compare(asked: list[Step]) -> None:
    with undone():
        paper = Paper()
        for step in asked:
            assert really(step) == paper.do(step), step
        report = check.prove()
        assert report.faults == []
        assert set(report.sums.values()) <= {0}
        for customer in CUSTOMERS:
            available = selectors.available_of(AccountKind.CUSTOMER, customer, "RUB").minor
            assert available == paper.available(customer) >= 0
        for operator in OPERATORS:
            review = selectors.balance_of(AccountKind.OPERATOR_MATURING, operator, "RUB").minor
            ready = selectors.balance_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB").minor
            assert (review, ready) == (paper.balances["review", operator], paper.balances["available", operator])
        revenue = selectors.balance_of(AccountKind.EXCHANGE_REVENUE, None, "RUB").minor
        assert revenue == paper.balances["revenue"]
