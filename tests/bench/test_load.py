"""The load generator at two calls: each of its parts runs, and what it tells is possible."""

from __future__ import annotations

import math

import pytest

from bench.load import audio, control, sizing
from bench.load.climb import Climb, Plan
from bench.load.control import Measured
from bench.load.exchange import Size
from bench.load.probe import GAP_MS, LATE_MS, Look, compare, markers
from hearthline.switch.freeswitch.rendering import find_program

TWO = Plan(first=2, most=2, settle_s=0.2, measure_s=1.0, recorded=True)
FEW = Size(2, 40, {"busy": 0.0, "rings_s": [0.1, 0.2], "talks_s": 1.5, "shortest_s": 0.5}, grown=False)


def test_a_probe_counts_frames_that_never_came_came_late_or_changed() -> None:
    frames = markers()
    said = [(n, n * 0.02) for n in range(100)]
    came = [(at + 0.030, frames[n]) for n, at in said if n not in (10, 11, 50)]
    came[80] = (came[80][0] + LATE_MS / 1000 + 0.010, came[80][1])
    came[90] = (came[90][0], bytes(160))

    heard = compare(said, came, {frame: n for n, frame in enumerate(frames)})

    assert (heard.frames, heard.lost, heard.gap_ms) == (100, 5, 40)
    assert math.isclose(heard.delays_ms[0], 30.0, abs_tol=0.01)
    assert not Look.of([heard]).in_bounds  # five per cent is more than a conversation bears


def test_a_probe_hears_a_silent_node() -> None:
    frames = markers()
    heard = compare([(n, n * 0.02) for n in range(10)], [], {frame: n for n, frame in enumerate(frames)})
    look = Look.of([heard])
    assert (heard.lost, look.loss_percent, look.in_bounds) == (10, 100.0, False)
    assert look.gap_ms > GAP_MS


def test_calls_at_the_embedded_engine() -> None:
    _is_sane(audio.one("embedded engine", "recorded", TWO))


@pytest.mark.freeswitch
@pytest.mark.skipif(find_program() is None, reason="no FreeSWITCH here")
def test_calls_at_freeswitch() -> None:
    _is_sane(audio.one("FreeSWITCH", "recorded", TWO))


def _is_sane(found: audio.Carried) -> None:
    step = found.climb.best or found.climb.ended_by
    assert step is not None
    assert 0 < step.look.median_ms < 5_000  # a machine that others use too may be slow, but not that slow
    assert step.look.loss_percent < 100
    assert step.cpu_ms > 0
    assert [figure.what for figure in audio.figures_of(found)] == [
        f"{found.engine}, recorded: calls a core, by CPU time"
    ]


@pytest.fixture(scope="module")
def measured() -> Measured:
    return control.measure(FEW, measure_s=4.0, settle_s=0.5, ramp_s=20.0)


def test_calls_with_simulated_audio_go_through_the_whole_exchange(measured: Measured) -> None:
    assert measured.begun >= 1
    assert measured.switch_events > 0
    assert measured.bus_events > 0
    assert 0 < measured.key_ms(0.5) < 10_000
    assert measured.busy.cpu("web") > 0
    assert measured.busy.cpu("call control") > 0
    assert not measured.refused


def test_the_table_has_a_line_for_each_engine_and_part(measured: Measured) -> None:
    text = sizing.table([audio.Carried("embedded engine", "recorded", 2, Climb())], measured)
    for words in ("embedded engine, recorded", "a core of web", "a core of call control", "115 MB"):
        assert words in text
