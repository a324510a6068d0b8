"""Results: pages, files, live numbers, and why nothing is dialling."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from python_calamine import CalamineWorkbook

from hearthline.campaigns import exports, gates, tally
from hearthline.campaigns import services as campaigns
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.exports import write_table
from hearthline.campaigns.live import by_hour, live_numbers
from hearthline.campaigns.models import (
    Campaign,
    Contact,
    ContactState,
    DispositionKind,
    ExportFormat,
    ImportState,
    ResultExport,
)
from hearthline.campaigns.results import Filters, page
from hearthline.dialing import services
from hearthline.dialing.why import why_idle
from hearthline.ledger.services import post
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError, NotFoundError
from hearthline.lib.ids import new_id
from tests.campaigns.worlds import (
    a_campaign,
    a_number,
    a_running_campaign,
    add_numbers,
    an_operator,
    an_organisation,
    an_owner,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # Wednesday, 12:00 in Moscow


def with_results(count: int) -> Campaign:
    """Every third agreed, the others refused, one a minute from noon on."""
    campaign = a_running_campaign(count)
    agreed = campaign.dispositions.get(kind=DispositionKind.SUCCESS)
    refused = campaign.dispositions.get(kind=DispositionKind.REFUSAL)
    operator = an_operator()
    for number, contact in enumerate(Contact.objects.order_by("next_attempt_at")):
        contact.disposition = agreed if number % 3 == 0 else refused
        contact.disposed_at = NOON + timedelta(minutes=number // 2)  # two at each moment
        contact.state, contact.last_operator = ContactState.DONE, operator
        contact.name = f"Person {number}"
        contact.save()
    return campaign


def test_pages_there_and_back_have_every_row_once() -> None:
    campaign = with_results(23)
    seen, cursor, pages = [], "", []
    while True:
        shown = page(campaign, cursor=cursor, size=5)
        pages.append([row.pk for row in shown.rows])
        seen += shown.rows
        if not shown.next:
            break
        cursor = shown.next
    assert len(seen) == len({row.pk for row in seen}) == 23
    moments = [row.disposed_at.timestamp() for row in seen if row.disposed_at is not None]
    assert moments == sorted(moments, reverse=True)
    back = [pages[-1]]
    while shown.previous:
        shown = page(campaign, cursor=shown.previous, size=5)
        back.append([row.pk for row in shown.rows])
    assert list(reversed(back)) == pages


def test_filters() -> None:
    campaign = with_results(9)
    agreed = page(campaign, Filters(kind="success"))
    assert {row.name for row in agreed.rows} == {"Person 0", "Person 3", "Person 6"}
    assert len(page(campaign, Filters(text="person 4")).rows) == 1
    assert page(campaign, Filters(answered=False)).rows == []
    assert page(campaign, Filters(since=NOON.date() + timedelta(days=1))).rows == []
    assert len(page(campaign, Filters(since=NOON.date(), until=NOON.date())).rows) == 9
    assert Filters.from_query({"kind": "x", "since": "soon", "disposition": "1; DROP", "operator": "me"}) == Filters()


@pytest.mark.parametrize("cursor", ["x", "!!!", "eyJ9", "W10", "WyJuIiwgIjIwMjYtMDEtMDEiLCAieCJd"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        page(a_campaign(), cursor=cursor)


def test_queries_of_a_page_do_not_depend_on_its_rows() -> None:
    small, large = with_results(2), None
    with CaptureQueriesContext(connection) as few:
        page(small, Filters(kind="success"))
    Contact.objects.all().delete()
    large = with_results(60)
    with CaptureQueriesContext(connection) as many:
        page(large, Filters(kind="success"))
    assert len(few) == len(many) <= 2


def _filled() -> Campaign:
    campaign = a_campaign(name="Autumn: [check]/up?")
    campaign.columns = [{"key": "age", "title": "Age"}]
    campaign.save()
    add_contact(campaign=campaign, phone=a_number(1), name="=HYPERLINK(1)", data={"age": "+54"}, first=False)
    add_contact(campaign=campaign, phone=a_number(2), name="Ann", data={"age": "@SUM(A1)"}, first=False)
    campaign = campaigns.start(campaign=campaign, actor=None)
    operator = an_operator()
    with time_machine.travel(NOON, tick=False):
        services.apply_outcome(
            contact=Contact.objects.get(phone=a_number(1)), operator=operator, attempt=new_id(), talk_ms=61_400,
            disposition=campaign.dispositions.get(kind=DispositionKind.SUCCESS), notes="\t=2+2",
            result={"need": "-1+1", "when": "2026-03-28"},
        )  # fmt: skip
    return campaign


def test_xlsx_has_everything_in_its_place(tmp_path: Path) -> None:
    campaign, path = _filled(), tmp_path / "a.xlsx"
    with translation.override("en"):
        assert write_table(campaign, ExportFormat.XLSX, path) == 2
    head, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    by_name = {row[head.index("Name")]: dict(zip(head, row, strict=True)) for row in rows}
    done = by_name["=HYPERLINK(1)"]
    assert done["Phone"] == a_number(1)
    assert done["Age"] == "+54"
    assert done["Outcome"] == "Согласие"
    assert done["Что нужно"] == "-1+1"
    assert done["Удобный день"] == "2026-03-28"
    assert done["Time (Europe/Moscow)"] == datetime(2026, 3, 25, 12, 0)  # noqa: DTZ001 - as the spreadsheet shows it
    assert (done["Talk time, s"], done["Operator"]) == (61.0, "Anna")
    assert done["Recording"] == str(Contact.objects.get(phone=a_number(1)).last_attempt)
    assert by_name["Ann"]["Recording"] == by_name["Ann"]["Outcome"] == ""


def test_csv_is_read_by_spreadsheets_and_has_no_formulas(tmp_path: Path) -> None:
    campaign, path = _filled(), tmp_path / "a.csv"
    write_table(campaign, ExportFormat.CSV, path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig")), delimiter=";"))
    cells = {cell for row in rows for cell in row}
    assert {"'=HYPERLINK(1)", "'@SUM(A1)", a_number(1), "+54"} <= cells
    assert not any(cell.lstrip().startswith(("=", "@")) for cell in cells)


def test_an_export_is_written_once_and_begun_again_after_its_worker_ended(tmp_path: Path) -> None:
    campaign = _filled()
    actor = an_owner(campaign.organisation)
    export = exports.request_export(campaign=campaign, format="csv", actor=actor)
    ResultExport.objects.update(state=ImportState.RUNNING, touched_at=clock.now())
    assert exports.write(export.pk) is None  # somebody does
    assert exports.resume_interrupted(clock.now()) == 0
    later = clock.now() + exports.SILENT_FOR * 2
    assert exports.resume_interrupted(later) == 1
    assert exports.resume_interrupted(later) == 0
    done = exports.write(export.pk)
    assert done is not None
    assert (done.state, done.rows_written) == (ImportState.DONE, 2)
    assert gates.export_for_owner(actor, done.pk).file.read().startswith(b"\xef\xbb\xbf")
    done.file.delete()
    with pytest.raises(NotFoundError):
        gates.export_for_owner(an_owner(an_organisation()), done.pk)
    assert exports.write(export.pk) is None


def test_live_numbers() -> None:
    with time_machine.travel(NOON, tick=False):
        campaign = a_running_campaign(4)
        operator = an_operator()
        agreed = campaign.dispositions.get(kind=DispositionKind.SUCCESS)
        for _turn in range(2):
            assignment = services.claim_next(operator, campaign)
            assert assignment is not None
            contact = Contact.objects.get(pk=assignment.contact_id)
            services.apply_outcome(contact=contact, operator=operator, disposition=agreed, talk_ms=30_000)
            tally.conversation_settled(campaign.pk, charged_minor=1200)
            services.release(assignment, "withdrawn")
        live = live_numbers(campaign)
        assert (live.contacts, live.left, live.done, live.agreed, live.conversations) == (4, 2, 2, 2, 2)
        assert (live.spent.minor, live.cost_per_agreed.minor if live.cost_per_agreed else 0) == (2400, 1200)
        assert live.ends_about == NOON + timedelta(hours=1)
        (hour,) = by_hour(campaign)
        assert (hour.attempts, hour.conversations, hour.agreed) == (2, 2, 2)
        assert tally.recount(campaign.pk) is False


def test_why_counts_each_rule_and_says_when_it_changes() -> None:
    with time_machine.travel(NOON, tick=False):  # 12:00 in Moscow, 19:00 in Vladivostok
        campaign = a_campaign(window_start=time(9, 0), window_end=time(18, 0))
        add_contact(campaign=campaign, phone=a_number(0), timezone="Asia/Vladivostok")
        add_contact(campaign=campaign, phone=a_number(1), timezone="Asia/Vladivostok")
        add_contact(campaign=campaign, phone=a_number(2), timezone="Europe/Moscow")
        add_contact(campaign=campaign, phone="+49 30 901820", timezone="Europe/Moscow")
        Contact.objects.filter(phone=a_number(2)).update(next_attempt_at=NOON + timedelta(minutes=30))
        assert why_idle(campaign).reasons[0].code == "not_running"
        campaign = campaigns.start(campaign=campaign, actor=None)
        why = why_idle(campaign)
        counts = {reason.code: (reason.count, reason.until) for reason in why.reasons}
        assert counts == {
            "unpriced": (1, None),
            "outside_window": (2, datetime(2026, 3, 25, 23, 0, tzinfo=UTC)),  # 9:00 the next morning there
            "not_due": (1, NOON + timedelta(minutes=30)),
        }
        assert (why.ready, why.next_change_at) == (0, NOON + timedelta(minutes=30))
        assert "12:30" in why.sentence
    with time_machine.travel(NOON + timedelta(minutes=30), tick=False):
        assert why_idle(campaign).ready == 1
        services.claim_next(an_operator(), campaign)
        why = why_idle(campaign)
        assert (why.ready, "with_operators" in {reason.code for reason in why.reasons}) == (0, True)


def test_why_names_the_money_first() -> None:
    campaign = a_running_campaign(3, an_organisation(balance=1300))
    assignment = services.claim_next(an_operator(), campaign)
    assert assignment is not None
    assert assignment.hold is not None
    post(assignment.hold)
    services.claim_next(an_operator(), campaign)
    campaign.refresh_from_db()
    why = why_idle(campaign)
    assert why.reasons[0].code == "no_funds"
    assert (why.ready, why.next_change_at) == (0, None)


def test_why_takes_the_same_queries_at_any_size() -> None:
    campaign = a_running_campaign(2)
    with CaptureQueriesContext(connection) as few:
        why_idle(campaign)
    add_numbers(campaign, 100, start=100)
    with CaptureQueriesContext(connection) as many:
        why_idle(campaign)
    assert len(few) == len(many) <= 6
