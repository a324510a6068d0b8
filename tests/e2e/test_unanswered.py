"""Calls that become no conversation: each is told in words, costs nothing, and comes back when it should."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.e2e.conftest import ABSENT, BUSY, FAILING, SILENT, at_provider
from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.people import open_shift, person
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(180)]

EXPECTED = [  # number, what the operator reads, outcome, state of the contact afterwards, final SIP status
    (BUSY, "Busy", "busy", "retry", 486),
    (SILENT, "No answer", "no_answer", "retry", None),
    (ABSENT, "cannot be reached", "absent", "blocked", 404),
    (FAILING, "did not put the call through", "network", "retry", 503),
]


@pytest.fixture(scope="module")
def seeded(exchange: Exchange, provider: Provider) -> dict[str, Any]:
    contacts = [["+" + number, f"Person {n}"] for n, (number, *_rest) in enumerate(EXPECTED, 1)]
    return exchange.seed(provider=at_provider(provider), contacts=contacts)


def test_what_does_not_become_a_conversation_is_told_and_costs_nothing(
    play: Playwright, exchange: Exchange, seeded: dict[str, Any]
) -> None:
    with person(play, exchange) as operator:
        open_shift(operator)
        for _number, words, *_rest in EXPECTED:
            operator.press("Enter")
            operator.sees("#strip-mode", "Reserved")
            operator.press("d")
            operator.sees("#note", words)
            operator.sees("#strip-mode", "Ready")
        assert operator.errors == []
    for number, _words, outcome, state, status in EXPECTED:
        row = exchange.row(
            "SELECT a.auto_outcome, a.sip_status, a.charged_minor, a.payable, a.answered_at, c.state FROM calls_attempt a"
            " JOIN campaigns_contact c ON c.id = a.contact_id WHERE c.phone = ?",
            "+" + number,
        )
        assert (row["auto_outcome"], row["state"]) == (outcome, state), number
        assert (row["charged_minor"], row["payable"], row["answered_at"]) == (0, 0, None), number
        if status is not None:
            assert row["sip_status"] == status
    balance = exchange.row(
        "SELECT * FROM ledger_account WHERE kind = 'customer' AND owner = ?", seeded["organisation"].replace("-", "")
    )
    assert (balance["debits_posted"], balance["debits_pending"]) == (0, 0)
    assert exchange.books_balance()


def test_a_caller_id_that_the_provider_refuses_does_not_count_against_the_contact(
    play: Playwright, exchange: Exchange, seeded: dict[str, Any]
) -> None:
    exchange.manage(
        "from hearthline.campaigns.models import Campaign; Campaign.objects.update(caller_id='+74951112233')"
    )
    exchange.add_contact("+79161230077", "Wrong Caller")
    with person(play, exchange) as operator:
        open_shift(operator, "second@example.org")
        operator.press("Enter")
        operator.sees("#worksheet", "Wrong Caller")
        operator.press("d")
        operator.sees("#note", "did not put the call through")
    contact = exchange.row("SELECT * FROM campaigns_contact WHERE phone = '+79161230077'")
    assert contact["attempts"] == 0
    wait_for(lambda: exchange.books_balance(), "balanced books")
