"""From a spreadsheet to a settled result in the browser: an owner uploads, writes, prices, starts; an operator calls by
keyboard alone; the result appears by itself, its recording plays, and the exported file has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter
from playwright.sync_api import Playwright, expect
from python_calamine import CalamineWorkbook

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.people import Person, open_shift, person
from tests.e2e.seed_words import zone_at_noon
from tests.e2e.tones import write_tone
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(240)]

NUMBER = "79161230001"


def write_people(path: Path) -> Path:
    """As people keep them: a number that the spreadsheet made a float of, one in national notation, a bad one, a twin."""
    zone = zone_at_noon()
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(
            [
                ["Имя", "Телефон", "Last visit", "Time zone"],
                ["Irina Petrovna", float(NUMBER), "2025-03", zone],
                ["Bad Row", "12345", "", zone],
                ["Twin", "+7 916 123 00 01", "", zone],
            ]
        ):
            sheet.write_row(place, 0, row)
    return path


def set_up_campaign(owner: Person, people: Path) -> None:
    page = owner.page
    page.goto("/campaigns/new/")
    page.get_by_label("What do you call it?").fill("Autumn check-up")
    page.get_by_label("Language of the calls").select_option("en")
    page.get_by_role("button", name="Go on").click()
    page.locator("input[type=file]").set_input_files(people)
    page.get_by_role("button", name="Import these contacts").click()
    expect(page.locator("#step-contacts")).to_contain_text("1 added", timeout=20_000)
    wait_for(lambda: owner.exchange.rows("SELECT 1 FROM campaigns_contactimport WHERE state = 'done'"), "the import")
    script = page.locator("#step-script textarea")
    script.fill("Good afternoon, {{name}}! You were here on {{last_visit}}. {{last_vist}}")
    owner.sees("#step-script", "last_vist")  # an unknown variable is named, with the nearest one
    script.fill("Good afternoon, {{name}}! You were here on {{last_visit}}.")
    expect(page.locator("#step-script")).to_contain_text("Irina Petrovna", timeout=10_000)
    page.get_by_label("Price of a conversation").fill("12")
    page.get_by_label("Price of a conversation").blur()
    expect(page.locator("#ready")).not_to_contain_text("costs at least", timeout=10_000)
    page.get_by_role("button", name="Start calling").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=10_000)


def work_by_keyboard(operator: Person, phone: Phone) -> None:
    """One contact from the queue to the saved result, no mouse anywhere."""
    operator.press("Enter")
    operator.sees("#strip-mode", "Reserved")
    operator.sees("#worksheet", "2025-03")
    operator.press("d")
    operator.sees("#strip-mode", "Talking")
    phone.wait_heard(12)  # a conversation shorter than ten seconds is not paid
    operator.press("m")
    operator.sees("#line-state", "Muted")
    operator.press("m")
    operator.press("h")
    phone.wait_closed()
    operator.sees("#strip-mode", "Wrap-up")
    operator.press("1")
    operator.press("Control+Enter")
    operator.sees("#trouble", "another look")
    operator.page.keyboard.type("=a check-up")
    operator.press("Control+Enter")


def test_from_a_spreadsheet_to_a_settled_result(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path
) -> None:
    exchange.seed(provider=at_provider(provider))
    voice = write_tone(folder / "operator.wav", 1040, rate=48000)
    with (
        Phone(folder, NUMBER, provider, answer_after=0.5) as phone,
        person(play, exchange) as owner,
        person(play, exchange, voice) as operator,
    ):
        owner.sign_in("owner@example.org")
        set_up_campaign(owner, write_people(folder / "people.xlsx"))
        imported = exchange.row("SELECT * FROM campaigns_contactimport")
        assert (imported["added"], imported["duplicates"], imported["rejected"]) == (1, 1, 1)

        open_shift(operator)
        work_by_keyboard(operator, phone)
        expect(owner.page.locator("main")).to_contain_text("Irina Petrovna", timeout=15_000)  # nobody reloaded it
        expect(owner.page.locator("main")).to_contain_text("Agreed")
        expect(operator.page.locator("#shift-earned")).to_contain_text("9.60")

        wait_for(lambda: exchange.rows("SELECT 1 FROM calls_recording WHERE duration_ms > 9000"), "the recording")
        owner.page.get_by_role("button", name="XLSX").click()
        link = owner.page.get_by_role("link", name="XLSX").or_(owner.page.locator("a[href*='/exports/']")).first
        expect(link).to_be_visible(timeout=20_000)
        with owner.page.expect_download() as download:
            link.click()
        exported = folder / "results.xlsx"
        download.value.save_as(exported)
        assert owner.errors == operator.errors == []

    rows = CalamineWorkbook.from_path(exported).get_sheet_by_index(0).to_python()
    heads, (irina,) = rows[0], [row for row in rows[1:] if "Irina Petrovna" in row]
    said = dict(zip(heads, irina, strict=True))
    assert "Agreed" in irina
    assert "2025-03" in irina
    assert "=a check-up" in irina or "'=a check-up" in irina
    assert any("Last visit" in str(head) for head in said)
    attempt = exchange.row("SELECT * FROM calls_attempt")
    assert (attempt["payable"], attempt["charged_minor"], attempt["earned_minor"]) == (1, 1200, 960)
    assert exchange.books_balance()
