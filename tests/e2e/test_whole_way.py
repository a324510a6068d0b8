"""One operator from an invitation to money in the bank, and the business whose contacts they call: real Chromium, synthesised speech
as the microphone, robots, a telephone at a provider, the worker's analysis, two moderators and an admin. The operator has no mouse
and sees nothing."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright
from python_calamine import CalamineWorkbook

from hearthline.switch.robots.speech import SpeechFolder, read_wav, write_wav
from tests.e2e import business
from tests.e2e import newcomer as nina_does
from tests.e2e import staff_at_work as staff
from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.keyboard import listen
from tests.e2e.people import Person, person
from tests.e2e.seed_words import PASSWORD
from tests.e2e.talker import give_voice
from tests.testbed.phone import Phone
from tests.testbed.provider import Provider

pytestmark = [pytest.mark.browser, pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(600)]

EMAIL, NAME = "nina@example.org", "Nina New"


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[Exchange]:
    """Pay is under review for no time, and any sum is paid out."""
    with running(folder / "data", review_window_hours="0", payout_minimum_minor="100") as exchange:
        yield exchange


def contact_voice(folder: Path) -> Path:
    """What Irina says, with time for the other side to speak."""
    speech = SpeechFolder(folder)
    said = [("Hello, this is Irina.", 3), ("A check-up? Yes.", 3), ("On Saturday.", 3), ("Thank you.", 40)]
    pcm = b"".join(
        read_wav(speech.line(text, "en", "woman")) + bytes(16_000 * pause) for text, pause in said
    )  # fmt: skip
    path = folder / "irina.wav"
    write_wav(path, pcm)
    with wave.open(str(path)) as sound:
        assert sound.getframerate() == 8000
    return path


def test_an_operator_from_invitation_to_payout(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path
) -> None:
    exchange.seed(provider=at_provider(provider))
    exchange.run("createadmin", "--email", "ada@example.org", "--name", "Ada Admin", "--password", PASSWORD)
    wait_for(lambda: exchange.rows("SELECT 1 FROM campaigns_campaign WHERE kind = 'test'"), "the robots' campaigns")
    with (
        person(play, exchange) as nina,
        person(play, exchange) as ada,
        Phone(folder, business.NUMBER, provider, answer_after=0.5, voice=contact_voice(folder / "speech")) as phone,
    ):
        olga, mona, mira = (Person(exchange, ada.browser) for _each in range(3))
        listen(nina.page)
        give_voice(nina, folder / "speech", nina_does.SENTENCES)
        ada.sign_in("ada@example.org")
        staff.set_up_second_factor(ada)

        nina_does.accept(nina, staff.invite(ada), EMAIL, NAME)
        nina_does.say_languages(nina)
        nina_does.begin_check(nina)
        olga.sign_in("owner@example.org")  # while the line is measured
        business.set_up_campaign(olga, business.write_people(folder / "people.xlsx"))
        mona.sign_in("moderator@example.org")
        mira.sign_in("second.moderator@example.org")
        nina_does.end_check(nina)
        nina_does.tutorial(nina)
        nina_does.train(nina, exchange)
        nina_does.take_test(nina, exchange)
        call = exchange.row("SELECT r.* FROM quality_robotcall r JOIN quality_fitnesstest t USING (attempt_id)")
        assert call["outcome_right"]
        assert call["score"] >= 60
        staff.pass_test(mona, NAME)
        nina_does.hear_decision(nina)

        nina_does.work(nina, phone)
        business.see_the_result(olga, folder / "results.xlsx")
        staff.score(mona, "Autumn check-up")
        nina_does.read_score(nina)
        nina_does.appeal(nina)
        staff.uphold_appeal(mira, "I asked for the day at once")
        nina_does.hear_of_appeal(nina)

        nina_does.ask_for_payout(nina, "9.60")
        staff.pay_out(ada, "9.60", "Bank of the North, account 40817 1234")
        statement = nina_does.fetch_statement(nina, folder / "statement.xlsx")
        assert [one.errors for one in (nina, olga, ada, mona, mira)] == [[]] * 5
    the_statement_says_what_the_ledger_says(exchange, statement)
    the_call_was_paid_and_analysed(exchange)
    assert exchange.books_balance()


def the_statement_says_what_the_ledger_says(exchange: Exchange, statement: Path) -> None:
    """Row by row: what was posted to her accounts and from them, except from one of them to the other."""
    owner = exchange.row("SELECT id FROM people_user WHERE email = ?", EMAIL)["id"]
    moved = exchange.rows(
        "SELECT t.posted_minor * CASE WHEN c.owner = ?1 THEN 1 ELSE -1 END AS minor FROM ledger_transfer t"
        " JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id"
        " WHERE t.state = 'posted' AND (coalesce(c.owner, '') = ?1) <> (coalesce(d.owner, '') = ?1) ORDER BY t.settled_at",
        owner,
    )  # fmt: skip
    assert [row["minor"] for row in moved] == [960, -960]
    head, first, *rows, last = CalamineWorkbook.from_path(statement).get_sheet_by_index(0).to_python()
    assert [_minor(row[5]) for row in rows] == [row["minor"] for row in moved]
    balances = [_minor(row[6]) for row in (first, *rows, last)]
    assert balances == [0, 960, 0, 0]
    assert rows[0][2:4] == ["Autumn check-up", "Agreed"]
    assert "Amount, RUB" in head


def _minor(cell: Any) -> int:
    return int(Decimal(str(cell)) * 100)


def the_call_was_paid_and_analysed(exchange: Exchange) -> None:
    imported = exchange.row("SELECT * FROM campaigns_contactimport")
    assert (imported["added"], imported["duplicates"], imported["rejected"]) == (1, 1, 1)
    attempt = exchange.row(
        "SELECT a.* FROM calls_attempt a JOIN campaigns_campaign c ON c.id = a.campaign_id WHERE c.kind = 'real'"
    )
    assert (attempt["payable"], attempt["charged_minor"], attempt["earned_minor"]) == (1, 1200, 960)
    (analysis,) = exchange.rows(
        "SELECT a.* FROM quality_callanalysis a JOIN calls_recording r ON r.id = a.recording_id"
        " JOIN calls_attempt t ON t.id = r.attempt_id JOIN campaigns_campaign c ON c.id = t.campaign_id WHERE c.kind = 'real'"
    )  # fmt: skip
    assert analysis["state"] == "done"
