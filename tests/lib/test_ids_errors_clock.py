from __future__ import annotations

import uuid
from datetime import UTC, timedelta

import time_machine
from django.utils.translation import gettext_lazy, override
from hypothesis import given
from hypothesis import strategies as st

from hearthline.lib import clock, errors, ids


@given(st.uuids(), st.text(), st.text())
def test_the_same_cause_has_the_same_id_and_another_has_another(space: uuid.UUID, one: str, other: str) -> None:
    assert ids.derived_id(space, one) == ids.derived_id(space, one)
    assert (ids.derived_id(space, one) == ids.derived_id(space, other)) == (one == other)


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {ids.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(43 <= len(token) <= 64 for token in tokens)  # 256 bits; the column holds 64


@time_machine.travel("2026-03-02 12:00:00Z", tick=False)
def test_the_clock_is_in_utc_and_can_be_set() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.from_timestamp(clock.now().timestamp()) == clock.now()
    assert clock.now().isoformat() == "2026-03-02T12:00:00+00:00"
    assert clock.now() - timedelta(hours=12) == clock.from_timestamp(1772409600.0)


def test_an_error_is_a_code_a_status_and_a_sentence_in_the_readers_language() -> None:
    error = errors.ConflictError(gettext_lazy("Yes"), fence=3)
    assert (error.code, error.status) == ("conflict", 409)
    assert error.as_json() == {"error": {"code": "conflict", "message": "Yes", "fence": 3}}
    with override("ru"):
        assert error.as_json()["error"] == {"code": "conflict", "message": "Да", "fence": 3}


def test_every_error_has_a_code_and_a_status_of_its_own() -> None:
    kinds = errors.ExchangeError.__subclasses__()
    named = [k for k in kinds if k.__module__ == errors.__name__]
    assert len({k.code for k in named}) == len(named) == 5
    assert all(400 <= k.status < 600 for k in kinds)
