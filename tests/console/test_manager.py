"""The manager's page in a real browser: with an account, and by a signed link without one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Opens
from tests.console.world import World, number

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(150)]

LINK = """
from hearthline.callcontrol.handovers import guest_link
from hearthline.calls.models import HandOver
print(json.dumps(guest_link(HandOver.objects.exclude(guest_token="").get())))
"""


def test_a_declined_hand_over_is_told_to_both_and_the_next_one_is_talked_through(at_work: Opens) -> None:
    manager, operator = at_work("manager"), at_work("Fanny")
    manager.page.goto("/manage/")
    assert manager.breaches() == []
    manager.press("Enter")
    manager.desk("Available")
    operator.begin_with_line("Hand-over")
    operator.talk()
    operator.press("n")
    operator.page.keyboard.type("wants Saturday")
    operator.press("Escape")
    operator.press("t")
    operator.mode("Calling the manager")
    manager.desk("A hand-over rings")
    manager.sees("#contact-name", "Irina Petrovna 0")
    manager.sees("#written-notes", "wants Saturday")
    assert manager.page.title().startswith("☎")
    assert manager.breaches() == []
    manager.press("Escape")
    operator.mode("Talking")
    operator.sees("#note", "Boris declined. The contact is with you again.")
    manager.press("Enter")
    manager.desk("Available")

    operator.press("t")
    manager.desk("A hand-over rings")
    operator.press("Escape")  # taken back before anybody answered
    operator.mode("Talking")
    operator.sees("#note", "You took the contact back.")
    manager.press("Enter")
    manager.desk("Available")

    operator.press("t")
    manager.desk("A hand-over rings")
    manager.press("Enter")
    manager.desk("Briefing")
    operator.mode("Briefing the manager")
    operator.press("Enter")  # the primary action completes
    operator.mode("Handed over")
    manager.desk("Talking")
    manager.page.reload()
    expect(manager.page.locator("#line-state")).to_have_text("Line open", timeout=20_000)
    manager.desk("Talking")
    manager.hears_a_voice(seconds=0.5)  # the contact is still there
    assert number("long_talker", 7)[1:] not in manager.page.content()
    manager.page.get_by_label("Single keys work").uncheck()
    manager.press("h")
    manager.desk("Talking")
    manager.page.get_by_role("button", name="Hang up").click()
    manager.desk("Over")


def test_a_guest_without_an_account_takes_one_hand_over_and_no_other(at_work: Opens, world: World) -> None:
    operator, guest = at_work("Hilda"), at_work("")
    operator.begin_with_line("Guest")
    operator.talk()
    operator.press("t")
    operator.sees("#strip-hint", "Gleb is being called")
    link = world.run(LINK)
    guest.page.goto(link.partition("#")[0])  # without its secret the link opens nothing
    expect(guest.page.locator("#trouble")).not_to_be_empty()
    guest.page.goto("about:blank")
    guest.page.goto(link)
    guest.desk("A hand-over rings")
    guest.sees("#contact-name", "Irina Petrovna 0")
    assert "#" not in guest.page.url, "the secret is taken out of the address"
    assert guest.breaches() == []
    assert guest.page.request.get("/manage/", max_redirects=0).status == 302, "a link is no account"
    guest.press("Enter")
    guest.desk("Briefing")
    operator.press("t")
    operator.mode("Handed over")
    guest.desk("Talking")
    guest.page.locator("#notes").fill("comes on Saturday")
    expect(guest.page.locator("#notes-state")).not_to_be_empty()
    guest.press("Escape")
    guest.press("h")
    guest.desk("Over")
    stranger = at_work("")
    stranger.page.goto(link)
    expect(stranger.page.locator("#trouble")).not_to_be_empty()
    expect(stranger.page.locator("#contact-name")).to_be_empty()
    notes = "from hearthline.calls.models import HandOver\nprint(json.dumps(HandOver.objects.exclude(guest_token='').get().manager_notes))"
    assert world.run(notes) == "comes on Saturday"
