"""What is kept of an operator's answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.campaigns.forms import FieldErrors, clean_fields
from hearthline.campaigns.models import FieldKind, ResultField

FIELDS = [
    ResultField(key="who", title="Who", kind=FieldKind.TEXT, required=True),
    ResultField(key="age", title="Age", kind=FieldKind.NUMBER),
    ResultField(key="day", title="Day", kind=FieldKind.CHOICE, choices=["Mon", "Tue"]),
    ResultField(key="on", title="On", kind=FieldKind.DATE),
    ResultField(key="ok", title="OK", kind=FieldKind.YES_NO),
]


def test_each_kind() -> None:
    kept = clean_fields(
        FIELDS, {"who": " Ann ", "age": "1 234,50", "day": "Tue", "on": "25.03.2026", "ok": "да"}, required=True
    )
    assert kept == {"who": "Ann", "age": "1234.50", "day": "Tue", "on": "2026-03-25", "ok": True}


def test_unanswered_and_unknown_are_left_out() -> None:
    assert clean_fields(FIELDS, {"age": "", "day": None, "else": "x"}, required=False) == {}


def test_required_only_when_it_is_paid_for() -> None:
    with pytest.raises(FieldErrors) as refused:
        clean_fields(FIELDS, {"who": " "}, required=True)
    assert set(refused.value.fields) == {"who"}
    assert clean_fields(FIELDS, {"who": " "}, required=False) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("age", "many"), ("age", "NaN"), ("age", "Infinity"), ("age", "1e999"), ("age", "1" * 30), ("age", True),
        ("day", "Sun"), ("on", "31.02.2026"), ("on", "tomorrow"), ("on", "0001-01-01"), ("ok", "maybe"), ("who", "x" * 2001),
        ("who", ["a"]), ("who", {"a": 1}),
    ],
)  # fmt: skip
def test_a_sentence_beside_each_that_cannot_be_kept(key: str, value: Any) -> None:
    with pytest.raises(FieldErrors) as refused:
        clean_fields(FIELDS, {"who": "Ann", key: value}, required=False)
    assert set(refused.value.fields) == {key}
    assert refused.value.as_json()["error"]["fields"][key].endswith(".")  # type: ignore[index]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([f.key for f in FIELDS]), st.text() | st.floats() | st.booleans() | st.none()))
def test_whatever_comes_in_is_kept_or_refused(values: dict[str, Any]) -> None:
    refused: set[str] = set()
    try:
        kept = clean_fields(FIELDS, values, required=False)
    except FieldErrors as errors:
        refused = set(errors.fields)
        kept = clean_fields(FIELDS, {key: value for key, value in values.items() if key not in refused}, required=False)
    assert refused | set(kept) <= set(values)
    assert all(isinstance(value, str | bool) for value in kept.values())
    assert clean_fields(FIELDS, kept, required=False) == kept  # what is kept would be kept again
