"""A moderator at a call that goes on: silent, whispering, in the call; and what each of the others hears and is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.people import open_shift, person
from tests.e2e.tones import heard, read_channel, write_tone
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(180)]

OPERATOR_HZ, MODERATOR_HZ, CONTACT_HZ = 1040, 1480, 659
NUMBER = "79161230001"


def test_a_moderator_listens_whispers_and_joins(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path
) -> None:
    exchange.seed(provider=at_provider(provider), contacts=[["+" + NUMBER, "Irina"]])
    with (
        Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ, answer_after=0.5) as phone,
        person(play, exchange, write_tone(folder / "operator.wav", OPERATOR_HZ, rate=48000)) as operator,
        person(play, exchange, write_tone(folder / "moderator.wav", MODERATOR_HZ, rate=48000)) as moderator,
    ):
        moderator.sign_in("moderator@example.org")
        moderator.page.goto("/moderation/live/")
        moderator.sees("#live", "Nobody is talking")
        open_shift(operator)
        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        operator.sees("#strip-mode", "Talking")
        phone.wait_answered()

        moderator.sees("#live", "talking")  # by itself
        assert NUMBER not in moderator.page.content()
        moderator.page.get_by_role("button", name="Listen to the call").click()
        moderator.sees("#announce", "nobody hears you")
        operator.sees("#note", "A moderator is listening")
        moderator.wait_hears(CONTACT_HZ)
        moderator.wait_hears(OPERATOR_HZ)
        assert operator.hears(CONTACT_HZ, MODERATOR_HZ) == [True, False]

        moderator.page.get_by_role("button", name="Whisper to").click()
        moderator.sees("#announce", "The operator hears you")
        operator.sees("#note", "the contact does not hear it")
        operator.wait_hears(MODERATOR_HZ)
        phone.wait_heard(2.5)
        to_contact = read_channel(phone.heard())
        assert heard(to_contact, OPERATOR_HZ) > 0.2
        assert heard(to_contact, MODERATOR_HZ) == 0

        moderator.page.get_by_role("button", name="Join the call").click()
        operator.sees("#note", "everybody hears them")
        operator.wait_hears(MODERATOR_HZ)
        wait_for(lambda: heard(read_channel(phone.heard()), MODERATOR_HZ) > 0, "the moderator at the contact's ear")
        moderator.press("Escape")
        moderator.sees("#announce", "You have left the call")
        operator.sees("#note", "The moderator has left")
        operator.press("h")
        operator.sees("#strip-mode", "Wrap-up")
        moderator.sees("#live", "Nobody is talking")
        assert exchange.rows("SELECT 1 FROM people_auditentry WHERE tag = 'web:call:listened'")
        assert operator.errors == moderator.errors == []
