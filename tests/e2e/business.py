"""What a business does at its pages: uploads, writes, prices and starts a campaign, sees the result come, takes it away as a file."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter
from playwright.sync_api import expect
from python_calamine import CalamineWorkbook

from tests.e2e.exchange import wait_for
from tests.e2e.people import Person
from tests.e2e.seed_words import zone_at_noon

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
    page.wait_for_url("**/setup/")
    page.wait_for_load_state()  # its script takes the file
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


def see_the_result(owner: Person, path: Path) -> None:
    """It comes by itself, and leaves as a spreadsheet, with nothing that a spreadsheet would run."""
    page = owner.page
    expect(page.locator("main")).to_contain_text("Irina Petrovna", timeout=15_000)  # nobody reloaded it
    expect(page.locator("main")).to_contain_text("Agreed")
    page.get_by_role("button", name="XLSX").click()
    link = page.get_by_role("link", name="XLSX").or_(page.locator("a[href*='/exports/']")).first
    expect(link).to_be_visible(timeout=20_000)
    with page.expect_download() as download:
        link.click()
    download.value.save_as(path)
    rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    (irina,) = [row for row in rows[1:] if "Irina Petrovna" in row]
    assert any("Last visit" in str(head) for head in rows[0])
    assert "Agreed" in irina
    assert "2025-03" in irina
    assert "=a check-up" in irina or "'=a check-up" in irina
