"""A passkey in a real browser, with Chromium's virtual authenticator: added, then enough to sign in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from hearthline.people import gates
from hearthline.people.models import AuditEntry, Role, User
from tests.people.conftest import PASSWORD, a_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

_SWITCHES = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright's loop runs in this thread; the database is fine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_SWITCHES)
        # a passkey belongs to a name: "localhost", never "127.0.0.1"
        context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"))
        yield context.new_page()
        browser.close()


def plug_in(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_in(page: Page, user: User) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def signed_in_people() -> list[str]:
    return [s.get_decoded()[SESSION_KEY] for s in Session.objects.all() if SESSION_KEY in s.get_decoded()]


def test_a_passkey_is_added_and_is_enough_to_sign_in(page: Page) -> None:
    user = a_person(Role.CUSTOMER)
    sign_in(page, user)
    plug_in(page)
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)  # asked again before what protects the account is changed
    page.keyboard.press("Enter")
    page.get_by_label("What you call it").fill("blue key")
    page.get_by_label("without the password").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(lambda url: not url.endswith("/add/"))
    assert Authenticator.objects.filter(user=user, type="webauthn").count() == 1
    assert gates.has_second_factor(user)
    assert AuditEntry.objects.filter(tag="web:account:second_factor_added", actor=user).exists()

    Session.objects.all().delete()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: "/login" not in url)

    assert signed_in_people() == [str(user.pk)]


def test_a_browser_without_a_passkey_says_so_in_words(page: Page) -> None:
    page.goto("/accounts/login/")
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")  # and nothing plugged in: the dialogue fails at once
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.locator("#messages")).to_contain_text("did not hand over a passkey")
    assert signed_in_people() == []
