"""The pages in Chromium, under their own content security policy: accessible in both colour schemes at two widths, and a
campaign from a dropped spreadsheet to its start by keyboard and mouse."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.exchange import ROOT, Exchange
from tests.migrated import data_folder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"  # drawn anew
OF_LOOKS = ["color-contrast", "target-size", "scrollable-region-focusable"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

PAGES = {
    "": ["/", "/accounts/login/", "/about/accessibility/", "/about/attributions/", "{shared}", "/no/such/page/"],
    "owner": [
        "/campaigns/",
        "/campaigns/new/",
        "/campaigns/{draft}/setup/",
        "/campaigns/{campaign}/",
        "/contacts/{contact}/",
        "/recordings/{recording}/",
        "/campaigns/{campaign}/contacts/",
        "/campaigns/{campaign}/script/",
        "/campaigns/{campaign}/rules/",
        "/campaigns/{campaign}/questions/",
        "/campaigns/{campaign}/outcomes/",
        "/campaigns/{campaign}/managers/",
        "/calls/{call}/rate/",
        "/balance/",
        "/account/",
        "/account/line/",
        "/accounts/2fa/",
    ],
    "operator": [
        "/work/",
        "/work/ready/",
        "/work/history/",
        "/work/calls/{call}/",
        "/work/feedback/",
        "/work/test/",
        "/work/earnings/",
        "/work/shifts/{shift}/",
        "/account/",
    ],
    "moderator": [
        "/moderation/",
        "/moderation/queue/",
        "/moderation/queue/dispute/{dispute}/",
        "/moderation/queue/report/{report}/",
        "/moderation/queue/running/{check}/",
        "/moderation/queue/report/{decoy}/",
        "/moderation/calls/{call}/",
        "/moderation/live/",
        "/moderation/ratings/",
        "/account/",
        "/moderation/scenarios/",
        "/moderation/scenarios/en/refuses/",
        "/moderation/operators/{person}/",
        "/moderation/queue/level/{level}/",
    ],
    "admin": [
        "/staff/",
        "/staff/people/",
        "/staff/invitations/",
        "/staff/payouts/",
        "/staff/trunks/",
        "/staff/trunks/new/",
        "/staff/trunks/decoys/",
    ],
}

DATA_PAGES = [
    "/admin/",
    "/admin/calls/",
    "/admin/calls/trunk/",
    "/admin/calls/trunk/add/",
    "/admin/ledger/tariff/",
    "/admin/people/organisation/",
    "/admin/quality/scorecarditem/",
    "/admin/people/organisation/add/",
    "/admin/people/user/",
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    offers = {"callback_countries": '["RU"]', "phones_server": "sip.example.org:5060"}
    found = Exchange(data_folder(tmp_path_factory.mktemp("exchange")), **offers)
    found.start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def seeded(exchange: Exchange) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.web.seed"],
        cwd=ROOT,
        env={**exchange.environment, "DJANGO_SETTINGS_MODULE": "hearthline.settings"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ids: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return ids


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def visit(browser: Browser, exchange: Exchange, session: str, **options: Any) -> BrowserContext:
    context = browser.new_context(base_url=exchange.url, locale="en-GB", **options)
    if session:
        context.add_cookies([{"name": "sessionid", "value": session, "url": exchange.url}])
    return context


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what its console complains of: a refused style or script would be among it."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and "404" not in m.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


@pytest.mark.parametrize("who", PAGES)
def test_every_page_is_accessible_in_both_schemes_and_fits_three_widths(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser, who: str
) -> None:
    """Everything in light at 1280 px; then, with the same page dark at 390 px, what depends on colours and sizes."""
    axe, problems = AXE.read_text(), []
    with visit(chromium, exchange, seeded.get(who, ""), bypass_csp=True) as context:
        page, complaints = watched(context)
        for path in PAGES[who]:
            page.emulate_media(color_scheme="light", reduced_motion="reduce")  # no colours on their way
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(path.format(**seeded))
            page.wait_for_load_state("load")
            page.evaluate(axe)
            problems += found(page, path, {"runOnly": {"type": "tag", "values": TAGS}})
            problems += sideways(page, path)
            page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            page.set_viewport_size({"width": 390, "height": 900})
            page.evaluate(TWO_FRAMES)
            problems += found(page, path, {"runOnly": {"type": "rule", "values": OF_LOOKS}})
            problems += sideways(page, path)
            page.set_viewport_size({"width": 320, "height": 640})
            problems += sideways(page, path)
        problems += complaints
    assert problems == []


def test_the_pages_of_all_data_are_accessible_in_both_schemes(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser
) -> None:
    axe, problems = AXE.read_text(), []
    context = visit(chromium, exchange, seeded["admin"], bypass_csp=True)
    page, complaints = watched(context)
    for path in DATA_PAGES:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type] # one of its words
            page.goto(path)
            assert page.locator("#site-name").count() == 1, path
            page.evaluate(axe)
            problems += found(page, f"{path} {scheme}", {"runOnly": {"type": "tag", "values": TAGS}})
    assert problems + complaints == []
    context.close()


def found(page: Page, path: str, options: dict[str, Any]) -> list[str]:
    violations = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{path}: {v['id']} {[n['target'] for n in v['nodes']][:3]}" for v in violations]


def sideways(page: Page, path: str) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{path}: scrolls sideways by {width} px at {page.viewport_size}"] if width > 0 else []


def test_a_campaign_from_a_spreadsheet_to_its_start(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "contacts.csv"
    rows = [
        "Имя;Телефон;Возраст",
        *(f"Ирина Петровна;8 (916) 200-00-{n:02};{40 + n}" for n in range(30)),
        "Без номера;12;5",
    ]
    file.write_text("\n".join(rows), encoding="cp1251")
    context = visit(chromium, exchange, seeded["owner"])
    page, complaints = watched(context)
    page.goto("/campaigns/new/")
    page.get_by_label("What do you call it?").fill("Spring")
    page.get_by_text("tell people something").click()
    page.get_by_role("button", name="Go on").click()

    page.wait_for_url("**/setup/")
    page.wait_for_load_state()  # its script takes the file
    page.set_input_files("#contacts-file", file)
    expect(page.get_by_text("Are they understood rightly?")).to_be_visible(timeout=15_000)
    expect(page.locator("#use-1")).to_have_value("phone")
    expect(page.get_by_text("+7 916 200-00-01")).to_be_visible()
    page.locator("#use-2").select_option("leave")
    expect(page.locator("#title-2")).to_be_hidden()
    page.locator("#use-2").select_option("keep")
    expect(page.locator("#title-2")).to_be_visible()
    page.get_by_role("button", name="Import these contacts").click()
    expect(page.get_by_text("30 contacts in the campaign")).to_be_visible(timeout=20_000)
    with page.expect_download() as rejects:
        page.get_by_text("row not understood").click()
    assert rejects.value.suggested_filename.startswith("contacts")

    expect(page.locator("#script-variables")).to_contain_text("возраст")
    script = page.get_by_label("What the operator reads")
    script.fill("Good day, {{name}}! You are {{возрост}}.")
    expect(page.locator("#script-problems")).to_contain_text("Line 1: there is no column")
    expect(page.get_by_text("Still needed before the start")).to_be_visible()
    script.fill("Good day, {{name}}! You are {{возраст}}.")
    expect(page.locator("#script-preview")).to_contain_text("Good day, Ирина Петровна")
    expect(page.locator("#script-problems .alert")).to_have_count(0)

    page.get_by_label("Price of a conversation").fill("15")
    page.get_by_label("Price of a conversation").blur()
    expect(page.get_by_text("Everything is there")).to_be_visible()
    expect(page.locator(".estimate")).to_contain_text("all 30 contacts left")
    page.get_by_role("button", name="Start calling").click()
    expect(page.get_by_text("Started. Operators see the campaign now.")).to_be_visible()
    assert exchange.row("SELECT state, price_minor FROM campaigns_campaign WHERE name = 'Spring'")[:] == (
        "running",
        1500,
    )
    assert complaints == []
    context.close()


def test_a_recording_is_heard_and_moved_through_by_keyboard(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser
) -> None:
    context = visit(chromium, exchange, seeded["owner"])
    page, complaints = watched(context)
    page.goto(f"/campaigns/{seeded['campaign']}/")
    page.locator("button[data-recording]").first.click()
    time_shown = page.locator("[data-player-time]")
    expect(time_shown).to_contain_text("/ 0:02")
    expect(page.locator("[data-player-toggle]")).to_be_focused()
    expect(time_shown).to_have_text("0:02 / 0:02", timeout=10_000)  # heard to its end
    seek = page.get_by_label("Place in the recording")
    seek.focus()
    page.keyboard.press("ArrowLeft")
    expect(time_shown).to_have_text("0:00 / 0:02")
    assert page.locator("[data-player-wave] *").count() > 0
    page.locator("[data-player-close]").click()
    expect(page.locator("[data-player]")).to_be_hidden()
    assert complaints == []
    context.close()


def test_a_moderator_decides_by_keyboard_and_switches_single_keys_off(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser
) -> None:
    context = visit(chromium, exchange, seeded["moderator"])
    page, complaints = watched(context)
    item = f"/moderation/queue/report/{seeded['report']}/"
    page.goto(item)
    reasons = page.get_by_label("Reasons")
    page.keyboard.press("n")
    expect(reasons).to_be_focused()
    page.keyboard.type("n2s: typed")
    expect(reasons).to_have_value("n2s: typed")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="2 ")).to_be_checked()
    reasons.fill("")
    page.keyboard.press("Control+Enter")
    refusal = page.get_by_role("alert").filter(has_text="Give your reasons")
    expect(refusal).to_be_focused()  # where the page says what is missing
    assert [text for text in complaints if "422" not in text] == []

    page.goto("/account/")
    page.get_by_label("Single keys work").uncheck()
    page.get_by_role("button", name="Save the keys").press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.goto(item)
    page.keyboard.press("2")
    page.keyboard.press("n")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    expect(reasons).not_to_be_focused()
    context.close()


def test_results_come_by_themselves_and_leave_as_a_spreadsheet(
    exchange: Exchange, seeded: dict[str, str], chromium: Browser, tmp_path: Path
) -> None:
    context = visit(chromium, exchange, seeded["owner"])
    page, complaints = watched(context)
    with page.expect_request(lambda request: "/events/" in request.url):
        page.goto(f"/campaigns/{seeded['campaign']}/")
    expect(page.locator(".results tbody tr")).to_have_count(24)
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE_RESULT, seeded["campaign"]],
        cwd=ROOT,
        env={**exchange.environment, "DJANGO_SETTINGS_MODULE": "hearthline.settings"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expect(page.locator(".results tbody tr")).to_have_count(25, timeout=10_000)
    page.get_by_role("button", name="XLSX").click()
    ready = page.get_by_role("link", name="XLSX, 40 rows: ready")
    expect(ready).to_be_visible(timeout=20_000)
    with page.expect_download() as download:
        ready.click()
    target = tmp_path / "results.xlsx"
    download.value.save_as(target)
    assert target.read_bytes()[:2] == b"PK"
    assert complaints == []
    context.close()


ONE_MORE_RESULT = """
import sys, django
django.setup()
from django.db import transaction
from hearthline.campaigns.announcements import audiences_of
from hearthline.campaigns.models import Campaign, Contact
from hearthline.lib import clock
from hearthline.realtime.configured import bus
campaign = Campaign.objects.get(pk=sys.argv[1])
contact = Contact.objects.filter(campaign=campaign, disposed_at=None)[0]
with transaction.atomic():
    Contact.objects.filter(pk=contact.pk).update(disposed_at=clock.now(), outcome="busy", attempts=1)
    payload = {"contact": str(contact.pk), "campaign": str(campaign.pk), "outcome": "busy"}
    bus().publish("contact.disposed", payload, audiences=audiences_of(campaign))
"""
