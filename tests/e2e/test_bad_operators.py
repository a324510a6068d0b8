"""Operators who are silent, who interrupt and whose results are false are found: by the recordings of real calls, the analysis of the
worker, the hourly rules; a moderator decides through the pages, and money and access follow. One who works well is left alone."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Playwright

from hearthline.demo.session import RefusedError
from hearthline.switch.robots.characters import Character
from tests.e2e.conftest import CALLER_ID
from tests.e2e.exchange import ROOT, Exchange, running, wait_for
from tests.e2e.manners import MANNERS, SignedSession, on_the_line, work
from tests.e2e.people import Person, person
from tests.e2e.staff_at_work import take_next
from tests.testbed.programs import Program, free_port

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(420)]

T = TypeVar("T")
_C = Character
CONTACTS: dict[str, list[tuple[str, Character]]] = {
    "good@example.org": [("+79160000101", _C.AGREES), ("+79160000102", _C.VOICEMAIL)],
    "silent@example.org": [("+79160000201", _C.AGREES), ("+79160000202", _C.AGREES)],
    "interrupting@example.org": [("+79160000301", _C.LONG_TALKER), ("+79160000302", _C.LONG_TALKER)],
    "false@example.org": [("+79160000401", _C.VOICEMAIL), ("+79160000402", _C.AGREES), ("+79160000403", _C.AGREES)],
}
PRICE = 1200
REASONS = {
    ("silent@example.org", "suspicious_call"): ("coach", "Nobody can hear you. Look at your microphone."),
    ("silent@example.org", "unfounded_results"): ("coach", "Nobody was talked with."),
    ("interrupting@example.org", "suspicious_call"): ("coach", "Let people finish."),
    ("false@example.org", "suspicious_call"): ("reverse", "A machine answered."),
    ("false@example.org", "unfounded_results"): ("suspend", "You hang up on people."),
}


@contextmanager
def robots(folder: Path) -> Iterator[int]:
    """The contacts, behind a provider; its port."""
    port, config = free_port(), folder / "robots.json"
    settings = {
        "port": port,
        "accounts": {"hearth": "Sec-100"},
        "language": "en",
        "sounds": str(folder / "sounds"),
        "contacts": {phone: who.value for contacts in CONTACTS.values() for phone, who in contacts},
    }
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "hearthline.switch.robots", "--config", str(config)]
    program = Program(command, folder / "robots.log", ROOT)
    try:
        program.wait_output('"ready": true', 30)
        yield port
    finally:
        program.stop()


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    with running(tmp_path / "data", report_least_calls="2", ring_timeout_s="8") as exchange:
        yield exchange


def test_each_ones_fault_is_found_and_what_is_decided_follows(
    play: Playwright, exchange: Exchange, tmp_path: Path
) -> None:
    with robots(tmp_path) as port:
        trunk = {
            "host": "127.0.0.1", "port": port, "username": "hearth", "password": "Sec-100", "caller_id": f"+{CALLER_ID}",
        }  # fmt: skip
        operators = [
            [email, email.partition("@")[0].title(), [[phone, "Irina"] for phone, _who in contacts]]
            for email, contacts in CONTACTS.items()
        ]
        seeded = exchange.seed("tests.e2e.seed_manners", provider=trunk, operators=operators)
        most = max(len(contacts) for contacts in CONTACTS.values())
        sounds = tmp_path / "sounds"
        attempts = apart(work(exchange.url, sounds, seeded["campaigns"], meant(exchange), calls=most))
    assert len(attempts) == sum(len(contacts) for contacts in CONTACTS.values())
    analysed(exchange, len(attempts))
    paid = exchange.rows("SELECT operator_id FROM calls_attempt WHERE payable")
    spent = PRICE * len(paid)
    exchange.manage("from hearthline.quality.tasks import look_for_reports; look_for_reports.enqueue()")
    wait_for(lambda: found(exchange) == set(REASONS), f"the reports; there are {found(exchange)}", timeout_s=15)
    assert balance(exchange) == 100_000 - spent

    open_ = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        waiting = on_the_line(exchange.url, "false@example.org", seeded["campaigns"]["false@example.org"], open_)
        line = threads.submit(asyncio.run, waiting)
        assert open_.wait(30), line.result(0)
        with person(play, exchange) as moderator:
            decide_all(moderator, exchange)
            assert moderator.errors == []
        assert line.result(20) == "by_person", "who is suspended is off the line"
    assert exchange.rows("SELECT 1 FROM calls_shift WHERE ended_at IS NULL") == []

    assert balance(exchange) == 100_000 - spent + PRICE, "what was paid for the machine is the customer's again"
    machine = exchange.rows("SELECT payable, earned_minor FROM calls_attempt WHERE not_payable_reason = 'reversed'")
    assert [tuple(row) for row in machine] == [(0, 0)]
    apart(access_follows(exchange))
    wait_for(lambda: len(letters(exchange)) == len(REASONS), f"the letters; there are {letters(exchange)}")
    assert exchange.books_balance()


def apart(doing: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: Playwright has an event loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, doing).result()


def meant(exchange: Exchange) -> dict[str, Character]:
    """Contact → who is behind the number. Robots understand no speech."""
    behind = {phone: who for contacts in CONTACTS.values() for phone, who in contacts}
    rows = exchange.rows("SELECT id, phone FROM campaigns_contact")
    return {
        f"{row['id'][:8]}-{row['id'][8:12]}-{row['id'][12:16]}-{row['id'][16:20]}-{row['id'][20:]}": behind[
            row["phone"]
        ]
        for row in rows
    }


def analysed(exchange: Exchange, calls: int) -> None:
    """Every recording is packed and analysed by the worker."""

    def done() -> bool:
        rows = exchange.rows(
            "SELECT r.path, a.state FROM calls_recording r LEFT JOIN quality_callanalysis a ON a.recording_id = r.id"
        )
        return len(rows) == calls and all(row["state"] == "done" and row["path"].endswith(".opus") for row in rows)

    wait_for(done, "the analysis of every recording", timeout_s=60)


def found(exchange: Exchange) -> set[tuple[str, str]]:
    rows = exchange.rows("SELECT u.email, r.kind FROM quality_report r JOIN people_user u ON u.id = r.operator_id")
    return {(row["email"], row["kind"]) for row in rows}


def balance(exchange: Exchange) -> int:
    row = exchange.row("SELECT credits_posted - debits_posted AS minor FROM ledger_account WHERE kind = 'customer'")
    return int(row["minor"])


def decide_all(moderator: Person, exchange: Exchange) -> None:
    """By keys alone: Enter takes, digits choose, n goes to the reasons, Ctrl+Enter decides and takes the next."""
    moderator.sign_in("moderator@example.org")
    page = moderator.page
    take_next(moderator)
    for _item in REASONS:
        page.wait_for_url(re.compile("/queue/report/"))
        address = page.url
        id = address.rstrip("/").rpartition("/")[2].replace("-", "")
        row = exchange.row(
            "SELECT u.email, r.kind FROM quality_report r JOIN people_user u ON u.id = r.operator_id WHERE r.id = ?", id
        )
        action, words = REASONS[row["email"], row["kind"]]
        page.get_by_role("button", name="Play the recording").first.wait_for()  # the evidence can be heard
        digit = page.locator(f'input[name="decision"][value="{action}"]').get_attribute("data-digit")
        page.keyboard.press(str(digit))
        page.keyboard.press("n")
        page.keyboard.type(words)
        page.keyboard.press("Control+Enter")
        page.wait_for_url(re.compile(f"^(?!{re.escape(address)}$)"))
        said = page.locator(".alert").all_inner_texts()
        assert exchange.row("SELECT action FROM quality_report WHERE id = ?", id)["action"] == action, (action, said)
    moderator.sees("#messages", "Nothing else waits for you")


async def access_follows(exchange: Exchange) -> None:
    """Who is suspended does not come in; the others read what was written to them."""
    suspended = SignedSession(exchange.url)
    await suspended.enter("false@example.org")  # to a page that says so
    with pytest.raises(RefusedError):
        await suspended.get_json("/work/shift/state/")
    for email, words in (
        ("silent@example.org", "Look at your microphone"),
        ("interrupting@example.org", "Let people finish"),
    ):
        session = SignedSession(exchange.url)
        await session.enter(email)
        assert words in await session.get("/work/feedback/")
    good = SignedSession(exchange.url)
    await good.enter("good@example.org")
    assert "Nothing yet" in await good.get("/work/feedback/")


def letters(exchange: Exchange) -> list[str]:
    texts = [path.read_text() for path in (exchange.folder / "messages").glob("*")]
    return [to for text in texts for to in re.findall(r"^To: (\S+)$", text, re.MULTILINE) if to in MANNERS]
