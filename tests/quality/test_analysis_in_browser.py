"""A finished call, the worker of a running exchange, and what a moderator and the operator see and hear of it in Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.exchange import ROOT, Exchange, wait_for
from tests.migrated import data_folder
from tests.web.test_in_browser import AXE, FLAGS, TAGS, found, sideways, visit, watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SEEN_WITHIN_S = 8


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exchange, dict[str, str]]]:
    running = Exchange(data_folder(tmp_path_factory.mktemp("exchange")))
    done = subprocess.run(
        [sys.executable, "-m", "tests.quality.seed_analysis"],
        cwd=ROOT, env={**running.environment, "DJANGO_SETTINGS_MODULE": "hearthline.settings"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    running.start()
    try:
        yield running, json.loads(done.stdout.splitlines()[-1])
    finally:
        running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def accessible(page: Page, what: str) -> list[str]:
    page.evaluate(AXE.read_text())
    problems = found(page, what, {"runOnly": {"type": "tag", "values": TAGS}})
    page.set_viewport_size({"width": 320, "height": 640})
    problems += sideways(page, what)
    page.set_viewport_size({"width": 1280, "height": 900})
    return problems


def seconds_shown(page: Page) -> int:
    """How far the player is: it plays on while we look."""
    minutes, seconds = page.locator("[data-player-time]").inner_text().split("/")[0].strip().split(":")
    return int(minutes) * 60 + int(seconds)


def test_a_machine_is_found_by_the_worker_and_listened_to_from_the_place(
    exchange: tuple[Exchange, dict[str, str]], chromium: Browser
) -> None:
    running, ids = exchange
    context = visit(chromium, running, ids["moderator"], bypass_csp=True)
    page, complaints = watched(context)
    address = f"/recordings/{ids['recording']}/"

    def analysed() -> bool:
        page.goto(address)
        return page.get_by_text("An answering machine or an announcement").is_visible()

    wait_for(analysed, "the worker to analyse the recording", timeout_s=60, every_s=0.5)
    problems = accessible(page, address)
    places = page.locator("button[data-at]")
    places.nth(1).click()
    expect(page.locator(".player-mark")).to_have_count(page.locator("button[data-at]").count())
    at = float(places.nth(1).get_attribute("data-at") or 0)
    wait_for(
        lambda: round(at) <= seconds_shown(page) < round(at) + SEEN_WITHIN_S,
        "the place to be heard",
        timeout_s=SEEN_WITHIN_S,
    )
    places.nth(0).click()  # the same recording: it goes there and does not stop
    expect(page.locator("[data-player-toggle]")).to_have_attribute("aria-label", "Pause")
    assert problems + complaints == []
    context.close()

    context = visit(chromium, running, ids["operator"], bypass_csp=True)
    page, complaints = watched(context)
    page.goto(f"/recordings/{ids['recording']}/analysis")
    expect(page.get_by_text("It is noisy around you")).to_be_visible()
    expect(page.locator("button[data-at]")).to_have_count(0)
    assert accessible(page, "the operator's") + complaints == []
    context.close()
