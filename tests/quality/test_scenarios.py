"""The scenario language: what comes with the exchange is right, and what is wrong is told by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hearthline.quality.scenarios import library
from hearthline.quality.scenarios.reading import ScenarioError, read_scenario
from hearthline.quality.scenarios.scenario import Act, Manner, Use, Waits
from hearthline.switch.robots.speech import write_wav

RIGHT = """
title: A short one
uses: [training]
persona: {voice: man, patience: 5}
turns:
  - say: Hello?
  - say: Stop!
    id: stops
    wait: monologue
    seconds: 6
    hangs_up: yes
means: {outcome: refusal, fields: {day: [Mon, Monday]}}
rubric:
  - {item: gives_way, turn: stops, seconds: 2, weight: 3}
"""


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ScenarioError) as caught:
        read_scenario("en/broken", text)
    return [(fault.line, fault.sentence) for fault in caught.value.faults]


def test_a_file_becomes_a_scenario() -> None:
    scenario = read_scenario("en/short", RIGHT)
    assert (scenario.language, scenario.uses) == ("en", frozenset({Use.TRAINING}))
    assert [turn.waits for turn in scenario.turns] == [Waits.ANSWER, Waits.MONOLOGUE]
    assert scenario.turns[0].act is Act.GREETS
    assert scenario.turns[1].hangs_up
    assert scenario.means.outcome == ("refusal",)
    assert scenario.means.fields == {"day": ("Mon", "Monday")}
    assert scenario.rubric[0].manner is Manner.GIVES_WAY


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("title: A short one", "titel: A short one", 2, "titel means nothing"),
        ("uses: [training]", "uses: [fun]", 3, "fun is not one of"),
        ("voice: man", "voice: robot", 4, "robot is no voice"),
        ("patience: 5", "patience: soon", 4, "patience is a number from 2 to 60"),
        ("- say: Hello?", "- say: ''", 6, "say is empty"),
        ("seconds: 6", "seconds: 60", 10, "a number from 3 to 14"),
        ("    seconds: 6\n", "", 7, "needs seconds"),
        ("hangs_up: yes", "hangs_up: maybe", 11, "yes or no"),
        ("outcome: refusal", "outcome: maybe", 12, "maybe is no kind of outcome"),
        ("turn: stops", "turn: starts", 14, "the id of one of the turns (turn1, stops)"),
        ("item: gives_way, turn: stops, seconds: 2", "item: sings", 14, "sings is no item"),
        ("  - say: Hello?\n", "  - say: Hello?\n   bad: indent\n", 7, "not YAML"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, line: int, word: str) -> None:
    found = faults(RIGHT.replace(old, new, 1))
    assert any(at == line and word in sentence for at, sentence in found), found


def test_yaml_that_makes_objects_is_refused() -> None:
    text = RIGHT.replace("say: Stop!", "say: !!python/object/apply:os.getcwd []")
    assert faults(text)[0][0] == 7


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_comes_with_the_exchange_covers_what_operators_meet(language: str) -> None:
    own = [one for one in library.all_scenarios().values() if one.language == language]
    assert len([one for one in own if Use.TRAINING in one.uses]) >= 6
    assert len(library.scenarios_for(f"{language}-XX", Use.TEST)) >= 3
    assert len(library.scenarios_for(language, Use.GOLDEN)) >= 3
    outcomes = {kind for one in own for kind in one.means.outcome}
    assert outcomes >= {"success", "refusal", "call_back", "wrong_number", "no_conversation"}
    acts = {turn.act for one in own for turn in one.turns}
    assert acts >= {Act.OBJECTS, Act.CALL_BACK, Act.FETCHES, Act.WRONG_PERSON, Act.MACHINE}
    assert any(turn.waits is Waits.MONOLOGUE for one in own for turn in one.turns)


@pytest.mark.django_db
def test_an_exchange_has_its_own_and_a_broken_one_is_left_out(tmp_path: Path, settings: Any) -> None:
    settings.HEARTHLINE = settings.HEARTHLINE.model_copy(update={"data": tmp_path})
    folder = tmp_path / "scenarios" / "en"
    folder.mkdir(parents=True)
    (folder / "short.yaml").write_text(RIGHT)
    (folder / "agrees.yaml").write_text(RIGHT.replace("A short one", "Mine"))
    (folder / "broken.yaml").write_text("turns: 3")
    found = library.all_scenarios()
    assert found["en/short"].title == "A short one"
    assert found["en/agrees"].title == "Mine"
    assert "en/broken" not in found
    right, wrong = library.check(tmp_path / "scenarios")
    assert right == 2
    assert [error.slug for error in wrong] == ["en/broken"]


def test_a_recording_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "own.yaml").write_text(RIGHT.replace("say: Stop!", "say: Stop!\n    recording: stop.wav"))
    assert "stop.wav" in str(library.check(tmp_path)[1][0])
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "stop.wav").write_bytes(b"RIFF")
    assert "ffmpeg" in str(library.check(tmp_path)[1][0])
    write_wav(tmp_path / "recordings" / "stop.wav", bytes(1600))
    assert library.check(tmp_path) == (1, [])
