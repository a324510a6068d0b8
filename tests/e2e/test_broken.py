"""What breaks in mid-call: the contact leaves during the briefing, a tab is killed, a process is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.people import Person, open_shift, person
from tests.e2e.tones import write_tone
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(180)]

OPERATOR_HZ, CONTACT_HZ = 1040, 659
NUMBER = "79161230101"


@pytest.fixture
def exchange(tmp_path: Path, provider: Provider) -> Iterator[Exchange]:
    """Each test breaks an exchange of its own."""
    with running(tmp_path / "data", line_grace_s="4") as fresh:
        fresh.seed(provider=at_provider(provider), contacts=[["+" + NUMBER, "Irina"]])
        yield fresh


@pytest.fixture
def operator(play: Playwright, exchange: Exchange, tmp_path: Path) -> Iterator[Person]:
    with person(play, exchange, write_tone(tmp_path / "operator.wav", OPERATOR_HZ, rate=48000)) as somebody:
        open_shift(somebody)
        yield somebody


def talk(operator: Person, phone: Phone) -> None:
    operator.press("Enter")
    operator.sees("#strip-mode", "Reserved")
    operator.press("d")
    phone.wait_answered()
    operator.sees("#strip-mode", "Talking")
    operator.wait_hears(CONTACT_HZ)


def latest(exchange: Exchange) -> dict[str, object]:
    return dict(exchange.rows("SELECT * FROM calls_attempt ORDER BY dialled_at DESC LIMIT 1")[0])


def wrap_up(operator: Person) -> None:
    operator.sees("#strip-mode", "Wrap-up")
    operator.press("6")  # "Voicemail or silence": needs no answers
    operator.press("Control+Enter")
    operator.sees("#strip-mode", "Ready")  # nobody else is left to call


def test_the_contact_leaves_while_the_manager_is_briefed(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, operator: Person
) -> None:
    with Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ) as phone, person(play, exchange) as manager:
        manager.sign_in("manager@example.org")
        manager.page.goto("/manage/")
        manager.press("Enter")
        manager.sees("#desk-mode", "Available")
        talk(operator, phone)
        operator.press("t")
        manager.sees("#desk-mode", "rings")
        manager.press("Enter")
        manager.sees("#desk-mode", "Briefing")
        phone.hang_up()
        manager.sees("#desk-hint", "hung up")
        operator.sees("#strip-mode", "Wrap-up")
        operator.sees("#note", "hung up")
        wrap_up(operator)
    row = exchange.row("SELECT * FROM calls_handover")
    assert (row["state"], row["completed_at"]) == ("contact_gone", None)
    assert exchange.books_balance()


def test_an_operators_tab_is_killed(exchange: Exchange, provider: Provider, folder: Path, operator: Person) -> None:
    with Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ) as phone:
        talk(operator, phone)
        operator.browser.close()
        phone.wait_closed()  # within the grace time and the goodbye
    wait_for(lambda: latest(exchange)["ended_at"], "the end of the call")
    assert latest(exchange)["ended_by"] in ("exchange", "switch")
    wait_for(lambda: not exchange.rows("SELECT 1 FROM calls_line WHERE state <> 'closed'"), "the line to be closed")
    assert exchange.books_balance()


def test_the_web_process_is_killed_and_the_call_goes_on(
    exchange: Exchange, provider: Provider, folder: Path, operator: Person
) -> None:
    with Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ) as phone:
        talk(operator, phone)
        os.kill(exchange.child("hearthline web"), signal.SIGKILL)
        wait_for(lambda: not exchange.answers(), "the web process to be gone", every_s=0.01, timeout_s=5)
        wait_for(exchange.answers, "the web process to be back", timeout_s=30)
        assert operator.hears(CONTACT_HZ) == [True]
        operator.sees("#strip-mode", "Talking")
        wait_for(lambda: hang_up(operator), "a hang-up that is heard", timeout_s=20)
        phone.wait_closed()
        wrap_up(operator)
    row = latest(exchange)
    assert row["ended_by"] == "operator"
    assert row["wrapped_up_at"] is not None
    assert exchange.books_balance()


def hang_up(operator: Person) -> bool:
    operator.press("h")
    operator.page.wait_for_timeout(500)
    return "Talking" not in (operator.page.locator("#strip-mode").text_content() or "")


def test_the_switch_is_killed_and_the_shift_goes_on(
    exchange: Exchange, provider: Provider, folder: Path, operator: Person
) -> None:
    with Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ) as phone:
        talk(operator, phone)
        os.kill(exchange.child("embedded"), signal.SIGKILL)
        operator.sees("#strip-mode", "Wrap-up", timeout_s=40)
        operator.press("6")
        operator.press("Control+Enter")
        phone.hang_up()
        wait_for(lambda: latest(exchange)["wrapped_up_at"], "the wrap-up")
        operator.sees("#strip-mode", "Ready", timeout_s=30)  # the page has opened a new line by itself
    assert latest(exchange)["payable"] == 0
    assert exchange.books_balance()
