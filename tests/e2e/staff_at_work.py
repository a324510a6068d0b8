"""What admins and moderators do at their pages: let somebody in, decide a test call, score, decide an appeal, pay out."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.exchange import wait_for
from tests.e2e.keyboard import accessible
from tests.e2e.people import Person
from tests.e2e.second_factor import code_of
from tests.e2e.seed_words import PASSWORD


def set_up_second_factor(admin: Person) -> None:
    """An admin's pages lead there by themselves."""
    page = admin.page
    page.get_by_role("link", name="Invitations").click()
    expect(page.get_by_text("needs a second step at sign-in")).to_be_visible()
    page.get_by_role("link", name="Set it up").click()
    page.get_by_label("Password").or_(page.locator("input[type=password]")).first.fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    secret = page.get_by_label("Authenticator secret").input_value()
    page.locator("input[name=code]").fill(code_of(secret))
    page.get_by_role("button", name="Activate").click()
    expect(page).not_to_have_url(re.compile("totp"))


def invite(admin: Person) -> str:
    """The link as it is copied."""
    page = admin.page
    page.goto("/staff/invitations/")
    page.get_by_label("Role").select_option("operator")
    page.get_by_role("button", name="Issue an invitation").click()
    expect(page.get_by_text("Copy the link and send it.")).to_be_visible()
    admin.context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the link").first.click()
    expect(page.get_by_text("Copied")).to_be_visible()
    link: str = page.evaluate("navigator.clipboard.readText()")
    return link


def take_next(moderator: Person) -> None:
    """The page has the focus where Enter takes the next item."""
    moderator.page.goto("/moderation/queue/")
    expect(moderator.page.get_by_role("button", name="Take the next one")).to_be_focused()
    moderator.press("Enter")


def _wait_for(page: Page, what: str, text: str) -> None:
    """What the worker does appears when the page is read again."""

    def there() -> bool:
        page.reload()
        return page.get_by_text(text).count() > 0

    wait_for(there, what, timeout_s=90, every_s=1)


def pass_test(moderator: Person, operator: str) -> None:
    page = moderator.page
    take_next(moderator)
    expect(page.get_by_role("heading", name=f"Test call: {operator}")).to_be_visible()
    _wait_for(page, "the recording", "Play the recording")
    accessible(page)
    moderator.look("test-call")
    moderator.press("n")
    page.keyboard.type("Clear and friendly.")
    page.get_by_role("button", name="Passed 1", exact=True).press("Enter")
    expect(page.get_by_text("Decided. The operator sees it at once.")).to_be_visible()


def score(moderator: Person, campaign: str) -> None:
    """Heard and analysed; everything is good but one thing."""
    page = moderator.page
    page.goto("/moderation/")
    page.get_by_role("row", name=re.compile(campaign)).get_by_role("link").first.click()
    _wait_for(page, "the analysis", "First word of the operator")
    accessible(page)
    moderator.look("call")
    questions = page.get_by_role("group").filter(has=page.get_by_role("radio", name="partly"))
    for question in questions.all():
        question.get_by_label("yes", exact=True).check()
    questions.first.get_by_label("partly", exact=True).check()
    page.get_by_label("To the operator").fill("Ask for the day sooner.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Scored:")).to_be_visible()


def uphold_appeal(moderator: Person, words: str) -> None:
    page = moderator.page
    take_next(moderator)
    expect(page.get_by_text(words)).to_be_visible()
    accessible(page)
    moderator.look("appeal")
    moderator.press("1")
    moderator.press("n")
    page.keyboard.type("You did ask at once.")
    moderator.press("Control+Enter")
    expect(page.get_by_text(words)).to_be_hidden()


def pay_out(admin: Person, amount: str, details: str) -> None:
    page = admin.page
    page.goto("/staff/payouts/")
    payout = page.get_by_role("region", name=re.compile(re.escape(amount)))
    expect(payout).to_contain_text(details)
    accessible(page)
    payout.get_by_role("button", name="Approve").click()
    payout.get_by_label("The bank's number of the payment").fill("INV-7")
    admin.look("payout")
    payout.get_by_role("button", name="Note as paid").click()
    expect(page.get_by_text("Noted as paid.")).to_be_visible()
