"""An operator's way in, in a real browser with synthesised speech as the microphone: invited, the test call with a robot, heard and
decided by a moderator, and the first campaign is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.people import Person, person
from tests.e2e.seed_words import PASSWORD
from tests.e2e.talker import give_voice
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(240)]

SENTENCES = [
    "Good afternoon, Clinic Zarya. May I ask you something?",
    "A check-up is free this month, on Saturday, too.",
    "Good. Which day suits you?",
    "Thank you very much.",
    "Thank you, goodbye.",
]
MODERATOR = (
    "from hearthline.people.models import User; "
    f"User.objects.create_user('mira@example.org', {PASSWORD!r}, name='Mira', role='moderator', language='en')"
)


def accept(operator: Person, link: str) -> None:
    page = operator.page
    page.goto(link)
    page.get_by_label("E-mail").fill("nina@example.org")
    page.get_by_label("Your name").fill("Nina New")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_url("**/work/")


def choose_outcome(operator: Person, exchange: Exchange) -> None:
    """Anna has understood what the robot said; here its scenario is looked up."""
    scenario = exchange.row("SELECT scenario FROM quality_fitnesstest")["scenario"]
    meant = {"en/agrees": ("1", "Thu"), "en/objection": ("1", "Sat"), "en/call_back": ("2", ""),
             "en/person_in_charge": ("1", "Wed"), "en/breaks_in": ("1", "Mon")}  # fmt: skip
    key, day = meant[scenario]
    if day:
        operator.page.get_by_label(day, exact=True).check()
    operator.page.locator("body").focus()
    operator.page.keyboard.press("Escape")
    operator.page.evaluate("document.activeElement.blur()")
    operator.press(key)


def test_an_invited_operator_passes_the_test_call_and_may_work(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path
) -> None:
    exchange.seed(provider=at_provider(provider), contacts=[["+79161230001", "Irina"]])
    exchange.manage(MODERATOR)
    wait_for(lambda: exchange.rows("SELECT 1 FROM campaigns_campaign WHERE kind = 'test'"), "the robots' campaigns")
    with person(play, exchange) as operator, person(play, exchange) as moderator:
        give_voice(operator, folder / "speech", SENTENCES)
        accept(operator, exchange.run("invite", "operator").strip())
        expect(operator.page.get_by_role("heading", name="Your way to the first campaign")).to_be_visible()
        expect(operator.page.get_by_text("Pass the test call first").first).to_be_visible()
        assert operator.page.get_by_role("button", name="Work on this").count() == 0
        operator.page.get_by_role("link", name="To the test call").first.press("Enter")
        operator.page.get_by_role("button", name="Begin the test call").press("Enter")
        operator.sees("#guide", "What you save first is what counts")
        operator.sees("#strip-mode", "No line")
        operator.press("Enter")
        operator.sees("#strip-mode", "Ready")
        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        operator.sees("#strip-mode", "Talking", timeout_s=20)
        wait_for(
            lambda: exchange.row("SELECT ended_at FROM calls_attempt")["ended_at"], "the end of the talk", timeout_s=90
        )
        operator.sees("#strip-mode", "Wrap-up")
        choose_outcome(operator, exchange)
        operator.press("Control+Enter")
        wait_for(lambda: exchange.rows("SELECT 1 FROM quality_fitnesstest WHERE state = 'to_decide'"), "the score")
        operator.sees("#note", "This test call is over.")
        test = exchange.row("SELECT id, proposed FROM quality_fitnesstest")
        call = exchange.row("SELECT score, outcome_right, spoken FROM quality_robotcall")
        assert call["outcome_right"]
        assert call["score"] >= 60
        assert '"operator"' in call["spoken"]

        id = (
            test["id"]
            if "-" in test["id"]
            else f"{test['id'][:8]}-{test['id'][8:12]}-{test['id'][12:16]}-{test['id'][16:20]}-{test['id'][20:]}"
        )
        moderator.sign_in("mira@example.org")
        moderator.page.goto(f"/moderation/tests/{id}/")
        expect(moderator.page.get_by_role("heading", name="Test call: Nina New")).to_be_visible()
        wait_for(
            lambda: moderator.page.reload() and moderator.page.locator("[data-recording]").count(), "the recording"
        )
        moderator.page.get_by_label("What the operator reads").fill("Clear and friendly.")
        moderator.page.get_by_role("button", name="Passed 1", exact=True).press("Enter")
        expect(moderator.page.get_by_text("Decided. The operator sees it at once.")).to_be_visible()
        assert exchange.row("SELECT level FROM people_user WHERE email = 'nina@example.org'")["level"] == 1

        operator.page.goto("/work/test/")
        expect(operator.page.get_by_text("Clear and friendly.")).to_be_visible()
        operator.page.goto("/work/")
        operator.page.get_by_role("button", name="Work on this").press("Enter")
        operator.page.wait_for_url("**/work/shift/")
        assert operator.errors == []
        assert moderator.errors == []


TUTORIAL = ["Good afternoon, Clinic Zarya.", "A check-up is free. Which day suits you?", "Good, on Tuesday."]


def test_the_tutorial_leads_through_the_console_by_keyboard_alone(
    play: Playwright, exchange: Exchange, folder: Path
) -> None:
    with person(play, exchange) as operator:
        give_voice(operator, folder / "speech", TUTORIAL)
        operator.sign_in("nina@example.org")
        operator.page.goto("/work/")
        operator.page.locator("details.practice > summary").press("Enter")
        operator.page.get_by_role("button", name="A first call, step by step").press("Enter")
        operator.sees("#guide-now", "Press Enter to open the line")
        operator.sees("#strip-mode", "No line")
        operator.press("Enter")
        operator.sees("#guide-now", "take the next contact", timeout_s=20)
        operator.press("Enter")
        operator.sees("#guide-now", "Then dial")
        operator.press("d")
        operator.sees("#strip-mode", "Talking", timeout_s=20)
        operator.sees("#guide-now", "mark it on the right")
        wait_for(lambda: operator.page.evaluate("window.talker.said") >= 3, "the talk", timeout_s=90)
        operator.page.get_by_label("Tue", exact=True).press("Space")
        operator.sees("#guide-now", "They want to talk to the desk")
        operator.page.evaluate("document.activeElement.blur()")
        operator.press("t")
        operator.sees("#strip-mode", "Briefing", timeout_s=20)
        operator.sees("#guide-now", "Tell the manager in a sentence")
        operator.press("t")
        operator.sees("#guide-now", "you are free", timeout_s=15)
        operator.press("1")
        operator.sees("#guide-now", "then save")
        operator.press("Control+Enter")
        operator.sees("#guide-now", "That was your first call")
        operator.sees("#guide-feedback", "of 100", timeout_s=60)  # contact and manager talk on for a while
        assert exchange.row("SELECT state FROM calls_handover")["state"] == "completed"
        call = exchange.row("SELECT outcome_right FROM quality_robotcall ORDER BY begun_at DESC LIMIT 1")
        assert call["outcome_right"]
        operator.page.locator("#guide-again").press("Enter")
        operator.sees("#guide-now", "Then dial")
        for _step in range(6):
            operator.page.locator("#guide-skip").press("Enter")
        operator.sees("#guide-now", "That was your first call")
        assert operator.errors == []
