"""What somebody does who was invited to call, step by step, by keyboard alone: up to their first paid call and beyond."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.keyboard import accessible, deaf, follow, hears, press, said, tab_to, tick, write
from tests.e2e.people import Person
from tests.e2e.seed_words import PASSWORD
from tests.testbed.phone import Phone

SENTENCES = [
    "Good afternoon, Clinic Zarya.",
    "A check-up is free. Which day?",
    "Good, on that day.",
    "Thank you very much.",
    "Goodbye.",
]
MEANT = {  # what the robot of a scenario said, for who listened: the key of the outcome, and the day that was named
    "en/agrees": ("1", "Thu"), "en/objection": ("1", "Sat"), "en/call_back": ("2", ""), "en/person_in_charge": ("1", "Wed"),
    "en/breaks_in": ("1", "Mon"), "en/refuses": ("3", ""), "en/voicemail": ("6", ""), "en/wrong_person": ("4", ""),
    "en/first_call": ("1", "Tue"),
}  # fmt: skip


def looks_at(page: Page, heading: str) -> None:
    """The page's first heading is what a screen reader reads first."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def next_is(page: Page, step: str) -> None:
    """The page says what is next, and its link leads there."""
    expect(page.get_by_text(f"Next: {step}.")).to_be_visible()
    expect(page.get_by_role("link", name=step, exact=True).first).to_be_visible()


def accept(operator: Person, link: str, email: str, name: str) -> None:
    page = operator.page
    page.goto(link)
    looks_at(page, "You are invited")
    accessible(page)
    write(page, "Your name", name)
    write(page, "E-mail", email)
    write(page, "Password", PASSWORD)
    expect(page.get_by_label("Language", exact=True)).to_have_value("en")
    operator.look("invited")
    press(page, "Create the account")
    looks_at(page, "Choose your work")


def say_languages(operator: Person) -> None:
    page = operator.page
    next_is(page, "Say which languages you speak")
    accessible(page)
    operator.look("way")
    follow(page, "Say which languages you speak")
    tick(page, "English")
    press(page, "Save the languages")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def begin_check(operator: Person) -> None:
    """Of microphone and line; it takes twenty seconds."""
    page = operator.page
    next_is(page, "Check microphone and line")
    follow(page, "Check microphone and line")
    looks_at(page, "Before the first call")
    press(page, "Begin the check")


def end_check(operator: Person) -> None:
    page = operator.page
    hears(page, "Be quiet for three seconds")
    hears(page, "Now speak for five seconds")
    hears(page, "Microphone: good")
    hears(page, "You can begin", timeout_s=40)
    operator.look("checked")
    expect(page.get_by_role("link", name="On to the next step")).to_be_focused()
    page.keyboard.press("Enter")


def open_line(operator: Person) -> None:
    """In the console, where every state is said aloud."""
    hears(operator.page, "No line.")
    operator.press("Enter")
    hears(operator.page, "Ready.")


def call(operator: Person) -> None:
    """From ready to talking."""
    page = operator.page
    deaf(page)
    operator.press("Enter")
    hears(page, "Reserved for you.")
    operator.press("d")
    hears(page, "Talking.", timeout_s=30)


def leave_fields(operator: Person) -> None:
    """Back to where single keys work."""
    operator.press("Escape")


def end_shift(operator: Person) -> None:
    page = operator.page
    press(page, "End the shift")
    expect(page.get_by_role("dialog", name="End the shift")).to_be_visible()
    page.keyboard.press("Enter")
    looks_at(page, "Your shift is over")


def tutorial(operator: Person) -> None:
    """The steps are said one after the other; each is done when it is said."""
    page = operator.page
    next_is(page, "Look around")
    press(page, "A first call, step by step", within="Your way")
    hears(page, "Press Enter to open the line")
    open_line(operator)
    hears(page, "take the next contact")
    operator.press("Enter")
    hears(page, "Then dial")
    operator.press("d")
    hears(page, "Talking.", timeout_s=30)
    hears(page, "mark it on the right")
    wait_for(lambda: page.evaluate("window.talker.said") >= 2, "the talk", timeout_s=90)
    operator.look("tutorial")
    accessible(page)
    tick(page, "Tue", role="radio")
    hears(page, "They want to talk to the desk")
    leave_fields(operator)
    operator.press("t")
    hears(page, "Briefing the manager.", timeout_s=30)
    hears(page, "Tell the manager in a sentence")
    operator.press("t")
    hears(page, "you are free", timeout_s=20)
    operator.press("1")
    hears(page, "then save")
    operator.press("Control+Enter")
    hears(page, "That was your first call")
    end_shift(operator)
    next_is(page, "Practise")
    operator.look("after-tutorial")


def write_down(operator: Person, exchange: Exchange) -> None:
    """Who listened has understood what the robot said; here its scenario is looked up."""
    latest = exchange.rows("SELECT scenario FROM quality_robotcall ORDER BY begun_at DESC LIMIT 1")[0]
    key, day = MEANT[latest["scenario"]]
    if day:
        tick(operator.page, day, role="radio")
        leave_fields(operator)
    operator.press(key)
    if key == "2":  # the time to call back is asked for, and is proposed
        expect(operator.page.get_by_label("Call back at", exact=False)).to_be_focused()
    operator.press("Control+Enter")


def train(operator: Person, exchange: Exchange) -> None:
    """One call, hung up in its middle if the robot goes on; what came of it is said."""
    page = operator.page
    follow(page, "Practise")
    expect(page.get_by_text("Closed to you")).to_be_visible()
    assert page.get_by_role("button", name="Work on this").count() == 0
    press(page, "Training", within="Your way")
    open_line(operator)
    call(operator)
    ended = "Wrap-up."
    wait_for(
        lambda: page.evaluate("window.talker.said") >= 1 or any(ended in one for one in said(page)), "some talk", timeout_s=40
    )  # fmt: skip
    operator.press("h")
    hears(page, ended)
    write_down(operator, exchange)
    hears(page, "Not paid: this was practice.")
    hears(page, "of 100")
    operator.look("trained")
    leave_fields(operator)
    end_shift(operator)
    next_is(page, "The test call")


def take_test(operator: Person, exchange: Exchange) -> None:
    page = operator.page
    follow(page, "The test call")
    looks_at(page, "The test call")
    accessible(page)
    press(page, "Begin the test call")
    expect(page.get_by_text("What you save first is what counts")).to_be_visible()
    open_line(operator)
    call(operator)
    hears(page, "Wrap-up.", timeout_s=90)  # the robot ends it
    write_down(operator, exchange)
    hears(page, "This test call is over.")
    operator.look("test-over")
    end_shift(operator)
    operator.look("after-test")
    follow(page, "your test call")
    expect(page.get_by_text("waits for a moderator")).to_be_visible()


def hear_decision(operator: Person) -> None:
    """It comes by itself while the page is open."""
    page = operator.page
    hears(page, "passed")
    expect(page.get_by_text("Clear and friendly.")).to_be_visible()
    operator.look("passed")
    follow(page, "Choose your work")
    looks_at(page, "Choose your work")


def work(operator: Person, phone: Phone) -> None:
    """One paid conversation with a person at a telephone."""
    page = operator.page
    operator.look("campaigns")
    accessible(page)
    press(page, re.compile("^Work on this ?: Autumn check-up$"))
    open_line(operator)
    call(operator)
    expect(page.get_by_text("You were here on 2025-03.")).to_be_visible()
    assert phone.number not in page.content()
    wait_for(lambda: page.evaluate("window.talker.said") >= 3, "the conversation", timeout_s=60)
    phone.wait_heard(12)  # a conversation shorter than ten seconds is not paid
    operator.press("m")
    hears(page, "Microphone muted")
    operator.press("m")
    operator.look("working")
    operator.press("h")
    hears(page, "Wrap-up.")
    operator.press("1")
    operator.press("Control+Enter")
    hears(page, "another look")  # a paid result needs its answer; the focus is in it
    page.keyboard.type("=a check-up")
    operator.press("Control+Enter")
    hears(page, "Saved: 9.60 ₽ earned.")
    leave_fields(operator)
    end_shift(operator)
    operator.look("after-work")


def read_score(operator: Person) -> None:
    page = operator.page
    follow(page, "Feedback")
    looks_at(page, "Feedback")
    operator.look("feedback")
    page.get_by_role("region", name="Scores")
    tab_to(page, page.get_by_role("region", name="Scores").get_by_role("link").first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="of 100")).to_be_visible()
    expect(page.get_by_text("Ask for the day sooner.")).to_be_visible()


def appeal(operator: Person) -> None:
    page = operator.page
    accessible(page)
    operator.look("score")
    write(page, "What is wrong", "I asked for the day at once, listen at 0:03.")
    press(page, "Send it to a moderator")
    expect(page.get_by_role("status").filter(has_text="Sent.")).to_be_visible()


def hear_of_appeal(operator: Person) -> None:
    page = operator.page
    follow(page, "Feedback")
    expect(page.get_by_role("region", name="Your appeals")).to_contain_text("You did ask at once.")
    assert page.get_by_role("region", name="Scores").count() == 0, "the score no longer counts"
    operator.look("appeal-decided")


def ask_for_payout(operator: Person, amount: str) -> None:
    """Once the pay has left its review."""
    page = operator.page
    follow(page, "Earnings")
    looks_at(page, "Earnings")

    def free() -> bool:
        page.reload()
        return amount in page.get_by_role("definition").first.inner_text()

    wait_for(free, "the pay to mature", timeout_s=90, every_s=1)
    accessible(page)
    write(page, "Where to", "Bank of the North, account 40817 1234")
    press(page, "Save", within="Where payouts go")
    expect(page.get_by_label("Amount", exact=True)).to_have_value(amount)
    operator.look("earnings")
    press(page, "Ask for it")
    expect(page.get_by_role("status").filter(has_text="Asked for.")).to_be_visible()


def fetch_statement(operator: Person, path: Path) -> Path:
    """The payout's state is read, then the statement of this month is saved as `path`."""
    page = operator.page
    follow(page, "Earnings")
    expect(page.get_by_role("region", name="Payouts", exact=True)).to_contain_text("INV-7")
    operator.look("paid")
    with page.expect_download() as download:
        press(page, "Download (XLSX)")
    download.value.save_as(path)
    return path
