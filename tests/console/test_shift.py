"""The operator's console in a real browser: real audio paths, real SIP to robots that answer, talk or are busy."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opens
from tests.console.world import World, number

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(150)]


LISTEN = """() => {
  window.heard = [];
  const hear = (changes) => changes.forEach((one) => one.addedNodes.forEach((node) => window.heard.push(node.textContent)));
  for (const id of ["announce", "announce-urgent"]) {
    new MutationObserver(hear).observe(document.getElementById(id), { childList: true });
  }
}"""


def test_a_whole_shift_by_keyboard_alone(at_work: Opens) -> None:
    anna = at_work("Anna")
    page = anna.page
    anna.begin("By keyboard")
    expect(page.locator("#primary")).to_be_focused()
    page.evaluate(LISTEN)
    anna.press("Enter")
    anna.mode("Ready")
    expect(page.locator("#line-state")).to_have_text("Line open")
    anna.talk()
    anna.hears_a_voice()
    anna.press("m")
    expect(page.locator("#line-state")).to_have_text("Muted")
    anna.press("m")
    anna.press("r")
    anna.sees("#recording-words", "Recording paused; it goes on by itself in 2:5")
    anna.sees("#note", "say the card number now")
    expect(page.get_by_role("button", name="Resume recording")).to_be_enabled()
    anna.press("r")
    expect(page.locator("#recording-words")).to_have_text("Recording")
    with anna.late_replies("**/call/hold/"):  # the same key again, before the reply to the first: it counts
        anna.press("l")
        anna.mode("On hold")
        anna.press("l")
    anna.mode("Talking")
    anna.press("Control+Enter")
    anna.sees("#note", "Hang up first")
    anna.press("n")
    page.keyboard.type("htd1: keys that are typed do nothing")
    anna.mode("Talking")
    anna.press("Escape")  # out of the field
    anna.press("k")
    page.keyboard.type("12#")
    anna.sees("#keypad-pressed", "12#")
    anna.press("Escape")
    anna.press("1")
    page.keyboard.press("h")
    anna.mode("Wrap-up")
    anna.sees("#note", "You hung up.")
    anna.press("Enter")
    anna.sees("#trouble", "another look")  # a paid result needs its answer; the focus is in it
    expect(page.locator("#field-person")).to_be_focused()
    page.keyboard.type("Irina herself")
    anna.press("Control+Enter")
    anna.sees("#note", "Saved: 12.00 ₽ earned.")
    anna.sees("#shift-earned", "12.00")

    anna.mode("Reserved for you")  # the next contact at once; this one is busy
    expect(page.locator("#primary")).to_be_focused()
    heard = page.evaluate("window.heard")
    for words in ("Microphone muted", "Chosen: ", "You hung up.", "Wrap-up. ", "Saved: "):
        assert sum(sentence.startswith(words) for sentence in heard) == 1, (words, heard)
    anna.press("d")
    anna.sees("#note", "Busy. This contact comes back at", timeout_s=20)
    anna.mode("Ready")
    anna.press("Enter")
    anna.sees("#note", "nobody to call")
    anna.press("b")
    anna.mode("On a break")
    anna.press("Enter")
    anna.mode("Ready")


def test_a_reload_in_mid_call_loses_nothing(at_work: Opens, world: World) -> None:
    berta = at_work("Berta")
    page = berta.page
    page.on("dialog", lambda dialog: dialog.accept())
    berta.begin_with_line("Reload")
    berta.press("Enter")
    berta.mode("Reserved for you")
    berta.press("n")
    page.keyboard.type("before the call; ")  # kept by the page until there is a call to keep it with
    berta.press("Escape")
    berta.press("d")
    berta.mode("Talking")
    line = page.evaluate("async () => (await (await fetch('state/')).json()).line.id")
    berta.press("2")
    berta.press("Escape")
    page.locator("#notes").press_sequentially("in the call")
    page.reload()
    berta.mode("Talking")
    expect(page.locator("#line-state")).to_have_text("Line open", timeout=20_000)
    expect(page.locator("#notes")).to_have_value("before the call; in the call")
    state = page.evaluate("async () => (await (await fetch('state/')).json())")
    assert state["call"]["phase"] == "talking"
    assert state["line"]["state"] in ("open", "opening")
    assert line
    phone = number("long_talker", 2)
    assert phone[1:] not in page.content()
    assert phone[1:] not in str(state)
    berta.press("h")
    berta.mode("Wrap-up")
    berta.press("2")
    expect(page.locator("#call-back-at")).to_be_focused()
    berta.press("Control+Enter")
    berta.sees("#note", "Saved.")
    berta.mode("Ready")
    notes = world.run(
        "from hearthline.calls.models import Attempt\n"
        "print(json.dumps(list(Attempt.objects.filter(operator__name__startswith='Berta').values_list('notes', flat=True))))"
    )
    assert notes == ["before the call; in the call"]


def test_physical_keys_under_a_russian_layout_own_keys_and_none(at_work: Opens) -> None:
    clara = at_work("Clara")
    page = clara.page
    clara.begin_with_line("Keys")
    clara.press("Enter")
    clara.mode("Reserved for you")
    clara.press("Control+d")  # the browser's own: not ours
    clara.mode("Reserved for you")
    clara.press_code("KeyD", "в", 68)
    clara.mode("Talking")
    clara.press_code("KeyH", "р", 72)
    clara.mode("Wrap-up")
    clara.press("3")
    page.locator("#field-person").fill("nobody")
    clara.press("Control+Enter")
    clara.mode("Reserved for you")

    clara.press("Shift+Slash")
    expect(page.locator("#dialog-keys")).to_be_visible()
    page.locator("[data-remap=dial]").click()
    clara.press("h")
    clara.sees("#keys-error", "share a key")
    page.locator("[data-remap=dial]").click()
    clara.press("q")
    clara.press("Escape")
    clara.press("d")
    clara.mode("Reserved for you")
    page.reload()
    clara.mode("Reserved for you")
    clara.press("q")
    clara.mode("Talking")
    clara.press("Shift+Slash")
    page.get_by_label("Single keys work").uncheck()
    clara.press("Escape")
    clara.press("h")
    clara.press("1")
    assert page.locator('input[name="disposition"]:checked').count() == 0
    clara.mode("Talking")
    page.get_by_role("button", name="Hang up").click()
    clara.mode("Wrap-up")


def test_a_second_page_takes_the_line_over_and_the_first_says_so(at_work: Opens) -> None:
    first = at_work("Dina")
    first.begin_with_line("Two pages")
    second = at_work("Dina")
    second.page.goto(first.page.url)
    second.mode("No line")
    second.sees("#note", "open on another page")
    second.press("Enter")
    expect(second.page.locator("#line-state")).to_have_text("Line open", timeout=20_000)
    second.mode("Ready")
    first.sees("#line-state", "Open elsewhere", timeout_s=20)
    first.sees("#trouble", "opened on another page")


def test_the_pages_have_no_barriers(at_work: Opens) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        elsa = at_work("Elsa", width=width, color_scheme=scheme)
        page = elsa.page
        found: dict[str, list[str]] = {}
        page.goto("/work/")
        found["choose"] = elsa.breaches()
        page.goto("/work/earnings/")
        found["earnings"] = elsa.breaches()
        if width == 1280:
            elsa.begin_with_line("Looks")
            found["ready"] = elsa.breaches()
            elsa.press("Enter")
        else:
            page.goto("/work/shift/")
            elsa.mode("No line")
            elsa.press("Enter")
        elsa.mode("Reserved for you")
        found["reserved"] = elsa.breaches()
        for key, dialog in (("Shift+Slash", "#dialog-keys"), ("a", "#dialog-contact")):
            elsa.press(key)
            expect(page.locator(dialog)).to_be_visible()
            found[dialog] = elsa.breaches()
            elsa.press("Escape")
        assert {place: lines for place, lines in found.items() if lines} == {}
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scrolling"


def test_a_lost_network_loses_neither_the_call_nor_a_word(at_work: Opens) -> None:
    gerda = at_work("Gerda")
    page = gerda.page
    offers: list[str] = []
    page.on("response", lambda response: offers.append(response.url) if "line/open" in response.url else None)
    gerda.begin_with_line("Network")
    gerda.talk()
    assert len(offers) == 1
    page.context.set_offline(True)
    gerda.press("n")
    page.keyboard.type("written without a network")
    gerda.sees("[data-draft-mark]", "not sent yet", timeout_s=20)
    page.context.set_offline(False)
    gerda.sees("[data-draft-mark]", "Saved", timeout_s=30)
    expect(page.locator("#line-state")).to_have_text("Line open", timeout=20_000)
    deadline = time.monotonic() + 20
    while len(offers) < 2:
        assert time.monotonic() < deadline, "the page did not restart ICE when the network came back"
        page.wait_for_timeout(100)
    gerda.mode("Talking")
    gerda.hears_a_voice()
    gerda.press("Escape")
    gerda.press("h")
    gerda.mode("Wrap-up")
