"""When a node takes no new lines, and when it takes them again."""

from __future__ import annotations

import pytest

from hearthline.callcontrol.admission import CALM_LOOKS, Admission
from hearthline.switch import port


def load(*, legs: int = 100, cpu: float = 40.0, late: float = 0.0) -> port.NodeLoad:
    return port.NodeLoad(legs=legs, connected=0, cpu_percent=cpu, late_tick_percent=late)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (load(), ""),
        (load(late=10.1), "late"),
        (load(cpu=90.1), "cpu"),
        (load(legs=250), "legs"),
        (load(legs=7, cpu=100.0, late=100.0), ""),
    ],
)
def test_what_closes_a_node(measured: port.NodeLoad, reason: str) -> None:
    announced = Admission().judged(measured)
    assert announced["full"] == reason
    assert (announced["legs"], announced["most_legs"]) == (measured.legs, 250)


def test_it_opens_after_some_calm_and_not_between_two_gusts() -> None:
    admission = Admission()
    admission.judged(load(late=30.0))
    assert [admission.judged(load(late=9.0))["full"] for _ in range(10)] == ["late"] * 10, (
        "below the bound is no calm yet"
    )
    calm = [admission.judged(load(late=1.0))["full"] for _ in range(CALM_LOOKS - 1)]
    assert calm == ["late"] * (CALM_LOOKS - 1)
    admission.judged(load(late=30.0))
    assert [admission.judged(load())["full"] for _ in range(CALM_LOOKS)] == ["late"] * (CALM_LOOKS - 1) + [""]


def test_a_place_that_is_free_and_a_switch_that_answers_count_at_once() -> None:
    admission = Admission()
    admission.judged(load(legs=250))
    assert admission.judged(load(legs=249))["full"] == ""
    assert admission.without_switch()["full"] == "switch"
    assert admission.judged(load())["full"] == ""
