"""A line that comes back, with a real browser: another microphone, a reload, a device that sleeps for a while and for too long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.people import open_shift, person
from tests.e2e.tones import write_tone
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(180)]

OPERATOR_HZ, CONTACT_HZ = 1040, 659
NUMBER = "79161230102"
GRACE_S = 12
NAP_S = 8.0  # longer than what a page takes for sleep, shorter than the grace

UNPLUG = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}"""
# a track that is stopped by a script ends without the event that the end of a device brings
PULLED_OUT = """() => {
  const track = window.tracks.at(-1);
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""
PLUGGED_IN = "() => navigator.mediaDevices.dispatchEvent(new Event('devicechange'))"


@pytest.fixture
def exchange(tmp_path: Path, provider: Provider) -> Iterator[Exchange]:
    with running(tmp_path / "data", line_grace_s=str(GRACE_S)) as fresh:
        fresh.seed(provider=at_provider(provider), contacts=[["+" + NUMBER, "Irina"]])
        yield fresh


def processes_with(word: str) -> list[int]:
    """Every process whose command line has this word, and all their descendants."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if word in (entry / "cmdline").read_bytes().decode(errors="replace"):
                    found.add(int(entry.name))
            except OSError:
                continue  # it ended while we looked
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


@contextmanager
def asleep(word: str) -> Iterator[None]:
    """The whole browser stands still, as under a closed lid: no timer, no packet."""
    stopped = processes_with(word)
    assert stopped
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


def line_of(exchange: Exchange) -> str:
    return str(exchange.row("SELECT id FROM calls_line WHERE state <> 'closed'")["id"])


def test_a_line_comes_back(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path, tmp_path: Path
) -> None:
    voice = write_tone(tmp_path / "operator.wav", OPERATOR_HZ, rate=48000)
    with Phone(folder, NUMBER, provider, tone_hz=CONTACT_HZ) as phone, person(play, exchange, voice) as operator:
        page = operator.page
        page.add_init_script(f"({UNPLUG})()")
        page.on("dialog", lambda dialog: dialog.accept())
        open_shift(operator)
        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        phone.wait_answered()
        operator.sees("#strip-mode", "Talking")
        operator.wait_hears(CONTACT_HZ)

        page.evaluate(PULLED_OUT)
        operator.sees("#trouble", "is used now")
        assert page.evaluate("window.tracks.filter((track) => track.readyState === 'live').length") == 1
        page.evaluate(PLUGGED_IN)
        operator.sees("#note", "The microphone is back")
        expect(page.locator("#trouble")).to_be_empty()

        page.reload()
        operator.sees("#strip-mode", "Talking")
        operator.sees("#line-state", "Line open", timeout_s=20)
        operator.wait_hears(CONTACT_HZ)
        line = line_of(exchange)

        with asleep(str(voice)):
            time.sleep(NAP_S)  # nothing to wait for: a lid is closed, and opened in time
        operator.sees("#line-state", "Line open", timeout_s=20)
        operator.sees("#strip-mode", "Talking")
        operator.wait_hears(CONTACT_HZ)
        assert line_of(exchange) == line
        assert not exchange.rows("SELECT 1 FROM calls_attempt WHERE ended_at IS NOT NULL")

        with asleep(str(voice)):
            phone.wait_for("CALL_CLOSED", 1, GRACE_S + 15)  # after the grace time, and a goodbye
        operator.sees("#strip-mode", "Wrap-up", timeout_s=30)
        operator.sees("#trouble", "the contact heard a goodbye and was let go")
        operator.press("6")
        operator.press("Control+Enter")
        wait_for(lambda: exchange.rows("SELECT 1 FROM calls_attempt WHERE wrapped_up_at IS NOT NULL"), "the result")
        if page.locator("#strip-mode").text_content() == "No line":
            operator.press("Enter")
        operator.sees("#strip-mode", "Ready", timeout_s=20)
        assert not operator.errors
    row = exchange.row("SELECT ended_by, not_payable_reason FROM calls_attempt")
    assert row["ended_by"] == "exchange"
    assert exchange.books_balance()
