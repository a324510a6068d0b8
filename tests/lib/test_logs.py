"""No log line carries a phone number, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator

import phonenumbers
import pytest
import structlog
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthline.lib import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(json=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "written",
    [
        "+79161234567", "89161234567", "+7 916 123-45-67", "8 (916) 123 45 67", "(916) 123-45-67-89", "to=+79161234567;x",
        "sip:79161234567@provider.example", "sip:+79161234567@h", "sips:100500@h", "tel:+7-916-123-45-67",
        "<sip:89161234567@h:5060>", "'+79161234567'", "number:+79161234567,", "+44 20 7946 0958", "\xa0+7\xa0916\xa01234567",
        '{"phone": "+79161234567"}', "+79161234567\n+79161234568",
    ],
)  # fmt: skip
def test_a_number_is_masked_however_it_is_written(written: str) -> None:
    masked = logs.redacted(written)
    assert logs.MASK in masked
    assert "1234567" not in masked.replace(" ", "").replace("-", "").replace("\xa0", "")
    assert "916" not in masked


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-22T23:05:06.123456Z", "2026-11-22 23:05", "2026-11-22", "10.0.0.17:5060", "127.0.0.1", "took 12.3456789 s",
        "2f6c0c9e-1234-4321-8765-123456789012", "call 1 of 1000000", "claimed 1234567 rows", "a=rtpmap:0 PCMU/8000",
    ],
)  # fmt: skip
def test_what_is_no_number_stays(harmless: str) -> None:
    assert logs.redacted(harmless) == harmless


@given(st.uuids())
def test_ids_stay_readable(id: uuid.UUID) -> None:
    assert logs.redacted(f"attempt {id} ended") == f"attempt {id} ended"
    assert logs.redacted(id) == str(id)


@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    st.sampled_from(["{}", "call to {}", "({})", "to={},", '"{}"', "sip:{}@host", "x\t{}\n"]),
)
def test_every_countrys_numbers_in_e164_are_masked_anywhere(region: str, where: str) -> None:
    example = phonenumbers.example_number(region)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    text = logs.redacted(where.format(e164))
    assert e164 not in text
    assert e164[1:] not in text


_plain = st.text(max_size=20) | st.integers() | st.none()


@settings(max_examples=50)
@given(st.recursive(_plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=12))
def test_anything_can_be_redacted(value: object) -> None:
    json.dumps(logs.redacted(value))


def test_a_number_is_masked_in_every_part_of_a_line(lines: io.StringIO) -> None:
    log = structlog.get_logger("hearthline.test")
    log.info("dialling +79161234567", to="+79161234567", deep={"a": ["+79161234567", {"b": b"+79161234567"}]})
    try:
        raise ValueError("cannot ring +79161234567")
    except ValueError:
        log.exception("failed")
    structlog.contextvars.bind_contextvars(caller="+79161234567")
    log.warning("again %s", "+79161234567")
    structlog.contextvars.clear_contextvars()
    written = lines.getvalue()
    assert "9161234567" not in written
    assert written.count(logs.MASK) >= 6
    assert len(written.splitlines()) == 3
    assert json.loads(written.splitlines()[0])["logger"] == "hearthline.test"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("no mailbox anna.petrova+x@example.org here", "no mailbox [address] here"),
        ("to=anna@example.org,", "to=[address],"),
        ("sip:account@provider.example refused", "sip:account@provider.example refused"),
        ("DETAIL:  Failing row contains (1, Anna Petrova, null).", "DETAIL:  Failing row contains ([values])."),
        ("DETAIL:  Key (name)=(Anna Petrova) already exists.", "DETAIL:  Key (name)=([values]) already exists."),
    ],
)
def test_people_in_other_programs_errors_are_masked(written: str, kept: str) -> None:
    assert logs.redacted(written) == kept


@pytest.mark.postgres
@pytest.mark.usefixtures("postgres")
def test_a_real_databases_error_names_nobody(lines: io.StringIO) -> None:
    from hearthline.people.models import User

    email, name, other = "anna@example.org", "Anna Petrova", "Boris"
    User.objects.create(email=email, name=name)
    for work in (
        lambda: User.objects.create(email=email, name=other),
        lambda: User.objects.filter(email=email).update(name=None),
    ):
        try:
            work()
        except IntegrityError:
            logging.getLogger("django.request").exception("Internal Server Error")
    written = lines.getvalue()
    assert "Key (email)" in written
    assert "Failing row" in written
    for secret in ("anna", "Anna", "Petrova"):
        assert secret not in written


def test_other_peoples_loggers_go_the_same_way(lines: io.StringIO) -> None:
    other = logging.getLogger("uvicorn.access")
    other.warning("GET %s %s", "/find?phone=+79161234567", "89161234567")
    try:
        raise RuntimeError("INVITE sip:79161234567@h")
    except RuntimeError:
        logging.getLogger("asyncio").exception("oops")
    written = lines.getvalue()
    assert "9161234567" not in written
    assert json.loads(written.splitlines()[0])["event"].startswith("GET /find")
    assert "RuntimeError" in written
