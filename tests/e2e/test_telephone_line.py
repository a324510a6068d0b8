"""An operator with a telephone and a keyboard: the page for the script, an ordinary telephone for the sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.people import Person, person
from tests.testbed.phone import OwnPhone, Phone, Registrar
from tests.testbed.programs import free_port
from tests.testbed.provider import Provider
from tests.testbed.sounds import frequency_level

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(240)]

OPERATOR_HZ, CONTACT_HZ = 1040, 659
SIP_PORT = free_port()
OWN_NUMBER, CONTACT = "74957770042", "79161230001"


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[Exchange]:
    """One that calls telephones back, in Russia, and takes SIP phones."""
    settings = {
        "ring_timeout_s": "6", "line_grace_s": "12", "callback_countries": '["RU"]', "sip_port": str(SIP_PORT),
        "phones_server": f"127.0.0.1:{SIP_PORT}",
    }  # fmt: skip
    with running(folder / "data", **settings) as found:
        yield found


@pytest.fixture(scope="module")
def seeded(exchange: Exchange, provider: Provider) -> None:
    exchange.seed(provider=at_provider(provider), contacts=[["+" + CONTACT, "Irina"]])


def by_keyboard(somebody: Person, name: str) -> None:
    """Tab until the focus is on what is called so."""
    for _ in range(80):
        focused = somebody.page.evaluate(
            "() => { const e = document.activeElement; if (e === document.body) return '';"
            " return `${e?.ariaLabel ?? ''} ${e?.textContent ?? ''} ${e?.labels?.[0]?.textContent ?? ''}`; }"
        )
        if name in focused:
            return
        somebody.press("Tab")
    raise AssertionError(f"{name} was not reached by the keyboard")


def choose_telephone(operator: Person) -> None:
    """In the settings, by keyboard alone."""
    operator.page.goto("/account/line/")
    if not operator.page.get_by_label("a telephone that the exchange calls").is_checked():
        by_keyboard(operator, "the browser and a headset")
        operator.press("ArrowDown")
    by_keyboard(operator, "Number of the telephone")
    operator.press("Control+a")
    operator.page.keyboard.type("8 (495) 777-00-42")
    operator.press("Enter")
    operator.sees("main", "Saved.")


def save(operator: Person) -> None:
    """The result, by keyboard; afterwards nothing of the call is open."""
    operator.press("1")
    operator.press("Control+Enter")
    operator.sees("#trouble", "another look")
    operator.page.keyboard.type("a check-up on Saturday")
    operator.press("Control+Enter")
    wait_for(
        lambda: not operator.exchange.rows("SELECT 1 FROM calls_attempt WHERE wrapped_up_at IS NULL"), "the wrap-up",
        timeout_s=10,
    )  # fmt: skip


def test_a_shift_with_a_telephone_and_a_keyboard(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    with (
        Phone(folder, OWN_NUMBER, provider, tone_hz=OPERATOR_HZ, answer_after=1.0) as own,
        Phone(folder, CONTACT, provider, tone_hz=CONTACT_HZ, answer_after=1.0) as contact,
        person(play, exchange) as operator,
    ):
        operator.sign_in("operator@example.org")
        choose_telephone(operator)
        operator.page.goto("/work/")
        by_keyboard(operator, "Work on this")
        operator.press("Enter")
        operator.sees("#strip-hint", "your telephone")
        operator.press("Enter")
        operator.sees("#strip-hint", "press")
        code = re.search(r"\d \d \d \d", operator.page.locator("#strip-hint").inner_text())
        assert code is not None
        expect(operator.page.locator("#announce")).to_contain_text(code[0])  # to the ear as well
        own.wait_answered()
        own.wait_heard(1.0)  # the question has sounded
        for digit in code[0].split():
            own.press(digit)
        operator.sees("#strip-mode", "Ready")
        assert OWN_NUMBER[1:] not in operator.page.content()

        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        operator.sees("#strip-mode", "Talking")
        own.wait_heard(6)
        operator.press("h")
        operator.sees("#strip-mode", "Wrap-up")
        contact.wait_closed()
        assert frequency_level(contact.heard(), OPERATOR_HZ) > 1500
        save(operator)
        assert own.events.count("CALL_CLOSED") == 0  # open for the shift

        own.hang_up()
        operator.sees("#trouble", "hung up")
        assert frequency_level(own.heard(), CONTACT_HZ) > 1500
        wait_for(lambda: exchange.rows("SELECT 1 FROM calls_line WHERE left_at IS NOT NULL"), "the end of the leg")
        line = exchange.row("SELECT * FROM calls_line WHERE kind = 'callback'")
        assert (line["state"], line["close_reason"]) == ("closed", "hung_up")
        (cost,) = exchange.rows("SELECT posted_minor FROM ledger_transfer WHERE reference LIKE 'line:%'")
        assert cost["posted_minor"] > 0
        assert exchange.books_balance()
        assert operator.errors == []


def test_a_telephone_lost_in_mid_call_rings_again(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    number = "79161230002"
    exchange.add_contact("+" + number, "Sergey")
    with (
        Phone(folder, OWN_NUMBER, provider, tone_hz=OPERATOR_HZ, answer_after=0.5) as own,
        Phone(folder, number, provider, tone_hz=CONTACT_HZ, answer_after=0.5) as contact,
        person(play, exchange) as operator,
    ):
        operator.sign_in("operator@example.org")
        choose_telephone(operator)
        operator.page.goto("/work/")
        operator.page.get_by_role("button", name=re.compile("Work on this|Go on")).first.click()
        operator.sees("#strip-mode", "No line")
        operator.press("Enter")
        own.wait_answered()
        own.wait_heard(0.5)
        hint = operator.page.locator("#strip-hint").inner_text()
        for digit in (re.search(r"\d \d \d \d", hint) or [" 1"])[0].split():  # confirmed by the former test, or not
            own.press(digit)
        operator.sees("#strip-mode", "Ready")
        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        operator.sees("#strip-mode", "Talking")
        contact.wait_heard(2)

        own.hang_up()
        operator.sees("#trouble", "it rings again")
        own.wait_answered(2)
        own.wait_heard(0.5)
        own.press("1")
        expect(operator.page.locator("#line-state")).to_have_text("Line open", timeout=15000)
        own.wait_heard(4)
        operator.sees("#strip-mode", "Talking")
        operator.press("h")
        operator.sees("#strip-mode", "Wrap-up")
        save(operator)
        own.hang_up()
        own.wait_closed(2)
        assert frequency_level(own.heard(), CONTACT_HZ) > 1500
        assert len(exchange.rows("SELECT 1 FROM calls_line WHERE redial")) == 1


def test_a_sip_phone_of_ones_own_is_the_line(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    number = "79161230003"
    exchange.add_contact("+" + number, "Pavel")
    work_with_a_sip_phone(play, exchange, provider, folder, number, Registrar(SIP_PORT))


def work_with_a_sip_phone(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, number: str, registrar: Registrar
) -> None:
    """Make an account, register with it, open the line, call the contact, write the result."""
    with (
        Phone(folder, number, provider, tone_hz=CONTACT_HZ, answer_after=0.5) as contact,
        person(play, exchange) as operator,
    ):
        operator.sign_in("operator@example.org")
        operator.page.goto("/account/line/")
        by_keyboard(operator, "Make an account")
        operator.press("Enter")
        operator.sees("main", "shown this once")
        _server, name, password = operator.page.locator("dd code").all_inner_texts()
        with OwnPhone(
            folder, name, registrar, tone_hz=OPERATOR_HZ, answer_after=1.0, password=password, every_s=60
        ) as own:
            wait_for(
                lambda: exchange.rows("SELECT 1 FROM calls_ownphone WHERE registered_node_id IS NOT NULL"),
                "the registration",
                timeout_s=40,
            )
            operator.page.goto("/account/line/")
            operator.sees("main", "Your phone is registered")
            operator.page.get_by_label("a SIP phone of my own").check()
            operator.press("Enter")
            wait_for(lambda: exchange.rows("SELECT 1 FROM calls_ownphone WHERE kind = 'sip_phone'"), "the choice")
            operator.sees("main", "Saved.")
            operator.page.goto("/work/")
            operator.page.get_by_role("button", name=re.compile("Work on this|Go on")).first.click()
            operator.sees("#strip-hint", "SIP phone rings")
            operator.press("Enter")
            own.wait_answered()
            operator.sees("#strip-mode", "Ready")
            operator.press("Enter")
            operator.sees("#strip-mode", "Reserved")
            operator.press("d")
            operator.sees("#strip-mode", "Talking")
            own.wait_heard(6)
            operator.press("h")
            operator.sees("#strip-mode", "Wrap-up")
            contact.wait_closed()
            assert frequency_level(contact.heard(), OPERATOR_HZ) > 1500
            save(operator)
            own.hang_up()
            own.wait_closed()
            assert frequency_level(own.heard(), CONTACT_HZ) > 1500
        assert (
            exchange.rows(
                "SELECT 1 FROM ledger_transfer t JOIN calls_line l ON t.reference = 'line:' || l.id "
                "WHERE l.kind = 'sip_phone'"
            )
            == []
        )
        assert operator.errors == []
