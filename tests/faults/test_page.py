"""A page in a real browser whose node is emptied, or lost, between two calls: it opens its line at another node by itself, says so,
and the next call works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e.people import Person, open_shift, person
from tests.e2e.tones import write_tone
from tests.faults.processes import LOST_S, Hosts, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(180)]

MOVED = "Your line has moved within the exchange and is open."
VOICE_HZ = tuple(range(150, 1200, 30))


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def page(play: Playwright, hosts: Hosts, tmp_path: Path) -> Iterator[Person]:
    # with pauses: a robot does not speak while it is spoken to
    voice = write_tone(tmp_path / "operator.wav", 1040, seconds=32, rate=48000, listens_s=3)
    with person(play, hosts, voice) as somebody:
        yield somebody
        assert not somebody.errors


def line_of(hosts: Hosts, email: str) -> dict[str, str]:
    """The open line of that person: {"id", "node_id"}."""
    row = hosts.row(
        "SELECT l.id::text, l.node_id FROM calls_line l JOIN people_user u ON u.id = l.user_id"
        " WHERE u.email = %s AND l.state <> 'closed'",
        email,
    )
    return {"id": str(row["id"]), "node_id": str(row["node_id"])}


def the_next_call_works(page: Person, hosts: Hosts, *, not_on: str) -> None:
    page.sees("#strip-mode", "Ready")
    page.press("Enter")
    page.sees("#strip-mode", "Reserved")
    page.press("d")
    page.sees("#strip-mode", "Talking")
    wait_for(lambda: any(page.hears(*VOICE_HZ, for_ms=500)), "the contact's voice")
    (call,) = hosts.rows("SELECT node_id FROM calls_attempt WHERE ended_at IS NULL")
    assert call["node_id"] != not_on
    page.press("h")
    page.sees("#strip-mode", "Wrap-up")
    page.press("6")  # "Voicemail or silence": needs no answers
    page.press("Control+Enter")
    page.sees("#strip-mode", "Reserved")
    page.page.get_by_role("button", name="Skip").click()
    page.sees("#strip-mode", "Ready")


def test_a_page_leaves_a_node_that_is_emptied(hosts: Hosts, page: Person) -> None:
    open_shift(page, "operator@example.org")
    before = line_of(hosts, "operator@example.org")
    node = before["node_id"]
    try:
        assert "is empty" in hosts.run("node", "drain", node, "--timeout", "20")
        page.sees("#note", MOVED)
        after = line_of(hosts, "operator@example.org")
        assert after["node_id"] != node
        left = hosts.row("SELECT close_reason FROM calls_line WHERE id = %s", before["id"])
        assert left["close_reason"] == "moved"
        the_next_call_works(page, hosts, not_on=node)
    finally:
        hosts.run("node", "undrain", node)


def test_a_page_whose_node_is_lost_goes_on_at_another(hosts: Hosts, page: Person) -> None:
    open_shift(page, "second@example.org")
    node = line_of(hosts, "second@example.org")["node_id"]
    hosts[f"callcontrol-{node}"].kill()
    hosts.kill_engine(node)
    page.sees("#note", MOVED, timeout_s=LOST_S + 12)  # it tries by itself from the moment that it hears nothing
    assert line_of(hosts, "second@example.org")["node_id"] != node
    the_next_call_works(page, hosts, not_on=node)
