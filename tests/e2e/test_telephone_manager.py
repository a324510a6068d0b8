"""A manager with a telephone as line: hand-overs ring on the page and are talked by telephone; muted and warned by the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.people import Person, open_shift, person
from tests.e2e.tones import WINDOW, heard, read_channel, write_tone
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(240)]

OPERATOR_HZ, MANAGER_HZ, CONTACT_HZ = 1040, 1480, 659
MANAGERS, OPERATORS, CONTACT, NEXT = "74957770042", "74957770043", "79161230001", "79161230002"
LIMIT_MINOR = 30_000


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[Exchange]:
    settings = {
        "manager_ring_timeout_s": "25", "line_grace_s": "12", "callback_countries": '["RU"]',
        "callback_limit_minor": str(LIMIT_MINOR),
    }  # fmt: skip
    with running(folder / "data", **settings) as found:
        yield found


@pytest.fixture(scope="module")
def seeded(exchange: Exchange, provider: Provider) -> None:
    exchange.seed(provider=at_provider(provider), contacts=[["+" + CONTACT, "Irina"]])
    for email, number in (("manager@example.org", MANAGERS), ("operator@example.org", OPERATORS)):
        exchange.manage(
            "from hearthline.people.models import User; from hearthline.calls.own_phones import choose_line; "
            f"choose_line(user=User.objects.get(email={email!r}), kind='callback', number='+{number}')"
        )
    exchange.manage(
        "from hearthline.people.models import User; from hearthline.calls.own_phones import choose_line; "
        "choose_line(user=User.objects.get(email='operator@example.org'), kind='browser')"
    )


def press_what_the_page_says(somebody: Person, phone: Phone, hint: str, answers: int = 1) -> None:
    """The code of a telephone that is new, else any key."""
    phone.wait_answered(answers)
    shown = re.search(r"\d \d \d \d", somebody.page.locator(hint).inner_text())
    for digit in (shown[0] if shown else "1").split():
        phone.press(digit)


def line_is_open(operator: Person) -> None:
    """Opened by hand, or by the page itself where it is the line of a browser that went away."""
    expect(operator.page.locator("#strip-mode")).to_contain_text(re.compile("No line|Ready"), timeout=15_000)
    if "No line" in operator.page.locator("#strip-mode").inner_text():
        operator.press("Enter")
    operator.sees("#strip-mode", "Ready")


def talk(operator: Person, contact: Phone) -> None:
    operator.press("Enter")
    operator.sees("#strip-mode", "Reserved")
    operator.press("d")
    operator.sees("#strip-mode", "Talking")
    contact.wait_answered()
    operator.wait_hears(CONTACT_HZ)
    contact.wait_heard(2.5)


def save(operator: Person) -> None:
    operator.press("1")
    operator.press("Control+Enter")
    operator.sees("#trouble", "another look")
    operator.page.keyboard.type("a check-up on Saturday")
    operator.press("Control+Enter")
    wait_for(
        lambda: not operator.exchange.rows("SELECT 1 FROM calls_attempt WHERE wrapped_up_at IS NULL"), "the wrap-up",
        timeout_s=10,
    )  # fmt: skip


def never_together(sound: Path, one_hz: float, other_hz: float) -> bool:
    """The one voice ends before the other begins: at most one window of 200 ms, where they change, has both tones."""
    samples = read_channel(sound)
    windows = [samples[i : i + WINDOW] for i in range(0, len(samples) - WINDOW, WINDOW)]
    return sum(bool(heard(w, one_hz) and heard(w, other_hz)) for w in windows) <= 1


def test_a_hand_over_comes_to_an_open_telephone(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    voice = write_tone(folder / "operator.wav", OPERATOR_HZ, rate=48000)
    with (
        Phone(folder, MANAGERS, provider, tone_hz=MANAGER_HZ, answer_after=0.5) as own,
        Phone(folder, CONTACT, provider, tone_hz=CONTACT_HZ, answer_after=0.5) as contact,
        person(play, exchange, voice) as operator,
        person(play, exchange) as manager,
    ):
        manager.sign_in("manager@example.org")
        manager.page.goto("/manage/")
        manager.sees("#desk-hint", "your telephone")
        manager.press("Enter")
        manager.sees("#desk-hint", "press")
        press_what_the_page_says(manager, own, "#desk-hint")
        manager.sees("#desk-mode", "Available")
        assert MANAGERS[1:] not in manager.page.content()
        open_shift(operator)
        talk(operator, contact)

        operator.press("t")
        manager.sees("#desk-mode", "rings")
        manager.sees("#contact-name", "Irina")
        assert own.events.count("CALL_INCOMING") == 1  # the page rings; the telephone is open already
        manager.press("Enter")
        manager.sees("#desk-mode", "Briefing")
        operator.wait_hears(MANAGER_HZ)
        assert operator.hears(CONTACT_HZ, MANAGER_HZ) == [False, True]
        own.wait_heard(3)

        manager.press("m")
        expect(manager.page.locator("#mute")).to_have_attribute("aria-pressed", "true")
        expect(manager.page.locator("#announce")).to_contain_text("Your telephone is muted: nobody hears you.")
        manager.sees("#line-state", "Telephone muted")
        wait_for(lambda: operator.hears(MANAGER_HZ) == [False], "silence of the muted telephone", timeout_s=8)
        manager.page.reload()
        manager.sees("#line-state", "Telephone muted")  # the telephone is what it was
        manager.press("m")
        manager.sees("#line-state", "Line open")
        operator.wait_hears(MANAGER_HZ)

        operator.press("t")
        manager.sees("#desk-mode", "Talking")
        operator.sees("#strip-mode", "Handed over")
        save(operator)
        own.wait_heard(15)
        manager.press("h")
        manager.sees("#desk-mode", "Over")
        contact.wait_closed()
        assert own.events.count("CALL_CLOSED") == 0  # open for the next one
        manager.press("Enter")
        manager.sees("#desk-mode", "Available")
        manager.press("Enter")
        manager.sees("#desk-mode", "Not available")
        own.wait_closed()

    assert heard(read_channel(own.heard()), OPERATOR_HZ) > 0.05
    assert heard(read_channel(own.heard()), CONTACT_HZ) > 0.05
    assert never_together(own.heard(), OPERATOR_HZ, CONTACT_HZ)
    assert heard(read_channel(contact.heard()), MANAGER_HZ) > 0.05
    assert never_together(contact.heard(), OPERATOR_HZ, MANAGER_HZ)
    attempt = exchange.row("SELECT * FROM calls_attempt")
    assert attempt["payable"] == 1
    assert exchange.books_balance()
    assert operator.errors == manager.errors == []


def test_a_hand_over_calls_a_telephone_that_is_not_open(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    exchange.add_contact("+" + NEXT, "Sergey")
    voice = write_tone(folder / "operator2.wav", OPERATOR_HZ, rate=48000)
    with (
        Phone(folder, MANAGERS, provider, tone_hz=MANAGER_HZ, answer_after=0.5) as own,
        Phone(folder, NEXT, provider, tone_hz=CONTACT_HZ, answer_after=0.5) as contact,
        person(play, exchange, voice) as operator,
        person(play, exchange) as manager,
    ):
        manager.sign_in("manager@example.org")
        manager.page.goto("/manage/")
        manager.sees("#desk-mode", "Not available")
        operator.sign_in("operator@example.org")
        operator.page.goto("/work/")
        operator.page.get_by_role("button", name=re.compile("Work on this|Go on")).first.click()
        line_is_open(operator)
        talk(operator, contact)
        operator.press("t")
        manager.sees("#desk-mode", "rings")
        manager.sees("#contact-name", "Sergey")
        manager.press("Enter")
        press_what_the_page_says(manager, own, "#desk-hint")
        manager.sees("#desk-mode", "Briefing")  # the key that opened the telephone answered the hand-over
        operator.wait_hears(MANAGER_HZ)
        operator.press("t")
        manager.sees("#desk-mode", "Talking")
        save(operator)
        contact.wait_heard(6)
        own.hang_up()  # the receiver is put down: the conversation is over, the exchange rings once more
        manager.sees("#trouble", "it rings again")
        own.wait_answered(2)
        own.press("1")
        manager.sees("#line-state", "Line open")
        manager.press("h")
        contact.wait_closed()
    assert heard(read_channel(contact.heard()), MANAGER_HZ) > 0.05
    assert exchange.books_balance()
    assert operator.errors == manager.errors == []


def test_before_the_exchange_stops_paying_it_says_so(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, seeded: None
) -> None:
    """What is left of the day's limit is two minutes and a few seconds at 1.20 a minute."""
    exchange.manage(
        "from datetime import timedelta; from hearthline.lib import clock; from hearthline.calls.models import Line, Node; "
        "from hearthline.people.models import User; from hearthline.calls.own_phones import choose_line; "
        "operator = User.objects.get(email='operator@example.org'); at = clock.now() - timedelta(hours=10); "
        f"choose_line(user=operator, kind='callback', number='+{OPERATORS}'); "
        f"used = timedelta(seconds=({LIMIT_MINOR} - 256) // 2); "
        "Line.objects.filter(user=operator).exclude(state='closed').update(state='closed'); "
        "line = Line.objects.create(user=operator, node=Node.objects.get(), state='closed', kind='callback', "
        f"number='+{OPERATORS}', per_minute_micro=1_200_000, answered_at=at, left_at=at + used); "
        "Line.objects.filter(pk=line.pk).update(opened_at=at)"
    )
    with (
        Phone(folder, OPERATORS, provider, tone_hz=OPERATOR_HZ, answer_after=0.5) as own,
        person(play, exchange) as operator,
    ):
        operator.sign_in("operator@example.org")
        operator.page.goto("/work/")
        operator.page.get_by_role("button", name=re.compile("Work on this|Go on")).first.click()
        operator.sees("#strip-mode", "No line")
        operator.press("Enter")
        operator.sees("#strip-hint", "press")
        press_what_the_page_says(operator, own, "#strip-hint")
        operator.sees("#strip-mode", "Ready")
        operator.sees("#trouble", "pays for your telephone within a day is used up. A call that goes on", timeout_s=25)
        assert operator.page.locator("#trouble").get_attribute("role") == "alert"
        operator.press("m")
        operator.sees("#line-state", "Telephone muted")
        expect(operator.page.locator('button[data-action="mute"]')).to_have_attribute("aria-pressed", "true")
        operator.sees("#trouble", "used up")  # it stays, whatever is done
        operator.page.get_by_role("button", name="How my line is opened").click()
        operator.page.wait_for_url("**/account/line/")
        own.hang_up()
        own.wait_closed()
        assert operator.errors == []
